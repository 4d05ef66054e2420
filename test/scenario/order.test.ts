import { describe, expect, test } from "vitest";
import { headerLine, headerLines, statusOf } from "../support/messages.ts";
import { World } from "../support/world.ts";

const ALICE = "alice@sip.test";
const ALICE_URI = "sip:alice@sip.test";

/** A world whose main registrar takes its time over REGISTERs. */
async function slowWorld(delayMs = 1000): Promise<World> {
  const world = await World.start();
  world.main.answering = (text) => {
    const answer = world.main.answer(text);
    world.clock.later(delayMs, () => world.main.send(answer, "192.0.2.1:5060"));
    return [];
  };
  return world;
}

describe("one REGISTER at a time for an address-of-record", () => {
  test("a second device waits until the first has its answer", async () => {
    const world = await slowWorld();
    const first = world.phone("alice", "198.51.100.7:40000");
    const second = world.phone("alice", "198.51.100.8:40000");
    first.register();
    second.register();
    world.pass(0.9);
    expect(new Set(world.main.registers).size).toBe(1);
    world.pass(0.2);
    expect(statusOf(first.last)).toBe(200);
    expect(new Set(world.main.registers).size).toBe(2);
    world.pass(1.5);
    expect(statusOf(second.last)).toBe(200);
    expect(headerLines(second.last, "Contact")).toHaveLength(1);
    expect(headerLine(second.last, "Contact").split(", ")).toHaveLength(2);
    expect(world.record(ALICE)?.bindings).toHaveLength(2);
  });

  test("other addresses-of-record are not held up", async () => {
    const world = await slowWorld();
    world.phone("alice", "198.51.100.7:40000").register();
    const bob = world.phone("bob", "198.51.100.8:40000");
    bob.register();
    world.pass(1.2);
    expect(statusOf(bob.last)).toBe(200);
  });

  test("a retransmission of the one under way is answered once, by its answer", async () => {
    const world = await slowWorld();
    const phone = world.phone("alice", "198.51.100.7:40000");
    const text = phone.register();
    world.pass(0.5);
    phone.send(text);
    world.pass(1);
    expect(phone.statuses).toEqual([200]);
    expect(new Set(world.main.registers).size).toBe(1);
    phone.send(text);
    world.pass(1);
    expect(phone.statuses).toEqual([200, 200]);
    expect(phone.responses[0]).toBe(phone.responses[1]);
  });

  test("retransmissions that wait behind another device do not pile up", async () => {
    const world = await slowWorld(3000);
    const first = world.phone("alice", "198.51.100.7:40000");
    const second = world.phone("alice", "198.51.100.8:40000");
    first.register();
    world.pass(0.1);
    const text = second.register();
    for (let count = 0; count < 5; count += 1) second.send(text);
    world.pass(10);
    expect(second.statuses.filter((status) => status === 200)).toEqual([200]);
    expect(new Set(world.main.registers).size).toBe(2);
  });

  test("a removal behind a refresh under way is decided after it", async () => {
    const world = await slowWorld();
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register();
    world.pass(0.1);
    phone.register({ expires: 0 });
    world.pass(3);
    expect(phone.statuses).toEqual([200, 200]);
    expect(world.record(ALICE)).toBeUndefined();
    expect(world.main.contactsFor(ALICE_URI)).toEqual([]);
  });

  test("a device that registers again while it is being de-registered stays registered", async () => {
    const world = await World.start();
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register();
    world.pass(1);
    // The de-registration will be under way when the phone comes back.
    world.main.answering = (text) => {
      const answer = world.main.answer(text);
      world.clock.later(2000, () => world.main.send(answer, "192.0.2.1:5060"));
      return [];
    };
    world.pass(61);
    phone.register();
    world.pass(10);
    expect(statusOf(phone.last)).toBe(200);
    expect(world.record(ALICE)?.bindings).toHaveLength(1);
    expect(world.main.contactsFor(ALICE_URI)).toHaveLength(1);
    expect([...world.store.deRegistrations()]).toEqual([]);
  });

  test("a device that comes back before its de-registration was tried cancels it", async () => {
    const world = await World.start();
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register();
    world.pass(1);
    world.main.isSilent = true;
    world.pass(75);
    expect([...world.store.deRegistrations()]).toHaveLength(1);
    world.main.isSilent = false;
    phone.register();
    world.pass(12);
    expect(statusOf(phone.last)).toBe(200);
    world.pass(30);
    expect([...world.store.deRegistrations()]).toEqual([]);
    expect(world.main.contactsFor(ALICE_URI)).toHaveLength(1);
  });

  test("too many devices waiting for one address-of-record are told to come back", async () => {
    const world = await slowWorld(9000);
    const phones = Array.from({ length: 20 }, (_, at) =>
      world.phone("alice", `198.51.100.7:${41_000 + at}`),
    );
    for (const phone of phones) phone.register();
    world.pass(1);
    const refused = phones.filter((phone) => statusOf(phone.last) === 503);
    expect(refused).toHaveLength(3);
    expect(headerLine(refused[0]?.last ?? "", "Retry-After")).toBe("13");
  });
});

