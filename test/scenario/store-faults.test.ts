import { describe, expect, test } from "vitest";
import { FaultyStore } from "../support/faulty-store.ts";
import { answerTo, headerLine, message, statusOf } from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { SERVER_PLACE, World } from "../support/world.ts";

const ALICE = "alice@sip.test";
const ALICE_URI = "sip:alice@sip.test";

async function build(): Promise<{ world: World; store: FaultyStore; phone: Phone }> {
  const clock = new VirtualClock();
  const store = new FaultyStore(clock);
  const world = await World.start({ clock, store });
  return { world, store, phone: world.phone("alice", "198.51.100.7:40000") };
}

describe("an answer waits for its commit", () => {
  test("the 200 to an absorbed refresh leaves only then", async () => {
    const { world, store, phone } = await build();
    phone.register();
    world.pass(1);
    store.commitMs = 500;
    phone.register();
    world.pass(0.4);
    expect(phone.statuses).toEqual([200]);
    world.pass(0.2);
    expect(phone.statuses).toEqual([200, 200]);
  });

  test("the 200 to a forwarded REGISTER leaves only then", async () => {
    const { world, store, phone } = await build();
    store.commitMs = 500;
    phone.register();
    world.pass(0.4);
    expect(phone.statuses).toEqual([]);
    expect(world.main.contactsFor(ALICE_URI)).toHaveLength(1);
    world.pass(0.2);
    expect(phone.statuses).toEqual([200]);
  });
});

describe("a store that cannot write", () => {
  test("makes a first registration fail with 503, and takes it back upstream", async () => {
    const { world, store, phone } = await build();
    store.isFailing = true;
    phone.register();
    world.pass(0.2);
    expect(phone.statuses).toEqual([503]);
    expect(headerLine(phone.last, "Retry-After")).toBe("10");
    expect(world.record(ALICE)).toBeUndefined();
    world.pass(2);
    expect(world.main.contactsFor(ALICE_URI)).toEqual([]);
  });

  test("does not take back what the phone has registered meanwhile", async () => {
    const { world, store, phone } = await build();
    store.isFailing = true;
    phone.register();
    world.pass(0.02);
    store.isFailing = false;
    phone.register();
    world.pass(3);
    expect(phone.statuses).toEqual([503, 200]);
    expect(world.main.contactsFor(ALICE_URI)).toHaveLength(1);
  });

  test("makes a refresh fail with 503 and leaves the binding as it was, calls included", async () => {
    const { world, store, phone } = await build();
    phone.register();
    world.pass(1);
    const before = world.record(ALICE);
    store.isFailing = true;
    phone.register();
    world.pass(1);
    expect(phone.statuses).toEqual([200, 503]);
    expect(world.record(ALICE)).toEqual(before);
    const contact = world.main.contactsFor(ALICE_URI)[0] ?? "";
    phone.onRequest = (text) => phone.send(answerTo(text, 200, "OK"));
    world.main.send(
      message(
        `MESSAGE ${contact} SIP/2.0`,
        `Via: SIP/2.0/UDP ${world.main.place};branch=z9hG4bK-m`,
        "From: <sip:bob@sip.test>;tag=bob",
        "To: <sip:alice@sip.test>",
        "Call-ID: m",
        "CSeq: 1 MESSAGE",
        "Content-Length: 0",
      ),
      SERVER_PLACE,
    );
    world.pass(1);
    expect(world.main.statuses.at(-1)).toBe(200);
  });

  test("keeps an expired binding until its end can be written, and ends it then", async () => {
    const { world, store, phone } = await build();
    phone.register();
    world.pass(1);
    store.isFailing = true;
    world.pass(70);
    expect(world.record(ALICE)?.bindings).toHaveLength(1);
    store.isFailing = false;
    world.pass(5);
    expect(world.record(ALICE)).toBeUndefined();
    expect(world.main.contactsFor(ALICE_URI)).toEqual([]);
  });

  test("lets a phone come back once it can write again", async () => {
    const { world, store, phone } = await build();
    store.isFailing = true;
    phone.register();
    world.pass(5);
    store.isFailing = false;
    phone.register();
    world.pass(1);
    expect(statusOf(phone.last)).toBe(200);
    expect(world.record(ALICE)?.bindings).toHaveLength(1);
  });
});

