import { describe, expect, test } from "vitest";
import type { Binding } from "../../src/location/binding.ts";
import { buildChange } from "../../src/location/change.ts";
import type { LocationStore } from "../../src/ports.ts";
import { MAX_EXPIRIES_PER_TICK } from "../../src/server/limits.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { buildBinding } from "../registrar/fixtures.ts";
import { FaultyStore } from "../support/faulty-store.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { World } from "../support/world.ts";

const commit = { committed: () => undefined, failed: () => undefined };

/** A binding that expires so many milliseconds from the start of the clock, forgotten upstream by then. */
function put(store: LocationStore, clock: VirtualClock, user: string, leftMs: number): void {
  const expiresAtMs = clock.nowMs() + leftMs;
  const parts: Partial<Binding> = { ctid: user, contact: `sip:${user}@h`, expiresAtMs };
  const binding = buildBinding({ ...parts, upstream: { expiresAtMs: 0 } });
  store.save(buildChange(`${user}@sip.test`, { put: [binding] }), commit);
}

function users(store: LocationStore): string[] {
  return [...store.records()].map(({ aor }) => aor.split("@")[0] ?? "");
}

describe("the sweep", () => {
  test.each([0, 1, 999, 1000, 1001, 30_500])(
    "ends a binding of a restart %i ms later, never early and within two seconds",
    async (leftMs) => {
      const clock = new VirtualClock();
      const store = new MemoryStore();
      put(store, clock, "a", leftMs);
      put(store, clock, "stays", 3_600_000);
      const world = new World({ clock, store });
      await world.server.start();
      world.clock.advance(Math.max(0, leftMs - 1));
      expect(users(store)).toEqual(["a", "stays"]);
      world.clock.advance(2001);
      expect(users(store)).toEqual(["stays"]);
    },
  );

  test("ends what expired long ago, while the process was down", async () => {
    const clock = new VirtualClock();
    const store = new MemoryStore();
    put(store, clock, "a", -86_400_000);
    const world = await World.start({ clock, store });
    world.pass(2);
    expect(users(store)).toEqual([]);
  });

  test("takes a crowd in slices, so that traffic comes in between", async () => {
    const clock = new VirtualClock();
    const store = new MemoryStore();
    const crowd = 2 * MAX_EXPIRIES_PER_TICK + 500;
    for (let at = 0; at < crowd; at += 1) put(store, clock, String(at), 10_000);
    const world = new World({ clock, store });
    await world.server.start();
    world.clock.advance(11_000);
    expect(store.status().aors).toBe(crowd - MAX_EXPIRIES_PER_TICK);
    world.clock.advance(20);
    expect(store.status().aors).toBe(500);
    world.clock.advance(20);
    expect(store.status().aors).toBe(0);
  });

  test("catches up after a machine was suspended for an hour", async () => {
    const clock = new VirtualClock();
    const store = new MemoryStore();
    put(store, clock, "a", 1_800_000);
    put(store, clock, "stays", 7_200_000);
    const world = await World.start({ clock, store });
    clock.leap(3_600_000);
    world.pass(2);
    expect(users(store)).toEqual(["stays"]);
  });

  test("ends only what has expired of an address-of-record, and the rest in its time", async () => {
    const world = await World.start();
    const first = world.phone("alice", "198.51.100.7:40000");
    const second = world.phone("alice", "198.51.100.8:40000");
    first.register({ expires: 20 });
    second.register({ expires: 40 });
    world.pass(25);
    expect(world.record("alice@sip.test")?.bindings.map(({ contact }) => contact)).toEqual([
      "sip:alice@198.51.100.8:40000",
    ]);
    world.pass(20);
    expect(world.record("alice@sip.test")).toBeUndefined();
    expect(world.recording.metrics.counter("usrloc_expired_total").n).toBe(2);
  });

  test("leaves a binding alone that is refreshed at the last moment", async () => {
    const world = await World.start();
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register({ expires: 20 });
    for (let count = 0; count < 20; count += 1) {
      world.pass(19.8);
      phone.register({ expires: 20 });
    }
    expect(phone.statuses).toHaveLength(20);
    expect(world.record("alice@sip.test")?.bindings).toHaveLength(1);
    expect(world.recording.metrics.counter("usrloc_expired_total").n).toBe(0);
  });

  test("waits for a REGISTER under way, and decides by what that has left", async () => {
    const world = await World.start();
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register({ expires: 20 });
    world.pass(15);
    world.main.answering = (text) => {
      const answer = world.main.answer(text);
      world.clock.later(9000, () => world.main.send(answer, "192.0.2.1:5060"));
      return [];
    };
    phone.register({ callId: "another", expires: 20 });
    world.pass(8);
    // Expired by now, but the address-of-record is busy.
    expect(world.record("alice@sip.test")?.bindings).toHaveLength(1);
    world.pass(3);
    expect(phone.statuses.at(-1)).toBe(200);
    expect(world.recording.metrics.counter("usrloc_expired_total").n).toBe(0);
    world.pass(25);
    expect(world.record("alice@sip.test")).toBeUndefined();
  });

  test("tries again later when too many wait for the address-of-record", async () => {
    const world = await World.start();
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register({ expires: 20 });
    world.pass(18);
    world.main.isSilent = true;
    phone.register({ callId: "x", expires: 20 });
    for (let at = 0; at < 17; at += 1)
      world.phone("alice", `198.51.100.9:${41_000 + at}`).register();
    world.pass(5);
    expect(world.record("alice@sip.test")?.bindings).toHaveLength(1);
    world.main.isSilent = false;
    world.main.answering = () => [];
    world.pass(300);
    expect(world.record("alice@sip.test")).toBeUndefined();
  });

  test("stops with the server", async () => {
    const clock = new VirtualClock();
    const store = new FaultyStore(clock);
    const world = await World.start({ clock, store });
    put(store, clock, "a", 60_000);
    const stopped = world.server.drain();
    world.pass(11);
    await stopped;
    world.pass(120);
    expect(users(store)).toEqual(["a"]);
  });
});
