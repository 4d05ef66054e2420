import { describe, expect, test } from "vitest";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { AOR, AWAKE, answers, BED, contactOf, DESK, got, SleepWorld } from "../support/sleepers.ts";
import { World } from "../support/world.ts";

describe.each(["contact", "aor"] as const)(
  "a device whose registration has ended, in mode %s",
  (mode) => {
    test("is woken by a call while the main registrar still sends it here", async () => {
      const sleep = await SleepWorld.start({ policy: { mode } });
      const phone = sleep.sleeper();
      sleep.pass(1200);
      sleep.gateway.sent.length = 0;
      sleep.call();
      expect(sleep.pushes).toEqual(["call"]);
      const moved = sleep.world.phone("alice", AWAKE);
      answers(moved, 180, 200);
      moved.register({ contact: contactOf(AWAKE), callId: "woken" });
      sleep.pass(0.5);
      expect([got(phone), got(moved)].map((calls) => calls.length)).toEqual([0, 1]);
      expect(sleep.heard()).toEqual([100, 180, 200]);
      expect(sleep.contacts).toHaveLength(1);
    });

    test("has to prove itself like a new one, and is in no answer until it has", async () => {
      const sleep = await SleepWorld.start({ policy: { mode } });
      const phone = sleep.sleeper();
      sleep.pass(1200);
      sleep.world.main.isChallenging = true;
      phone.register({ contact: contactOf(BED) });
      sleep.pass(0.5);
      expect(phone.lastStatus).toBe(401);
      sleep.world.main.isChallenging = false;
      const desk = sleep.world.phone("alice", DESK);
      desk.register();
      sleep.pass(0.5);
      expect(desk.last).not.toContain(BED);
    });

    test("is forgotten with the registration upstream, and not called after that", async () => {
      const sleep = await SleepWorld.start({ policy: { mode } });
      sleep.sleeper();
      sleep.pass(3575);
      expect(sleep.contacts).toEqual([]);
      expect(sleep.world.record(AOR)).toBeUndefined();
      // The main registrar has forgotten it by itself: nothing is owed.
      expect(sleep.world.main.registers).toHaveLength(1);
    });

    test("is gone at its end where it is not to be woken after that", async () => {
      const sleep = await SleepWorld.start({ policy: { mode }, push: { afterExpiryMs: 0 } });
      sleep.sleeper();
      sleep.pass(580);
      expect(sleep.world.record(AOR)).toBeUndefined();
      expect(sleep.contacts).toEqual([]);
    });

    test("is still there after a restart", async () => {
      const store = new MemoryStore();
      const before = await SleepWorld.start({ policy: { mode }, store });
      before.sleeper();
      before.pass(1200);
      expect(before.world.record(AOR)?.bindings).toHaveLength(1);
      const { gateway } = before;
      gateway.sent.length = 0;
      await before.world.transport.stop();
      const options = { policy: { mode }, store, after: before.world, gateway };
      const after = new SleepWorld(await World.start(options), gateway);
      after.call();
      expect(after.pushes).toContain("call");
    });

    test("does not ring at its old address for what nobody is woken for", async () => {
      const sleep = await SleepWorld.start({ policy: { mode } });
      const phone = sleep.sleeper();
      sleep.pass(1200);
      sleep.call({ method: "OPTIONS" });
      sleep.pass(1);
      expect(phone.requests).toEqual([]);
      expect(sleep.heard("call-1", "OPTIONS")).toEqual([404]);
    });
  },
);

test("the last awake device that leaves does not take the sleeping one's registration along", async () => {
  const sleep = await SleepWorld.start({ policy: { mode: "aor" } });
  sleep.sleeper();
  sleep.pass(1200);
  const desk = sleep.world.phone("alice", DESK);
  desk.register();
  sleep.pass(1);
  desk.register({ expires: 0 });
  sleep.pass(1);
  expect(desk.lastStatus).toBe(200);
  expect(sleep.contacts).toHaveLength(1);
  sleep.call();
  expect(sleep.pushes.at(-1)).toBe("call");
});