describe("a restart with the same store", () => {
  test("finds timers, upstream state and ctid in place, and goes on absorbing", async () => {
    const { world, store, phone } = await build();
    phone.register();
    world.pass(1);
    const before = world.record(ALICE)?.bindings[0]?.ctid;
    await drained(world);
    const next = await World.start({ clock: world.clock, store });
    const same = next.phone("alice", "198.51.100.7:40000");
    same.cseq = phone.cseq;
    same.register();
    next.pass(1);
    expect(same.statuses).toEqual([200]);
    expect(next.main.registers).toEqual([]);
    expect(next.record(ALICE)?.bindings[0]?.ctid).toBe(before);
    next.pass(70);
    expect(headerLine(next.main.registers[0] ?? "", "Contact")).toMatch(/;expires=0$/u);
  });

  test("de-registers upstream what has expired in between", async () => {
    const { world, store, phone } = await build();
    phone.register();
    world.pass(1);
    await drained(world);
    world.clock.advance(300_000);
    const next = await World.start({ clock: world.clock, store });
    next.pass(5);
    expect(next.record(ALICE)).toBeUndefined();
    expect(headerLine(next.main.registers[0] ?? "", "CSeq")).toBe("2 REGISTER");
    expect([...store.deRegistrations()]).toEqual([]);
  });

  test("goes on with the de-registrations that were owed", async () => {
    const { world, store, phone } = await build();
    phone.register();
    world.pass(1);
    world.main.isSilent = true;
    world.pass(75);
    expect([...store.deRegistrations()]).toHaveLength(1);
    await drained(world);
    const next = await World.start({ clock: world.clock, store });
    next.pass(60);
    expect(next.main.registers).toHaveLength(1);
    expect([...store.deRegistrations()]).toEqual([]);
  });
});

describe("draining", () => {
  test("finishes the REGISTER under way, takes no new one, and then stops", async () => {
    const { world, phone } = await build();
    world.main.answering = (text) => {
      const answer = world.main.answer(text);
      world.clock.later(1000, () => world.main.send(answer, SERVER_PLACE));
      return [];
    };
    phone.register();
    world.pass(0.2);
    const other = world.phone("bob", "198.51.100.8:40000");
    const stopped = world.server.drain();
    other.register();
    world.pass(2);
    expect(phone.statuses).toEqual([200]);
    expect(other.statuses).toEqual([]);
    expect(await stopped).toBe(true);
    expect(world.record(ALICE)?.bindings).toHaveLength(1);
  });

  test("does not wait for ever", async () => {
    const { world, phone } = await build();
    world.main.answering = () => [];
    phone.register();
    world.pass(5);
    const stopped = world.server.drain();
    phone.send(message("INVITE sip:x@y SIP/2.0"));
    world.pass(11);
    expect(await stopped).toBe(true);
    expect(statusOf(phone.last)).toBe(504);
  });

  test("tells new callers to try elsewhere", async () => {
    const { world, phone } = await build();
    phone.register();
    world.pass(1);
    const contact = world.main.contactsFor(ALICE_URI)[0] ?? "";
    world.main.answering = () => [];
    phone.register({ expires: 0 });
    world.pass(0.1);
    const stopped = world.server.drain();
    world.main.send(
      message(
        `INVITE ${contact} SIP/2.0`,
        `Via: SIP/2.0/UDP ${world.main.place};branch=z9hG4bK-i`,
        "From: <sip:bob@sip.test>;tag=bob",
        "To: <sip:alice@sip.test>",
        "Call-ID: i",
        "CSeq: 1 INVITE",
        "Content-Length: 0",
      ),
      SERVER_PLACE,
    );
    world.pass(11);
    expect(world.main.statuses).toEqual([503]);
    await stopped;
  });
});

describe("the wall clock", () => {
  test.each([-7200_000, 7200_000])("may be set by %i ms without any effect", async (byMs) => {
    const { world, phone } = await build();
    phone.register();
    world.pass(1);
    world.clock.stepWall(byMs);
    phone.register();
    world.pass(30);
    expect(phone.statuses).toEqual([200, 200]);
    expect(world.main.registers).toHaveLength(1);
    expect(world.record(ALICE)?.bindings).toHaveLength(1);
    world.pass(40);
    expect(world.record(ALICE)).toBeUndefined();
  });
});

async function drained(world: World): Promise<void> {
  const stopped = world.server.drain();
  world.pass(11);
  await stopped;
}
