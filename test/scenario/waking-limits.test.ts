import { describe, expect, test } from "vitest";
import { message } from "../support/messages.ts";
import { AOR, answers, BED, contactOf, got, SleepWorld, TOKEN } from "../support/sleepers.ts";
import { POLICY } from "../support/world.ts";

describe("what is no INVITE", () => {
  test("is held and sent on as well", async () => {
    const sleep = await SleepWorld.start();
    const phone = sleep.sleeper();
    answers(phone, 200);
    sleep.call({ method: "MESSAGE" });
    expect(sleep.pushes).toEqual(["message"]);
    phone.register({ contact: contactOf(BED), expires: 600 });
    sleep.pass(0.5);
    expect(got(phone, "MESSAGE")).toHaveLength(1);
    expect(sleep.heard("call-1", "MESSAGE")).toEqual([200]);
  });

  test("is answered while its sender still waits, however long calls may wait", async () => {
    const sleep = await SleepWorld.start({ push: { wakeTimeoutMs: 60_000 } });
    sleep.sleeper();
    sleep.call({ method: "MESSAGE" });
    sleep.pass(19);
    expect(sleep.heard("call-1", "MESSAGE")).toEqual([100]);
    sleep.pass(2);
    expect(sleep.heard("call-1", "MESSAGE")).toEqual([100, 480]);
    expect(sleep.pushes).toEqual(["message"]);
  });

  test("is pushed again where a call needs the device sooner", async () => {
    const sleep = await SleepWorld.start();
    const phone = sleep.sleeper();
    sleep.call({ method: "MESSAGE" });
    sleep.call({ callId: "call-2" });
    sleep.call({ callId: "call-3", method: "MESSAGE" });
    expect(sleep.pushes).toEqual(["message", "call"]);
    phone.register({ contact: contactOf(BED), expires: 600 });
    sleep.pass(0.5);
    expect([got(phone), got(phone, "MESSAGE")].map(({ length }) => length)).toEqual([1, 2]);
  });

  test("wakes nobody when it only asks whether the device is there", async () => {
    const sleep = await SleepWorld.start();
    const phone = sleep.sleeper();
    sleep.call({ method: "OPTIONS" });
    expect(sleep.pushes).toEqual([]);
    expect(got(phone, "OPTIONS")).toHaveLength(1);
  });
});

describe("the push provider", () => {
  test("that knows the token to be dead ends the wait at once, and the device is pushed to no more", async () => {
    const sleep = await SleepWorld.start();
    sleep.sleeper();
    sleep.gateway.answer = () => ({ result: "dead-token", reason: "Unregistered" });
    sleep.call();
    sleep.pass(0.1);
    expect(sleep.heard()).toEqual([100, 480]);
    expect(sleep.wakes("dead-token")).toBe(1);
    expect(sleep.world.record(AOR)?.bindings.map(({ push }) => push)).toEqual([""]);
    sleep.call({ callId: "call-2" });
    expect(sleep.pushes).toEqual(["call"]);
  });

  test("that means a registration long past leaves a newer one as it is", async () => {
    const sleep = await SleepWorld.start();
    sleep.sleeper();
    const deadSinceMs = sleep.world.clock.nowMs() - 3_600_000;
    sleep.gateway.answer = () => ({ result: "dead-token", reason: "Unregistered", deadSinceMs });
    sleep.call();
    sleep.pass(0.1);
    expect(sleep.world.record(AOR)?.bindings.map(({ push }) => push)).not.toEqual([""]);
  });

  test("that will not take pushes from midreg ends the wait, too", async () => {
    const sleep = await SleepWorld.start();
    sleep.sleeper();
    sleep.gateway.answer = () => ({ result: "rejected", reason: "InvalidProviderToken" });
    sleep.call();
    sleep.pass(0.1);
    expect(sleep.heard()).toEqual([100, 480]);
    expect(sleep.pushes).toEqual(["call"]);
  });

  test.each(["throttled", "unavailable", "overloaded", "timeout"] as const)(
    "that is %s does not: the device may come by itself",
    async (result) => {
      const sleep = await SleepWorld.start();
      const phone = sleep.sleeper();
      sleep.gateway.answer = () => ({ result });
      sleep.call();
      sleep.pass(2);
      expect(sleep.heard()).toEqual([100]);
      phone.register({ contact: contactOf(BED), expires: 600 });
      sleep.pass(0.5);
      expect(got(phone)).toHaveLength(1);
    },
  );

  test("is told who calls only where that is wanted", async () => {
    for (const tellsCaller of [false, true]) {
      // oxlint-disable-next-line no-await-in-loop
      const sleep = await SleepWorld.start({ push: { tellsCaller } });
      sleep.sleeper();
      sleep.call({ from: '"Bob \\"B\\"" <sip:bob@sip.test>;tag=bob' });
      const caller = { uri: "sip:bob@sip.test", displayName: 'Bob "B"' };
      expect(sleep.gateway.sent[0]?.caller).toEqual(tellsCaller ? caller : undefined);
    }
  });

  test("hears nothing of a call that is over where its devices need not know", async () => {
    const sleep = await SleepWorld.start({ push: { callOver: ["fcm"] } });
    sleep.sleeper();
    sleep.call();
    sleep.cancel();
    expect(sleep.pushes).toEqual(["call"]);
  });
});

