import { describe, expect, test } from "vitest";
import { methodOf } from "../support/messages.ts";
import { AWAKE, answers, BED, contactOf, DESK, got, SleepWorld } from "../support/sleepers.ts";

const MODES = ["mirror", "contact", "aor"] as const;

describe.each(MODES)("a call for a device that sleeps, in %s mode", (mode) => {
  test("is held while the device is pushed to, and reaches it once it has registered, once", async () => {
    const sleep = await SleepWorld.start({ policy: { mode } });
    const phone = sleep.sleeper();
    answers(phone, 180, 200);
    sleep.call();
    expect(sleep.pushes).toEqual(["call"]);
    expect(got(phone)).toEqual([]);
    expect(sleep.heard()).toEqual([100]);
    expect(sleep.pending).toEqual([1, 1]);
    for (const callId of ["woken-1", "woken-2", "woken-3"]) {
      phone.register({ contact: contactOf(BED), callId });
      sleep.pass(0.2);
    }
    expect(got(phone)).toHaveLength(1);
    expect(sleep.heard()).toEqual([100, 180, 200]);
    expect(sleep.wakes("registered")).toBe(1);
    expect(sleep.pending).toEqual([0, 0]);
  });

  test("waits for the main registrar to accept the REGISTER", async () => {
    const sleep = await SleepWorld.start({ policy: { mode } });
    const phone = sleep.sleeper();
    sleep.call();
    sleep.world.main.isChallenging = true;
    phone.register({ contact: contactOf(BED), callId: "woken" });
    sleep.pass(0.5);
    expect(phone.lastStatus).toBe(401);
    expect(got(phone)).toEqual([]);
    phone.register({
      contact: contactOf(BED),
      callId: "woken",
      headers: ['Authorization: Digest username="alice"'],
    });
    sleep.pass(0.5);
    expect(got(phone)).toHaveLength(1);
  });

  test("ends with 480 when the device does not come", async () => {
    const sleep = await SleepWorld.start({ policy: { mode } });
    const phone = sleep.sleeper();
    sleep.call();
    sleep.pass(5.5);
    expect(sleep.heard()).toEqual([100]);
    sleep.pass(1);
    expect(sleep.heard()).toEqual([100, 480]);
    expect(sleep.wakes("timeout")).toBe(1);
    phone.register({ contact: contactOf(BED), callId: "late" });
    sleep.pass(1);
    expect(got(phone)).toEqual([]);
  });

  test("is taken on by a single refresh that is answered here", async () => {
    const sleep = await SleepWorld.start({ policy: { mode } });
    const phone = sleep.sleeper();
    sleep.call();
    phone.register({ contact: contactOf(BED), expires: 600 });
    sleep.pass(0.2);
    expect(sleep.world.main.registers).toHaveLength(mode === "mirror" ? 2 : 1);
    expect(got(phone)).toHaveLength(1);
  });
});

describe("a device that comes back", () => {
  test("from another address gets the call there", async () => {
    const sleep = await SleepWorld.start();
    const phone = sleep.sleeper();
    const moved = sleep.world.phone("alice", AWAKE);
    sleep.call();
    moved.register({ contact: contactOf(BED), callId: "woken" });
    sleep.pass(0.5);
    expect(got(moved)).toHaveLength(1);
    expect(got(phone)).toEqual([]);
  });

  test("with a new token and another contact is known by its instance", async () => {
    const sleep = await SleepWorld.start();
    const instance = '+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"';
    sleep.sleeper(BED, { contact: `${contactOf(BED)};${instance}` });
    const moved = sleep.world.phone("alice", AWAKE);
    sleep.call();
    moved.register({
      contact: `${contactOf(AWAKE, "fedcba9876543210")};${instance}`,
      callId: "new",
    });
    sleep.pass(0.5);
    expect(got(moved)).toHaveLength(1);
  });

  test("is not taken for another device of the same user", async () => {
    const sleep = await SleepWorld.start({ policy: { mode: "aor" } });
    sleep.sleeper();
    const other = sleep.sleeper(DESK, { token: "ffffffffffffffff" });
    sleep.call();
    other.register({ contact: contactOf(DESK, "ffffffffffffffff"), expires: 600 });
    sleep.pass(0.5);
    expect(got(other)).toHaveLength(1);
    expect(sleep.pending).toEqual([1, 1]);
    expect(sleep.heard()).toEqual([100]);
  });
});

