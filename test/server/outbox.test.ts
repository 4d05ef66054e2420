import { describe, expect, test } from "vitest";
import { buildChange } from "../../src/location/change.ts";
import type { LocationStore } from "../../src/ports.ts";
import { MAX_DEREGISTRATIONS_IN_FLIGHT } from "../../src/server/limits.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { buildBinding } from "../registrar/fixtures.ts";
import { FaultyStore } from "../support/faulty-store.ts";
import { answerTo, headerLine, headerLines } from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { World } from "../support/world.ts";

const ALICE = "alice@sip.test";
const ALICE_URI = "sip:alice@sip.test";
const PLACE = "198.51.100.7:40000";
/** Contact identifier of alice's phone there. */
const CTID = "f1d94a17a1c56583";
const commit = { committed: () => undefined, failed: () => undefined };

/** Owes a de-registration, due so many milliseconds from now, of a registration that lasts an hour. */
function owe(store: LocationStore, clock: VirtualClock, user: string, dueInMs = 0): void {
  const nowMs = clock.nowMs();
  const { upstream } = buildBinding({ upstream: { expiresAtMs: nowMs + 3_600_000 } });
  const entry = {
    ctid: user === "alice" ? CTID : user,
    aor: `${user}@sip.test`,
    upstream,
    dueAtMs: nowMs + dueInMs,
    attempts: 0,
  };
  store.save(buildChange(entry.aor, { enqueue: [entry] }), commit);
}

function results(world: World): { done: number; retry: number; given: number } {
  const count = (result: string): number =>
    world.recording.metrics.counter("deregistrations_total", { result }).n;
  return { done: count("done"), retry: count("retry"), given: count("given-up") };
}

describe("the outbox", () => {
  test("works off what a restart finds, each when it is due", async () => {
    const clock = new VirtualClock();
    const store = new MemoryStore();
    owe(store, clock, "now");
    owe(store, clock, "soon", 5500);
    owe(store, clock, "late", 60_000);
    const world = new World({ clock, store });
    await world.server.start();
    expect(world.recording.gauge("deregistrations_pending", {})).toBe(3);
    world.pass(1);
    expect(world.main.registers).toHaveLength(1);
    world.pass(4);
    expect(world.main.registers).toHaveLength(1);
    world.pass(2);
    expect(world.main.registers).toHaveLength(2);
    world.pass(60);
    expect(world.main.registers).toHaveLength(3);
    expect(results(world)).toEqual({ done: 3, retry: 0, given: 0 });
    expect(world.recording.gauge("deregistrations_pending", {})).toBe(0);
  });

  test(`has ${MAX_DEREGISTRATIONS_IN_FLIGHT} under way at once, and goes on as they end`, async () => {
    const clock = new VirtualClock();
    const store = new MemoryStore();
    for (let at = 0; at < 250; at += 1) owe(store, clock, `user${at}`);
    const world = new World({ clock, store });
    const answers: string[] = [];
    world.main.answering = (text) => {
      answers.push(world.main.answer(text));
      return [];
    };
    await world.server.start();
    world.pass(0.4);
    expect(new Set(world.main.registers).size).toBe(MAX_DEREGISTRATIONS_IN_FLIGHT);
    for (const answer of answers.slice(0, 10)) world.main.send(answer, "192.0.2.1:5060");
    world.pass(0.3);
    expect(new Set(world.main.registers).size).toBe(MAX_DEREGISTRATIONS_IN_FLIGHT + 10);
  });

  test("tries again with a higher CSeq after refusals and silence, and stops at success", async () => {
    const world = await World.start();
    world.phone("alice", PLACE).register({ expires: 20 });
    world.pass(15);
    const refusals = [401, 500, 0];
    world.main.answering = (text) => {
      const status = refusals.shift();
      if (status === 0) world.main.isSilent = true;
      if (status === undefined) return [world.main.answer(text)];
      return status === 0 ? [] : [answerTo(text, status, "No")];
    };
    world.pass(36);
    world.main.isSilent = false;
    world.pass(60);
    const sent = [...new Set(world.main.registers)].slice(1);
    expect(sent.map((text) => headerLine(text, "CSeq"))).toEqual([
      "2 REGISTER",
      "3 REGISTER",
      "4 REGISTER",
      "5 REGISTER",
    ]);
    expect(new Set(sent.map((text) => headerLine(text, "Call-ID"))).size).toBe(1);
    expect(results(world)).toEqual({ done: 1, retry: 3, given: 0 });
    expect(world.main.contactsFor(ALICE_URI)).toEqual([]);
  });

  test("gives up when the main registrar has forgotten by itself, and says so", async () => {
    const world = await World.start({ policy: { outgoingExpiresSec: 60 } });
    world.phone("alice", PLACE).register({ expires: 20 });
    world.pass(1);
    world.main.isSilent = true;
    world.pass(120);
    expect(results(world).given).toBe(1);
    expect([...world.store.deRegistrations()]).toEqual([]);
    expect(
      world.recording.lines.filter(({ level }) => level === "warn").map(({ text }) => text),
    ).toContain("de-registration given up");
  });

  test("keeps what it owes while nobody knows where the main registrar is", async () => {
    const clock = new VirtualClock();
    const store = new MemoryStore();
    owe(store, clock, "alice");
    const world = await World.start({ clock, store, upstreamUri: "sip:unknown.test" });
    world.pass(20);
    expect(world.main.registers).toEqual([]);
    expect([...store.deRegistrations()]).toMatchObject([{ attempts: 3 }]);
  });

  test("sends again later when the end of one could not be written", async () => {
    const clock = new VirtualClock();
    const store = new FaultyStore(clock);
    owe(store.inner, clock, "alice");
    const world = await World.start({ clock, store });
    store.isFailing = true;
    world.pass(1);
    expect(world.main.registers).toHaveLength(1);
    world.pass(6);
    expect(world.main.registers).toHaveLength(2);
    expect([...store.deRegistrations()]).toHaveLength(1);
    store.isFailing = false;
    world.pass(6);
    expect(world.main.registers).toHaveLength(3);
    expect([...store.deRegistrations()]).toEqual([]);
  });

  test("stops with the server", async () => {
    const clock = new VirtualClock();
    const store = new MemoryStore();
    owe(store, clock, "alice", 30_000);
    const world = await World.start({ clock, store });
    const stopped = world.server.drain();
    world.pass(11);
    await stopped;
    world.pass(60);
    expect(world.main.registers).toEqual([]);
  });
});

