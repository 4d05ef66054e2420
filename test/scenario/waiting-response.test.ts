/** What a caller is told while a device wakes up, and the early dialog that this is (RFC 3261 sections 12.1 and 12.2). */
import { describe, expect, test } from "vitest";
import {
  answerTo,
  headerLine,
  headerLines,
  message,
  methodOf,
  statusOf,
} from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { answers, BED, contactOf, got, SleepWorld } from "../support/sleepers.ts";
import { SERVER_PLACE, type WorldOptions } from "../support/world.ts";

const MAIN = "192.0.2.50:5060";
const ROUTES = ["<sip:192.0.2.50;lr;x=1>, <sip:edge.example;lr>", "<sip:192.0.2.60;lr>;y=2"];
const RECORDED = ROUTES.map((route) => `Record-Route: ${route}`);

interface Wait {
  readonly sleep: SleepWorld;
  readonly phone: Phone;
  /** What the caller was told. */
  readonly told: string;
}

async function wait(
  headers: readonly string[] = RECORDED,
  options: WorldOptions = {},
): Promise<Wait> {
  const sleep = await SleepWorld.start({ push: { waitingStatus: 182 }, ...options });
  const phone = sleep.sleeper();
  sleep.call({ headers });
  const told = sleep.world.main.responses.find((text) => statusOf(text) === 182) ?? "";
  return { sleep, phone, told };
}

function wakeUp({ sleep, phone }: Wait): void {
  phone.register({ contact: contactOf(BED), expires: 600 });
  sleep.pass(0.5);
}

function tagOf(text: string): string {
  return /;tag=(.+)$/u.exec(headerLine(text, "To"))?.[1] ?? "";
}

/** What the caller has heard with this status, as a whole. */
function heard({ sleep }: Wait, status: number): string {
  return sleep.world.main.responses.find((text) => statusOf(text) === status) ?? "";
}

/** The caller sends a request in the early dialog, by the route it was told or directly; its answers. */
function sendEarly({ sleep, told }: Wait, method: string, from = MAIN): number[] {
  const uri = headerLine(told, "Contact").slice(1, -1);
  const responses: number[] = [];
  const { network, main } = sleep.world;
  if (from !== MAIN) network.listen(from, (text) => void responses.push(statusOf(text)));
  const before = main.responses.length;
  const text = message(
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP ${from};branch=z9hG4bK-early-${method}-${from}`,
    "Max-Forwards: 70",
    "From: <sip:bob@sip.test>;tag=bob",
    `To: ${headerLine(told, "To")}`,
    "Call-ID: call-1",
    `CSeq: 2 ${method}`,
    ...(method === "PRACK" ? ["RAck: 1 1 INVITE"] : []),
    "Content-Length: 0",
  );
  network.send(text, from, SERVER_PLACE);
  sleep.pass(0.1);
  return [...responses, ...main.statuses.slice(before)];
}

describe("a caller who is told that the device is being woken", () => {
  test("gets the Record-Routes of its INVITE as they were, a contact, and the tag of what may follow", async () => {
    const all = await wait();
    expect(headerLines(all.told, "Record-Route")).toEqual(ROUTES);
    expect(headerLines(all.told, "Contact")).toEqual([`<sip:${SERVER_PLACE}>`]);
    expect(headerLines(all.told, "Require")).toEqual([]);
    expect(tagOf(all.told)).not.toBe("");
    all.sleep.pass(10);
    expect(all.sleep.heard()).toEqual([100, 182, 480]);
    expect(tagOf(heard(all, 480))).toBe(tagOf(all.told));
  });

  test("hears the same once, whatever is pushed and retransmitted", async () => {
    const { sleep, told } = await wait();
    sleep.call({ headers: RECORDED });
    const all = sleep.world.main.responses.filter((text) => statusOf(text) === 182);
    expect(new Set(all)).toEqual(new Set([told]));
    expect(sleep.pushes).toEqual(["call"]);
  });

  test("gets a dialog of its own with the device, beside the one with midreg", async () => {
    const all = await wait();
    answers(all.phone, 180, 200);
    wakeUp(all);
    expect(all.sleep.heard()).toEqual([100, 182, 180, 200]);
    const [ringing, ok] = [heard(all, 180), heard(all, 200)];
    expect([tagOf(ringing), tagOf(ok)]).toEqual([BED, BED]);
    expect(tagOf(all.told)).not.toBe(BED);
    // Requests in that one go through midreg, so that it has recorded itself there.
    expect(headerLines(ok, "Record-Route")[0]).toContain(SERVER_PLACE);
  });

  test.each(["UPDATE", "PRACK", "BYE", "INFO", "OPTIONS"])(
    "gets 481 to %s in the early dialog, and the call goes on",
    async (method) => {
      const all = await wait();
      answers(all.phone, 200);
      expect(sendEarly(all, method)).toEqual([481]);
      // From the caller itself, where the main registrar has not recorded a route.
      expect(sendEarly(all, method, "203.0.113.9:5060")).toEqual([481]);
      expect(all.sleep.pushes).toEqual(["call"]);
      wakeUp(all);
      expect(got(all.phone)).toHaveLength(1);
      expect(got(all.phone, method)).toEqual([]);
      expect(all.sleep.heard()).toEqual([100, 182, 200]);
    },
  );

  test("can cancel as ever", async () => {
    const all = await wait();
    all.sleep.cancel();
    expect(all.sleep.heard()).toEqual([100, 182, 487]);
    expect(tagOf(heard(all, 487))).toBe(tagOf(all.told));
  });
});

describe("a caller who knows reliable provisional responses (RFC 3262)", () => {
  test("and can do without gets an ordinary one", async () => {
    const { told } = await wait([...RECORDED, "Supported: 100rel, timer"]);
    expect(told).not.toBe("");
    expect(headerLine(told, "RSeq")).toBe("");
  });

  test("and requires them gets none of midreg's, but those of the device, and its PRACK gets there", async () => {
    const all = await wait([...RECORDED, "Require: 100rel"]);
    const { sleep, phone } = all;
    expect(all.told).toBe("");
    expect(sleep.heard()).toEqual([100]);
    const reliable = ["Require: 100rel", "RSeq: 7", `Contact: ${contactOf(BED)}`];
    phone.onRequest = (text, from) => {
      if (methodOf(text) !== "INVITE") return;
      const parts = { tag: "device", headers: reliable };
      phone.send(answerTo(text, 183, "Session Progress", parts), undefined, from);
    };
    wakeUp(all);
    expect(sleep.heard()).toEqual([100, 183]);
    const progress = heard(all, 183);
    expect(headerLines(progress, "RSeq")).toEqual(["7"]);
    const text = message(
      `PRACK ${headerLine(progress, "Contact").slice(1, -1)} SIP/2.0`,
      `Via: SIP/2.0/UDP ${MAIN};branch=z9hG4bK-prack`,
      `Route: ${headerLines(progress, "Record-Route")[0]}`,
      "Max-Forwards: 70",
      "From: <sip:bob@sip.test>;tag=bob",
      `To: ${headerLine(progress, "To")}`,
      "Call-ID: call-1",
      "CSeq: 2 PRACK",
      "RAck: 7 1 INVITE",
      "Content-Length: 0",
    );
    sleep.world.main.send(text, SERVER_PLACE);
    sleep.pass(0.1);
    expect(got(phone, "PRACK")).toHaveLength(1);
  });
});