describe("several contacts in one REGISTER", () => {
  const one = "<sip:alice@198.51.100.7:40000>";
  const two = "<sip:alice@198.51.100.7:40002>";

  test("are one decision and one request upstream", async () => {
    const world = await World.start();
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register({ contact: `${one}, ${two};q=0.5;expires=120` });
    world.pass(1);
    expect(world.main.registers).toHaveLength(1);
    const contacts = headerLine(world.main.registers[0] ?? "", "Contact").split(", ");
    expect(contacts).toHaveLength(2);
    expect(contacts[1]).toMatch(
      /^<sip:alice@192\.0\.2\.1:5060;ctid=[0-9a-f]{16}>;q=0\.5;expires=3600$/u,
    );
    expect(headerLine(phone.last, "Contact")).toBe(`${one};expires=60, ${two};q=0.5;expires=120`);
    phone.register({ contact: `${one}, ${two};q=0.5;expires=120` });
    world.pass(1);
    expect(world.main.registers).toHaveLength(1);
  });

  test("go upstream together when one of them has to", async () => {
    const world = await World.start();
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register({ contact: one });
    world.pass(1);
    phone.register({ contact: `${one}, ${two}` });
    world.pass(1);
    expect(world.main.registers).toHaveLength(2);
    expect(world.record(ALICE)?.bindings).toHaveLength(2);
    phone.register({ contact: `${one}, ${two};expires=0` });
    world.pass(1);
    expect(world.record(ALICE)?.bindings.map(({ contact }) => `<${contact}>`)).toEqual([one]);
    expect(world.main.contactsFor(ALICE_URI)).toHaveLength(1);
  });

  test("are all refused when one is not listed by the main registrar, and what was new is undone", async () => {
    const world = await World.start();
    world.main.answering = (text) => {
      const answer = world.main.answer(text);
      // Only the first contact is listed, though both are held.
      return [answer.replace(/(Contact: [^,\r]+), [^\r]+/u, "$1")];
    };
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register({ contact: `${one}, ${two}` });
    world.pass(0.2);
    expect(statusOf(phone.last)).toBe(500);
    expect(world.record(ALICE)).toBeUndefined();
    world.main.answering = undefined;
    world.pass(5);
    const undone = headerLine(world.main.registers[1] ?? "", "Contact");
    expect(undone).toMatch(/;expires=0$/u);
  });

  test("with * and anything else is refused, and so is * with a lifetime", async () => {
    const world = await World.start();
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register({ contact: `*, ${one}`, expires: 0 });
    phone.register({ contact: "*", expires: 60 });
    world.pass(1);
    expect(phone.statuses).toEqual([400, 400]);
    expect(world.main.registers).toEqual([]);
  });
});

describe("Contact: *", () => {
  test("removes every binding on both sides and owes nothing afterwards", async () => {
    const world = await World.start();
    const first = world.phone("alice", "198.51.100.7:40000");
    const second = world.phone("alice", "198.51.100.8:40000");
    first.register();
    second.register();
    world.pass(1);
    first.register({ contact: "*", expires: 0 });
    world.pass(1);
    expect(statusOf(first.last)).toBe(200);
    expect(headerLine(first.last, "Contact")).toBe("");
    expect(headerLine(world.main.registers[2] ?? "", "Contact")).toBe("*");
    expect(world.record(ALICE)).toBeUndefined();
    world.pass(200);
    expect(world.main.registers).toHaveLength(3);
  });
});

describe("limits checked before anything is forwarded", () => {
  test("max_contacts refuses a further device and leaves the others alone", async () => {
    const world = await World.start({ policy: { maxContacts: 1, retryAfterSec: 7 } });
    const first = world.phone("alice", "198.51.100.7:40000");
    const second = world.phone("alice", "198.51.100.8:40000");
    first.register();
    world.pass(1);
    second.register();
    world.pass(1);
    expect(second.statuses).toEqual([503]);
    expect(headerLine(second.last, "Retry-After")).toBe("9");
    expect(world.main.registers).toHaveLength(1);
    first.register();
    world.pass(1);
    expect(first.statuses).toEqual([200, 200]);
    first.register({ expires: 0 });
    world.pass(1);
    second.register();
    world.pass(1);
    expect(statusOf(second.last)).toBe(200);
  });

  test.each([
    [
      "a Contact URI over max_contact_len",
      { contact: `<sip:alice@198.51.100.7;x=${"a".repeat(2050)}>` },
    ],
    ["a Contact of another scheme", { contact: "<mailto:alice@sip.test>" }],
    ["a port beyond 65535", { contact: "<sip:alice@198.51.100.7:70000>" }],
    ["a q that is none", { contact: "<sip:alice@198.51.100.7>;q=2.0" }],
    ["an Expires that is none", { headers: ["Expires: soon"], expires: undefined }],
    ["a Call-ID over 255 bytes", { callId: "a".repeat(256) }],
    ["a Path without lr", { headers: ["Path: <sip:edge.test>"] }],
    ["a Path over 2048 bytes", { headers: [`Path: <sip:${"e".repeat(2048)}@edge.test;lr>`] }],
  ])("%s is a 400", async (_, options) => {
    const world = await World.start();
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register(options);
    world.pass(1);
    expect(phone.statuses).toEqual([400]);
    expect(world.main.registers).toEqual([]);
  });

  test("a REGISTER that may not travel further is absorbed if it can be, else refused with 483", async () => {
    const world = await World.start();
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.send(phone.buildRegister().replace("Max-Forwards: 70", "Max-Forwards: 0"));
    world.pass(1);
    phone.register();
    world.pass(1);
    phone.send(phone.buildRegister().replace("Max-Forwards: 70", "Max-Forwards: 0"));
    world.pass(1);
    expect(phone.statuses).toEqual([483, 200, 200]);
  });
});
