/** A device that the main registrar knows under several names rings once for a call (RFC 5626 section 7). */
import { describe, expect, test } from "vitest";
import type { Mode } from "../../src/location/binding.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { buildInvite } from "../support/call-messages.ts";
import { answerTo, methodOf, statusOf } from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { SERVER_PLACE, World, type WorldOptions } from "../support/world.ts";

const TO = "sip:alice@sip.test";
const INSTANCE = "urn:uuid:00000000-0000-4000-8000-00000000000d";
const GRUU = `${TO};gr=${INSTANCE}`;
const BEFORE = "198.51.100.7:40000";
const NOW = "198.51.100.8:40000";

interface Scene {
  readonly world: World;
  /** The device at the place that it has left, and at the one where it is. */
  readonly before: Phone;
  readonly now: Phone;
}

/** A device that has registered from two places, each time with a contact and a Call-ID of its own. */
async function scene(
  mode: Mode,
  options: WorldOptions = {},
  params: readonly [string, string] = ["", ""],
): Promise<Scene> {
  const world = await World.start({ ...options, policy: { ...options.policy, mode } });
  const before = world.phone("alice", BEFORE);
  const now = world.phone("alice", NOW);
  for (const [at, phone] of [before, now].entries()) {
    const contact = `<sip:alice@${phone.place}>;+sip.instance="<${INSTANCE}>"${params[at]}`;
    phone.register({ contact, headers: ["Supported: gruu, outbound, path"], expires: 600 });
    world.pass(1);
  }
  return { world, before, now };
}

/** The INVITE of one call, as a fork of the main registrar's to these contacts. */
function fork({ world }: Scene, uris: readonly string[], callId = "call-1"): void {
  for (const [at, uri] of uris.entries()) {
    const invite = buildInvite({ uri, branch: `z9hG4bK-${callId}-${at}` });
    world.main.send(invite.replace("Call-ID: call-1", `Call-ID: ${callId}`), SERVER_PLACE);
  }
  world.pass(1);
}

function answering({ before, now }: Scene, ...statuses: readonly number[]): void {
  for (const phone of [before, now]) {
    phone.onRequest = (text) => {
      const isInvite = methodOf(text) === "INVITE";
      if (!isInvite && methodOf(text) !== "MESSAGE") return;
      for (const status of statuses) phone.send(answerTo(text, status, "Said", { tag: "dev" }));
    };
  }
}

function rung({ before, now }: Scene): number[] {
  return [before, now].map(
    ({ requests }) => requests.filter((text) => methodOf(text) === "INVITE").length,
  );
}

/** Statuses by the branch of the fork. */
function heard({ world }: Scene): number[][] {
  const of = (at: number): number[] =>
    world.main.responses
      .filter((text) => text.includes(`branch=z9hG4bK-call-1-${at}`))
      .map((text) => statusOf(text));
  return [of(0), of(1)].map((statuses) => [...new Set(statuses)]);
}

describe.each<Mode>(["contact", "mirror"])("in mode %s", (mode) => {
  test.each([
    ["without reg-id", ["", ""]],
    ["with one reg-id", [";reg-id=1", ""]],
    ["with two", [";reg-id=1", ";reg-id=2"]],
  ] as const)("a fork to both contacts of an instance rings it once: %s", async (_, params) => {
    const all = await scene(mode, {}, params);
    answering(all, 180);
    expect(all.world.main.contactsFor(TO)).toHaveLength(2);
    fork(all, all.world.main.contactsFor(TO));
    expect(rung(all)).toEqual([0, 1]);
  });

  test("so does a fork to a contact and a GRUU of it", async () => {
    const all = await scene(mode);
    answering(all, 180);
    const [first = ""] = all.world.main.contactsFor(TO);
    fork(all, [GRUU, first]);
    expect(rung(all)).toEqual([0, 1]);
  });

  test("and one after a restart", async () => {
    const store = new MemoryStore();
    const all = await scene(mode, { store });
    const world = await World.start({ after: all.world, store, policy: { mode } });
    answering(all, 180);
    fork({ ...all, world }, world.main.contactsFor(TO));
    expect(rung(all)).toEqual([0, 1]);
  });
});