describe("pushes are kept from being abused:", () => {
  test("strangers cause none", async () => {
    const sleep = await SleepWorld.start();
    sleep.sleeper();
    const scanner = sleep.world.phone("scanner", "203.0.113.66:5060");
    const invite = message(
      `INVITE ${sleep.contacts[0] ?? ""} SIP/2.0`,
      "Via: SIP/2.0/UDP 203.0.113.66:5060;branch=z9hG4bK-scan",
      "Max-Forwards: 70",
      "From: <sip:100@sip.test>;tag=scan",
      "To: <sip:alice@sip.test>",
      "Call-ID: scan-1",
      "CSeq: 1 INVITE",
      "Content-Length: 0",
    );
    scanner.send(invite);
    sleep.pass(1);
    expect(scanner.lastStatus).toBe(403);
    expect(sleep.pushes).toEqual([]);
  });

  test.each([
    ["perCaller", "budget-caller", (n: number) => ({ callId: `call-${n}` })],
    [
      "perDevice",
      "budget-device",
      (n: number) => ({ callId: `call-${n}`, from: `<sip:caller${n}@sip.test>;tag=t` }),
    ],
    [
      "total",
      "budget-total",
      (n: number) => ({ callId: `call-${n}`, from: `<sip:caller${n}@sip.test>;tag=t` }),
    ],
  ] as const)("beyond %s a request goes the way there was", async (name, result, parts) => {
    const budget = { perCaller: 0, perDevice: 0, total: 0, [name]: 2 };
    const sleep = await SleepWorld.start({ push: { budget, callOver: [] } });
    const phone = sleep.sleeper();
    // So quickly one after another that a second brings no new pushes.
    for (let n = 1; n <= 3; n += 1) {
      sleep.call(parts(n));
      sleep.cancel(`call-${n}`);
    }
    expect(sleep.pushes).toEqual(["call", "call"]);
    expect(got(phone)).toHaveLength(1);
    expect(sleep.wakes(result)).toBe(1);
  });

  test("callers without a name are not one caller", async () => {
    const budget = { perCaller: 1, perDevice: 0, total: 0 };
    const sleep = await SleepWorld.start({ push: { budget, callOver: [] } });
    sleep.sleeper();
    for (let n = 1; n <= 3; n += 1) {
      const from = '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=t';
      sleep.call({ callId: `call-${n}`, from });
      sleep.cancel(`call-${n}`);
    }
    expect(sleep.pushes).toEqual(["call", "call", "call"]);
  });

  test("who joins a wait costs none of it", async () => {
    const budget = { perCaller: 1, perDevice: 1, total: 1 };
    const sleep = await SleepWorld.start({ push: { budget } });
    const phone = sleep.sleeper();
    sleep.call();
    sleep.call({ callId: "call-2" });
    phone.register({ contact: contactOf(BED), expires: 600 });
    sleep.pass(0.5);
    expect(got(phone)).toHaveLength(2);
  });
});

describe("what is left of a wake", () => {
  test("is a decision of the address-of-record, without the token", async () => {
    const sleep = await SleepWorld.start();
    sleep.sleeper();
    sleep.call();
    sleep.pass(7);
    const [latest] = sleep.world.server.admin.decisions(AOR);
    expect(latest).toMatchObject({
      kind: "wake",
      reason: "call",
      outcome: "timeout",
      contacts: 1,
      durationMs: 6000,
    });
    expect(JSON.stringify(sleep.world.server.admin.decisions(AOR))).not.toContain(TOKEN);
  });

  test("is in no line of the log with token or push resource", async () => {
    const sleep = await SleepWorld.start();
    const phone = sleep.sleeper();
    sleep.call();
    phone.register({ contact: contactOf(BED), expires: 600 });
    sleep.pass(1);
    sleep.gateway.answer = () => ({ result: "dead-token" });
    sleep.call({ callId: "call-2" });
    sleep.pass(1);
    const { lines } = sleep.world.recording;
    expect(lines.some(({ text }) => text === "wake")).toBe(true);
    expect(lines.some(({ text }) => text.includes("push token is dead"))).toBe(true);
    expect(JSON.stringify(lines)).not.toContain(TOKEN);
    expect(JSON.stringify(lines)).not.toContain("TEAM123456");
  });

  test("costs nothing where no provider is configured: the request is sent on", async () => {
    const sleep = await SleepWorld.start({
      gateway: undefined as never,
      policy: { push: POLICY.push },
    });
    const phone = sleep.sleeper();
    sleep.call();
    expect(got(phone)).toHaveLength(1);
  });
});
