/** What a rotation of the install secret means for everything that was made with it (RFC 5626 section 5.2). */
import { describe, expect, test } from "vitest";
import { fromBob, MAIN_PLACE, ProxyStage } from "../conformance/proxy-rules/stage.ts";
import { buildInvite, PHONE_PLACE } from "../support/call-messages.ts";

const NEWER = "the secret that has come after it";

/** What is sent to the phone of a call that began before the secret was changed. */
async function inOldDialog(change: (stage: ProxyStage) => void): Promise<string[]> {
  const stage = await ProxyStage.open();
  const { own } = stage.call();
  change(stage);
  return stage.lines(fromBob("INFO", { route: own }), MAIN_PLACE);
}

/** What becomes of a call to a temporary GRUU that was given out before the secret was changed. */
async function toOldGruu(change: (stage: ProxyStage) => void): Promise<string[]> {
  const contact = `<sip:alice@${PHONE_PLACE}>;+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"`;
  const stage = await ProxyStage.open({}, { contact, headers: ["Supported: gruu"] });
  const [, uri = ""] = /temp-gruu="([^"]+)"/u.exec(stage.phone.last) ?? [];
  change(stage);
  return stage.lines(buildInvite({ uri }), MAIN_PLACE);
}

const ROTATED = (stage: ProxyStage): void => stage.world.ids.rotate(NEWER);
const FORGOTTEN = (stage: ProxyStage): void => stage.world.ids.rotate(NEWER, { isForgotten: true });

describe("a dialog", () => {
  test("goes on after a rotation", async () => {
    expect(await inOldDialog(ROTATED)).toEqual([
      `INFO sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`,
    ]);
  });

  test("is 403 once its secret is forgotten", async () => {
    expect(await inOldDialog(FORGOTTEN)).toEqual([`SIP/2.0 403 Forbidden > ${MAIN_PLACE}`]);
  });

  test("that begins after a rotation has nothing of the secret before", async () => {
    const stage = await ProxyStage.open();
    ROTATED(stage);
    const { own } = stage.call();
    FORGOTTEN(stage);
    expect(stage.lines(fromBob("INFO", { route: own }), MAIN_PLACE)).toEqual([
      `INFO sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`,
    ]);
  });
});

describe("a temporary GRUU", () => {
  test("stays valid after a rotation", async () => {
    expect(await toOldGruu(ROTATED)).toContain(
      `INVITE sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`,
    );
  });

  test("is not known once its secret is forgotten", async () => {
    expect(await toOldGruu(FORGOTTEN)).toEqual([`SIP/2.0 404 Not Found > ${MAIN_PLACE}`]);
  });
});

test("contacts keep their identifiers, and their refreshes are absorbed", async () => {
  const stage = await ProxyStage.open();
  const { contact } = stage;
  FORGOTTEN(stage);
  stage.phone.register({ expires: 600 });
  stage.world.pass(1);
  expect([stage.phone.lastStatus, stage.contact, stage.world.main.registers.length]).toEqual([
    200,
    contact,
    1,
  ]);
});
