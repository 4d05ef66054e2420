import { describe, expect, test } from "vitest";
import { FaultyStore } from "../support/faulty-store.ts";
import { headerLine, statusOf } from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { World } from "../support/world.ts";

const ALICE_URI = "sip:alice@sip.test";
const PLACE = "198.51.100.7:40000";

async function registered(policy = {}): Promise<{ world: World; phone: Phone }> {
  const world = await World.start({ policy });
  const phone = world.phone("alice", PLACE);
  phone.register();
  world.pass(1);
  expect(phone.statuses).toEqual([200]);
  return { world, phone };
}

/** A main registrar that does what it is told, and whose answers are all lost. */
function loseAnswers(world: World): void {
  world.main.answering = (text) => {
    world.main.answer(text);
    return [];
  };
}

describe("an answer that midreg never gets", () => {
  test("to a removal does not leave the device believed registered by its next refresh", async () => {
    const { world, phone } = await registered();
    loseAnswers(world);
    phone.register({ expires: 0 });
    world.pass(11);
    expect(statusOf(phone.last)).toBe(504);
    expect(world.main.contactsFor(ALICE_URI)).toEqual([]);
    world.main.answering = undefined;
    phone.register();
    world.pass(1);
    expect(statusOf(phone.last)).toBe(200);
    expect(world.main.contactsFor(ALICE_URI)).toHaveLength(1);
    phone.register();
    world.pass(1);
    // Trusted again: this one is absorbed.
    expect(new Set(world.main.registers).size).toBe(3);
  });

  test("to a stranger's removal does not stop the absorption of the owner's refreshes", async () => {
    const { world, phone } = await registered();
    world.main.isSilent = true;
    const mallory = world.phone("alice", "203.0.113.66:5060");
    mallory.register({ contact: `<sip:alice@${PLACE}>`, expires: 0 });
    world.pass(11);
    expect(statusOf(mallory.last)).toBe(504);
    phone.register();
    world.pass(1);
    expect(phone.statuses).toEqual([200, 200]);
  });

  test("to a refresh that shortened the registration is not overlooked", async () => {
    const { world, phone } = await registered();
    world.main.maxExpiresSec = 5;
    loseAnswers(world);
    phone.register({ headers: ["Require: made-up"] });
    world.pass(11);
    world.main.answering = undefined;
    world.main.maxExpiresSec = 3600;
    phone.register();
    world.pass(1);
    expect(world.main.contactsFor(ALICE_URI)).toHaveLength(1);
    expect(new Set(world.main.registers).size).toBe(3);
  });

  test("to a refresh does not leave the contact upstream when the device goes away", async () => {
    const { world, phone } = await registered({ outgoingExpiresSec: 70 });
    world.pass(30);
    loseAnswers(world);
    phone.register();
    world.pass(12);
    world.main.isSilent = true;
    world.pass(35);
    world.main.isSilent = false;
    world.main.answering = undefined;
    world.pass(30);
    expect(world.main.contactsFor(ALICE_URI)).toEqual([]);
  });
});

test("a change of midreg's own address leaves one contact at the main registrar, and no other", async () => {
  const clock = new VirtualClock();
  const store = new FaultyStore(clock);
  const world = await World.start({ clock, store, policy: { outgoingExpiresSec: 600 } });
  world.phone("alice", PLACE).register({ expires: 600 });
  world.pass(1);
  const [old = ""] = world.main.contactsFor(ALICE_URI);
  const stopped = world.server.drain();
  world.pass(11);
  await stopped;
  const next = await World.start({ clock, store, listeners: [["192.0.2.7", 5066]] });
  const phone = next.phone("alice", PLACE);
  phone.cseq = 1;
  phone.register({ expires: 600 });
  next.pass(3);
  expect(statusOf(phone.last)).toBe(200);
  const [register = "", removal = ""] = next.main.registers;
  expect(headerLine(register, "Contact")).toMatch(/^<sip:alice@192\.0\.2\.7:5066;ctid=/u);
  expect(headerLine(removal, "Contact")).toBe(`<${old}>;expires=0`);
  expect(headerLine(removal, "Call-ID")).not.toBe(headerLine(register, "Call-ID"));
  expect([...store.deRegistrations()]).toEqual([]);
});
