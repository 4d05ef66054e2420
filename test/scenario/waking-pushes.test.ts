/** Which pushes are sent while a device is woken, and what the end of each of them means for those who wait. */
import { describe, expect, test } from "vitest";
import type { Phone } from "../support/phone.ts";
import { BED, contactOf, DESK, got, SleepWorld } from "../support/sleepers.ts";

const OLD = "0000000000000000";
const NEW = "1111111111111111";

/** A device without an instance that has got a new token: both of them are bound until the older one ends. */
async function withTwoTokens(mode: "contact" | "aor"): Promise<SleepWorld> {
  const sleep = await SleepWorld.start({ policy: { mode } });
  const phone = sleep.sleeper(BED, { token: OLD });
  phone.register({ contact: contactOf(BED, NEW), expires: 600 });
  sleep.pass(31);
  return sleep;
}

function tokensPushedTo({ gateway }: SleepWorld): string[] {
  return gateway.sent.map(({ device }) => device.prid);
}

describe.each(["contact", "aor"] as const)("a device with a new token, in mode %s", (mode) => {
  test.each([
    ["though the older one is dead", { result: "dead-token", reason: "Unregistered" } as const],
    ["though nothing comes of the older one", {}],
  ])("is woken by the new one %s, and rings once", async (_, answer) => {
    const sleep = await withTwoTokens(mode);
    sleep.gateway.answer = ({ device }) => (device.prid === OLD ? answer : {});
    for (const [at, contact] of sleep.contacts.entries()) {
      sleep.call({ contact, branch: `z9hG4bK-${at}` });
    }
    expect(tokensPushedTo(sleep).toSorted()).toEqual([OLD, NEW]);
    expect(sleep.pending[0]).toBe(1);
    const phone = sleep.world.phone("alice", BED);
    phone.register({ contact: contactOf(BED, NEW), callId: "woken" });
    sleep.pass(0.5);
    expect(got(phone)).toHaveLength(1);
    expect(sleep.pending).toEqual([0, 0]);
  });

  test("ends the wait when both are dead", async () => {
    const sleep = await withTwoTokens(mode);
    sleep.gateway.answer = () => ({ result: "dead-token", reason: "Unregistered" });
    for (const [at, contact] of sleep.contacts.entries()) {
      sleep.call({ contact, branch: `z9hG4bK-${at}` });
    }
    sleep.pass(0.1);
    expect(sleep.heard()).toEqual([100, 480]);
    expect(sleep.pending).toEqual([0, 0]);
  });
});

describe("a call that is over", () => {
  test("before its push has left is not pushed at all, and needs no other push to say so", async () => {
    const sleep = await SleepWorld.start();
    sleep.sleeper();
    sleep.gateway.isBusy = true;
    sleep.call();
    sleep.cancel();
    expect(sleep.gateway.calledOff.map(({ purpose }) => purpose)).toEqual(["call"]);
    sleep.gateway.goOn();
    sleep.pass(1);
    expect(sleep.pushes).toEqual([]);
  });

  test("while its push is under way is told of when the provider has taken that, and not before it", async () => {
    const sleep = await SleepWorld.start();
    sleep.sleeper();
    sleep.gateway.delayMs = 1000;
    sleep.call();
    sleep.cancel();
    expect(sleep.heard()).toEqual([100, 487]);
    expect(sleep.pushes).toEqual(["call"]);
    sleep.pass(1);
    expect(sleep.pushes).toEqual(["call", "call-over"]);
  });

  test.each([
    ["accepted", ["call", "call-over"]],
    // It may have arrived all the same.
    ["timeout", ["call", "call-over"]],
    ["unavailable", ["call"]],
    ["throttled", ["call"]],
  ] as const)("is told of where the device may have heard of it: %s", async (result, pushes) => {
    const sleep = await SleepWorld.start();
    sleep.sleeper();
    sleep.gateway.answer = ({ purpose }) => (purpose === "call" ? { result } : {});
    sleep.call();
    sleep.pass(7);
    expect(sleep.heard()).toEqual([100, 480]);
    expect(sleep.pushes).toEqual(pushes);
  });

  test("is not told of when the device has got it", async () => {
    const sleep = await SleepWorld.start();
    const phone = sleep.sleeper();
    sleep.call();
    phone.register({ contact: contactOf(BED), expires: 600 });
    sleep.pass(0.5);
    sleep.cancel();
    sleep.pass(60);
    expect(sleep.pushes).toEqual(["call"]);
  });

  test("a device that comes by itself gets the call and no push for it any more", async () => {
    const sleep = await SleepWorld.start();
    const phone = sleep.sleeper();
    sleep.gateway.isBusy = true;
    sleep.call();
    phone.register({ contact: contactOf(BED), expires: 600 });
    sleep.pass(0.5);
    sleep.gateway.goOn();
    sleep.pass(1);
    expect(got(phone)).toHaveLength(1);
    expect(sleep.pushes).toEqual([]);
  });
});