describe("where devices share a contact", () => {
  test("a fork to that and to a GRUU of one of them rings each once", async () => {
    const all = await scene("aor");
    const other = all.world.phone("alice", "198.51.100.9:40000");
    other.register({ expires: 600 });
    all.world.pass(1);
    answering({ ...all, before: other }, 180);
    const [shared = ""] = all.world.main.contactsFor(TO);
    fork(all, [GRUU, shared]);
    expect(rung(all)).toEqual([0, 1]);
    expect(other.requests.map(methodOf)).toEqual(["INVITE"]);
  });

  test("an instance of another address-of-record is another device", async () => {
    const all = await scene("aor");
    const other = all.world.phone("bob", NOW);
    other.register({
      contact: `<sip:bob@${NOW}>;+sip.instance="<${INSTANCE}>"`,
      expires: 600,
    });
    all.world.pass(1);
    answering({ ...all, before: other }, 180);
    const contacts = [TO, "sip:bob@sip.test"].flatMap((to) => all.world.main.contactsFor(to));
    expect(contacts).toHaveLength(2);
    const invites = (): number =>
      all.world.network.sent.filter(({ to, text }) => to === NOW && methodOf(text) === "INVITE")
        .length;
    fork(all, contacts);
    expect(invites()).toBe(2);
  });
});

describe("the other branch of such a fork", () => {
  test.each([486, 480, 500, 603])(
    "ends as the first one does, so that the caller hears why: %i",
    async (status) => {
      const all = await scene("contact");
      answering(all, 180);
      fork(all, all.world.main.contactsFor(TO));
      expect(heard(all)).toEqual([[100, 180], [100]]);
      const [invite = ""] = all.now.requests.filter((text) => methodOf(text) === "INVITE");
      all.now.send(answerTo(invite, status, "Said", { tag: "dev" }));
      all.world.pass(0.2);
      expect(heard(all)).toEqual([
        [100, 180, status],
        [100, status],
      ]);
    },
  );

  test("is none once the device has answered: 482", async () => {
    const all = await scene("contact");
    answering(all, 200);
    fork(all, all.world.main.contactsFor(TO));
    expect(rung(all)).toEqual([0, 1]);
    expect(heard(all)).toEqual([
      [100, 200],
      [100, 482],
    ]);
  });

  test("gets no challenge that the device has meant for the first: 482", async () => {
    const all = await scene("contact");
    answering(all, 407);
    fork(all, all.world.main.contactsFor(TO));
    expect(heard(all)).toEqual([
      [100, 407],
      [100, 482],
    ]);
  });

  test("may be cancelled by itself, and the device rings on", async () => {
    const all = await scene("contact");
    answering(all, 180);
    const contacts = all.world.main.contactsFor(TO);
    fork(all, contacts);
    const second = buildInvite({ uri: contacts[1] ?? "", branch: "z9hG4bK-call-1-1" });
    all.world.main.send(second.replaceAll("INVITE", "CANCEL"), SERVER_PLACE);
    all.world.pass(1);
    expect(heard(all)).toEqual([
      [100, 180],
      [100, 200, 487],
    ]);
    expect(all.now.requests.map(methodOf)).not.toContain("CANCEL");
  });

  test("of a MESSAGE hears what the first one does, or nothing where that hears nothing (RFC 4320)", async () => {
    for (const [status, second] of [
      [480, [480]],
      [200, [482]],
      [0, []],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop
      const all = await scene("contact");
      answering(all, ...(status === 0 ? [] : [status]));
      for (const [at, uri] of all.world.main.contactsFor(TO).entries()) {
        const text = buildInvite({ uri, branch: `z9hG4bK-call-1-${at}` });
        all.world.main.send(text.replaceAll("INVITE", "MESSAGE"), SERVER_PLACE);
      }
      all.world.pass(40);
      expect(heard(all).map((statuses) => statuses.filter((one) => one !== 100))).toEqual([
        status === 0 ? [] : [status],
        second,
      ]);
    }
  });

  test("is a call of its own when the first is over for some time: the main registrar tries again", async () => {
    const all = await scene("contact");
    answering(all, 486);
    const [first = "", second = ""] = all.world.main.contactsFor(TO);
    fork(all, [first]);
    all.world.pass(5);
    const again = buildInvite({ uri: second, branch: "z9hG4bK-again" });
    all.world.main.send(again, SERVER_PLACE);
    all.world.pass(1);
    expect(rung(all)).toEqual([0, 2]);
  });
});