describe("what the store could not keep", () => {
  test("is taken back under its own identity, without the store", async () => {
    const { world, store } = await unstored();
    world.pass(3);
    const [register = "", undo = ""] = world.main.registers;
    expect(headerLine(undo, "Call-ID")).toBe(headerLine(register, "Call-ID"));
    expect(headerLine(undo, "CSeq")).toBe("2 REGISTER");
    expect(headerLine(undo, "Contact")).toBe(
      headerLine(register, "Contact").replace("expires=3600", "expires=0"),
    );
    expect(world.main.contactsFor(ALICE_URI)).toEqual([]);
    expect(store.asked).toHaveLength(1);
    expect(world.recording.gauge("deregistrations_pending", {})).toBe(0);
  });

  test("is tried again until that works or its time is over", async () => {
    const { world } = await unstored();
    world.pass(0.1);
    world.main.isSilent = true;
    world.pass(30);
    expect(world.recording.gauge("deregistrations_pending", {})).toBe(1);
    world.main.isSilent = false;
    world.pass(30);
    expect(world.main.contactsFor(ALICE_URI)).toEqual([]);
    expect(results(world)).toMatchObject({ done: 1, given: 0 });
    expect(world.recording.gauge("deregistrations_pending", {})).toBe(0);
  });

  test("does not make it forget what it owed for the same contact before", async () => {
    const clock = new VirtualClock();
    const store = new FaultyStore(clock);
    owe(store.inner, clock, "alice", 3000);
    const world = await World.start({ clock, store });
    store.isFailing = true;
    world.phone("alice", PLACE).register();
    world.pass(0.1);
    // What was owed before comes due while the new one is under way.
    world.main.answering = (text) => {
      const answer = world.main.answer(text);
      clock.later(5000, () => world.main.send(answer, "192.0.2.1:5060"));
      return [];
    };
    world.pass(30);
    expect(headerLine(world.main.registers[1] ?? "", "Contact")).toContain(CTID);
    expect(world.main.contactsFor(ALICE_URI)).toEqual([]);
    store.isFailing = false;
    world.pass(60);
    expect([...store.deRegistrations()]).toEqual([]);
    expect(world.recording.gauge("deregistrations_pending", {})).toBe(0);
  });

  test("does not collide with the next attempt of the phone, which has a name of its own", async () => {
    const { world, store, phone } = await unstored();
    world.pass(3);
    store.isFailing = false;
    phone.register();
    world.pass(3);
    const [first = "", , next = ""] = world.main.registers;
    expect(headerLine(next, "Call-ID")).not.toBe(headerLine(first, "Call-ID"));
    expect(world.record(ALICE)?.bindings).toHaveLength(1);
    expect(world.main.contactsFor(ALICE_URI)).toHaveLength(1);
  });
});

describe("a de-registration that waits while its device comes and goes", () => {
  test("is sent as it is owed by then, not as it was when it began to wait", async () => {
    const world = await World.start();
    const phone = world.phone("alice", PLACE);
    const other = world.phone("alice", "198.51.100.8:40000");
    phone.register({ expires: 20 });
    world.pass(1);
    world.main.isSilent = true;
    // Expired, and its first attempt has failed: one is owed.
    world.pass(35);
    expect([...world.store.deRegistrations()]).toHaveLength(1);
    const firstCallId = headerLine(world.main.registers[0] ?? "", "Call-ID");
    // The address-of-record is busy with others when the next attempt is due, and the device returns.
    world.main.isSilent = false;
    world.main.answering = (text) => {
      const answer = world.main.answer(text);
      world.clock.later(7000, () => world.main.send(answer, "192.0.2.1:5060"));
      return [];
    };
    other.register({ expires: 600 });
    phone.register({ expires: 10, callId: "another" });
    world.pass(120);
    expect([...world.store.deRegistrations()]).toEqual([]);
    const contacts = world.main.contactsFor(ALICE_URI);
    expect(contacts).toHaveLength(1);
    const last = world.main.registers.at(-1) ?? "";
    expect(headerLines(last, "Contact")[0]).toMatch(/;expires=0$/u);
    expect(headerLine(last, "Call-ID")).not.toBe(firstCallId);
  });
});

/** A main registrar that accepts while the store cannot write. */
async function unstored(): Promise<{ world: World; store: FaultyStore; phone: Phone }> {
  const clock = new VirtualClock();
  const store = new FaultyStore(clock);
  const world = await World.start({ clock, store });
  store.isFailing = true;
  const phone = world.phone("alice", PLACE);
  phone.register();
  return { world, store, phone };
}