/** A message and a call wait; both pushes are under way at the same time. */
async function both(
  answer: SleepWorld["gateway"]["answer"],
): Promise<{ readonly sleep: SleepWorld; readonly phone: Phone }> {
  const sleep = await SleepWorld.start();
  const phone = sleep.sleeper();
  sleep.gateway.answer = answer;
  sleep.gateway.isBusy = true;
  sleep.call({ callId: "text-1", method: "MESSAGE" });
  sleep.call();
  sleep.gateway.goOn();
  sleep.pass(0.5);
  expect(sleep.pushes).toEqual(["message", "call"]);
  return { sleep, phone };
}

describe("a call that joins a message's wait", () => {
  test("goes on when the device can be woken by calls only", async () => {
    const { sleep, phone } = await both(({ purpose }) =>
      purpose === "message" ? { result: "rejected", reason: "voip-token-only" } : {},
    );
    expect(sleep.heard()).toEqual([100]);
    phone.register({ contact: contactOf(BED), callId: "woken" });
    sleep.pass(0.5);
    expect([got(phone), got(phone, "MESSAGE")].map(({ length }) => length)).toEqual([1, 1]);
  });

  test("does not end the message's wait when its own push is refused", async () => {
    const { sleep, phone } = await both(({ purpose }) =>
      purpose === "call" ? { result: "rejected", reason: "TopicDisallowed" } : {},
    );
    expect(sleep.heard("text-1", "MESSAGE")).toEqual([]);
    phone.register({ contact: contactOf(BED), callId: "woken" });
    sleep.pass(0.5);
    expect(got(phone, "MESSAGE")).toHaveLength(1);
  });
});

/** As Asterisk does of waiting messages; the device registers on each push. */
async function chatter(mode: "mirror" | "contact"): Promise<SleepWorld> {
  const sleep = await SleepWorld.start({ policy: { mode } });
  const { main, clock } = sleep.world;
  const phone = sleep.sleeper();
  let count = 0;
  main.answering = (text) => {
    clock.later(50, () => {
      count += 1;
      sleep.send({ method: "NOTIFY", callId: `mwi-${count}` });
    });
    return [main.answer(text)];
  };
  sleep.gateway.onPush = () => phone.register({ contact: contactOf(BED), expires: 600 });
  phone.register({ contact: contactOf(BED), expires: 600, callId: "restart" });
  return sleep;
}

describe("a main registrar that sends NOTIFY after each REGISTER", () => {
  test.each(["mirror", "contact"] as const)("keeps no device awake, in mode %s", async (mode) => {
    const sleep = await chatter(mode);
    sleep.pass(300);
    expect(sleep.pushes.length).toBeLessThanOrEqual(1);
  });

  test("wakes it when it has been silent for a while", async () => {
    const sleep = await SleepWorld.start();
    const phone = sleep.sleeper();
    sleep.call({ method: "NOTIFY" });
    expect(sleep.pushes).toEqual(["request"]);
    phone.register({ contact: contactOf(BED), expires: 600 });
    sleep.pass(0.5);
    expect(got(phone, "NOTIFY")).toHaveLength(1);
    sleep.call({ method: "NOTIFY", callId: "call-2" });
    expect(got(phone, "NOTIFY")).toHaveLength(2);
    expect(sleep.pushes).toEqual(["request"]);
    // A call is another matter: nothing may be lost of it.
    sleep.call({ callId: "call-3" });
    expect(sleep.pushes).toEqual(["request", "call"]);
  });
});

describe("when midreg stops", () => {
  test("calls that wait still reach their devices, and nobody else registers", async () => {
    const sleep = await SleepWorld.start();
    const phone = sleep.sleeper();
    sleep.call();
    const drained = sleep.world.server.drain();
    const other = sleep.world.phone("bob", DESK);
    other.register();
    sleep.pass(0.2);
    expect(other.responses).toEqual([]);
    phone.register({ contact: contactOf(BED), callId: "woken" });
    sleep.pass(0.5);
    expect(got(phone)).toHaveLength(1);
    sleep.pass(12);
    await drained;
  });

  test("callers whose devices have not come by then hear it", async () => {
    const sleep = await SleepWorld.start({ push: { wakeTimeoutMs: 60_000 } });
    sleep.sleeper();
    sleep.call();
    const drained = sleep.world.server.drain();
    sleep.pass(9.5);
    expect(sleep.heard()).toEqual([100]);
    sleep.pass(1);
    await drained;
    sleep.pass(1);
    expect(sleep.heard()).toEqual([100, 480]);
  });
});