describe("devices that are awake", () => {
  test("ring at once, and the woken one joins them", async () => {
    const sleep = await SleepWorld.start({ policy: { mode: "aor" } });
    const phone = sleep.sleeper();
    const desk = sleep.world.phone("alice", DESK);
    desk.register({ expires: 600 });
    sleep.pass(1);
    answers(desk, 180);
    answers(phone, 180, 200);
    sleep.call();
    expect(got(desk)).toHaveLength(1);
    expect(got(phone)).toEqual([]);
    expect(sleep.heard()).toEqual([100, 180]);
    phone.register({ contact: contactOf(BED), expires: 600 });
    sleep.pass(0.5);
    expect(got(phone)).toHaveLength(1);
    expect(sleep.heard()).toEqual([100, 180, 200]);
    expect(desk.requests.map((text) => methodOf(text))).toContain("CANCEL");
  });

  test("that answer end the wait, and the sleeping one hears that the call is over", async () => {
    const sleep = await SleepWorld.start({ policy: { mode: "aor" } });
    const phone = sleep.sleeper();
    const desk = sleep.world.phone("alice", DESK);
    desk.register({ expires: 600 });
    sleep.pass(1);
    answers(desk, 200);
    sleep.call();
    expect(sleep.heard()).toEqual([100, 200]);
    expect(sleep.pushes).toEqual(["call", "call-over"]);
    const [first, second] = sleep.gateway.sent;
    expect(second?.topic).toBe(first?.topic);
    phone.register({ contact: contactOf(BED), expires: 600 });
    sleep.pass(1);
    expect(got(phone)).toEqual([]);
    expect(sleep.wakes("answered")).toBe(1);
  });

  test("that are busy do not end it: the caller waits for the one that sleeps", async () => {
    const sleep = await SleepWorld.start({ policy: { mode: "aor" } });
    const phone = sleep.sleeper();
    const desk = sleep.world.phone("alice", DESK);
    desk.register({ expires: 600 });
    sleep.pass(1);
    answers(desk, 486);
    answers(phone, 486);
    sleep.call();
    sleep.pass(1);
    expect(sleep.heard()).toEqual([100]);
    phone.register({ contact: contactOf(BED), expires: 600 });
    sleep.pass(1);
    expect(sleep.heard()).toEqual([100, 486]);
  });

  test("need no push for a while after they were heard, if that is wanted", async () => {
    const sleep = await SleepWorld.start({ push: { skipMs: 60_000 } });
    const phone = sleep.sleeper();
    answers(phone, 180);
    sleep.call();
    expect(sleep.pushes).toEqual([]);
    expect(got(phone)).toHaveLength(1);
    sleep.pass(60);
    sleep.call({ callId: "call-2" });
    expect(sleep.pushes).toEqual(["call"]);
  });
});

describe("the caller", () => {
  test("who gives up while the device sleeps hears 487, and the device hears that it is over", async () => {
    const sleep = await SleepWorld.start();
    const phone = sleep.sleeper();
    sleep.call();
    sleep.cancel();
    expect(sleep.heard()).toEqual([100, 487]);
    expect(sleep.heard("call-1", "CANCEL")).toEqual([200]);
    expect(sleep.pushes).toEqual(["call", "call-over"]);
    phone.register({ contact: contactOf(BED), expires: 600 });
    sleep.pass(1);
    expect(got(phone)).toEqual([]);
    expect(sleep.wakes("cancelled")).toBe(1);
  });

  test("who gives up later cancels a call that rings like any other", async () => {
    const sleep = await SleepWorld.start();
    const phone = sleep.sleeper();
    answers(phone, 180);
    sleep.call();
    phone.register({ contact: contactOf(BED), expires: 600 });
    sleep.pass(1);
    sleep.cancel();
    sleep.pass(1);
    expect(phone.requests.map((text) => methodOf(text))).toContain("CANCEL");
    expect(sleep.pushes).toEqual(["call"]);
  });

  test.each([
    [180, [100, 180, 480]],
    [182, [100, 182, 480]],
  ] as const)(
    "hears %i while the device wakes if that is configured",
    async (waitingStatus, heard) => {
      const sleep = await SleepWorld.start({ push: { waitingStatus } });
      sleep.sleeper();
      sleep.call();
      sleep.pass(10);
      expect(sleep.heard()).toEqual(heard);
    },
  );

  test("is not alone: two at once wake the device once, and both get through", async () => {
    const sleep = await SleepWorld.start();
    const phone = sleep.sleeper();
    answers(phone, 180);
    sleep.call();
    sleep.call({ callId: "call-2", from: "<sip:carol@sip.test>;tag=carol" });
    expect(sleep.pushes).toEqual(["call"]);
    expect(sleep.pending).toEqual([1, 2]);
    phone.register({ contact: contactOf(BED), expires: 600 });
    sleep.pass(0.5);
    expect(got(phone)).toHaveLength(2);
    expect(sleep.heard("call-1")).toEqual([100, 180]);
    expect(sleep.heard("call-2")).toEqual([100, 180]);
  });

  test("who gives up does not take the other one's wait along", async () => {
    const sleep = await SleepWorld.start();
    const phone = sleep.sleeper();
    sleep.call();
    sleep.call({ callId: "call-2", from: "<sip:carol@sip.test>;tag=carol" });
    sleep.cancel();
    expect(sleep.pushes).toEqual(["call"]);
    phone.register({ contact: contactOf(BED), expires: 600 });
    sleep.pass(0.5);
    expect(got(phone)).toHaveLength(1);
  });

  test("whose call comes for two contacts of one device rings it once", async () => {
    const sleep = await SleepWorld.start();
    const instance = '+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"';
    sleep.sleeper(BED, { contact: `${contactOf(BED)};${instance}` });
    const moved = sleep.sleeper(AWAKE, { contact: `${contactOf(AWAKE)};${instance}` });
    const [first = "", second = ""] = sleep.contacts;
    sleep.call({ contact: first, branch: "z9hG4bK-one" });
    sleep.call({ contact: second, branch: "z9hG4bK-two" });
    moved.register({ contact: `${contactOf(AWAKE)};${instance}`, expires: 600 });
    sleep.pass(0.5);
    expect(sleep.pushes).toEqual(["call"]);
    expect(got(moved)).toHaveLength(1);
  });
});
