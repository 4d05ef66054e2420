import { describe, expect, test } from "vitest";
import { headerLine, headerLines, statusOf } from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { World, type WorldOptions } from "../support/world.ts";

const ALICE = "alice@sip.test";
const ALICE_URI = "sip:alice@sip.test";

/** Phones of alice that have registered one after the other, ten seconds apart. */
async function registered(
  count: number,
  policy: NonNullable<WorldOptions["policy"]>,
): Promise<{ readonly world: World; readonly phones: readonly Phone[] }> {
  const world = await World.start({ policy });
  const phones = Array.from({ length: count }, (_, at) =>
    world.phone("alice", `198.51.100.${at + 7}:40000`),
  );
  for (const phone of phones) {
    phone.register({ expires: 600 });
    world.pass(10);
  }
  return { world, phones };
}

function contactsOf(world: World): string[] {
  return (world.record(ALICE)?.bindings ?? []).map(({ contact }) => contact);
}

describe("over max_contacts", () => {
  const policy = { maxContacts: 2, maxContactsPolicy: "evict-oldest" } as const;

  test("the device heard least recently gives way, here and upstream", async () => {
    const { world, phones } = await registered(2, policy);
    const [first, second] = phones;
    // The first is heard again, so that the second is the oldest.
    first?.register({ expires: 600 });
    world.pass(10);
    const third = world.phone("alice", "198.51.100.99:40000");
    third.register({ expires: 600 });
    world.pass(10);
    expect(statusOf(third.last)).toBe(200);
    expect(contactsOf(world)).toEqual(
      [first?.contact, third.contact].map((uri) => uri?.slice(1, -1)),
    );
    expect(headerLine(third.last, "Contact")).not.toContain(second?.place);
    expect(world.main.contactsFor(ALICE_URI)).toHaveLength(2);
    expect([...world.store.deRegistrations()]).toEqual([]);
    const last = world.main.registers.at(-1) ?? "";
    expect(headerLine(last, "Contact")).toMatch(/;expires=0$/u);
  });

  test("nobody gives way to a device that the main registrar refuses", async () => {
    const { world } = await registered(2, policy);
    const before = contactsOf(world);
    world.main.isChallenging = true;
    const third = world.phone("alice", "198.51.100.99:40000");
    third.register({ expires: 600 });
    world.pass(10);
    expect(statusOf(third.last)).toBe(401);
    expect(contactsOf(world)).toEqual(before);
    expect(world.main.contactsFor(ALICE_URI)).toHaveLength(2);
  });

  test("a device that has moved takes its own place, a stranger none", async () => {
    const { world } = await registered(1, {
      maxContacts: 2,
      maxContactsPolicy: "evict-same-instance",
    });
    const instance = '+sip.instance="<urn:uuid:1>"';
    const [before, after, stranger] = ["198.51.100.20:1", "198.51.100.20:2", "198.51.100.21:1"].map(
      (place) => world.phone("alice", place),
    );
    for (const phone of [before, after]) {
      phone?.register({ contact: `${phone.contact};${instance}` });
      world.pass(1);
    }
    stranger?.register();
    world.pass(1);
    expect(after?.statuses).toEqual([200]);
    expect(stranger?.statuses).toEqual([503]);
    expect(contactsOf(world)).toEqual([
      "sip:alice@198.51.100.7:40000",
      "sip:alice@198.51.100.20:2",
    ]);
  });
});

/** A contact of one device, wherever it is. */
function contactAt(place: string): string {
  return `<sip:alice@${place}>;+sip.instance="<urn:uuid:1>"`;
}

describe("with matching_mode instance", () => {
  test("a device at a new address replaces itself, proven by the main registrar", async () => {
    const world = await World.start({ policy: { matchingMode: "instance" } });
    const [old, fresh] = ["198.51.100.7:40000", "198.51.100.7:41000"].map((place) =>
      world.phone("alice", place),
    );
    old?.register({ contact: contactAt("198.51.100.7:40000") });
    world.pass(1);
    const ctid = world.record(ALICE)?.bindings[0]?.ctid;
    fresh?.register({ contact: contactAt("198.51.100.7:41000") });
    world.pass(1);
    expect(world.main.registers).toHaveLength(2);
    expect(world.record(ALICE)?.bindings).toMatchObject([
      { ctid, contact: "sip:alice@198.51.100.7:41000" },
    ]);
    expect(world.main.contactsFor(ALICE_URI)).toHaveLength(1);
    fresh?.register({ contact: contactAt("198.51.100.7:41000") });
    world.pass(1);
    expect(world.main.registers).toHaveLength(2);
  });

  test("one whose user part is another each time leaves nothing behind upstream", async () => {
    const world = await World.start({ policy: { matchingMode: "instance" } });
    const phone = world.phone("alice", "198.51.100.7:40000");
    for (const user of ["x7f3", "q2k9"]) {
      phone.register({ contact: `<sip:${user}@198.51.100.7:40000>;+sip.instance="<urn:uuid:1>"` });
      world.pass(5);
    }
    expect(contactsOf(world)).toEqual(["sip:q2k9@198.51.100.7:40000"]);
    expect(world.main.contactsFor(ALICE_URI)).toHaveLength(1);
    expect(world.main.contactsFor(ALICE_URI)[0]).toMatch(/^sip:q2k9@/u);
  });

  test("without proof, a moved device is reached at its new address", async () => {
    const world = await World.start({ policy: { matchingMode: "instance", absorb: "open" } });
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register({ contact: contactAt("198.51.100.7:40000") });
    world.pass(1);
    phone.register({ contact: contactAt("198.51.100.7:41000") });
    world.pass(1);
    expect(world.main.registers).toHaveLength(1);
    expect(contactsOf(world)).toEqual(["sip:alice@198.51.100.7:41000"]);
    expect(headerLine(phone.last, "Contact")).toContain("<sip:alice@198.51.100.7:41000>");
  });
});

test("with matching_mode param, a device without the parameter swallows nobody", async () => {
  const world = await World.start({ policy: { matchingMode: "param:rinstance" } });
  const phones = ["198.51.100.7:40000", "198.51.100.8:40000"].map((place) =>
    world.phone("alice", place),
  );
  for (const [at, phone] of phones.entries()) {
    phone.register({
      contact: at === 0 ? `<sip:alice@${phone.place};rinstance=1>` : phone.contact,
    });
    world.pass(1);
  }
  expect(contactsOf(world)).toHaveLength(2);
});

test("with min_expires_mode reject, a lifetime too short ends with 423 before anybody hears of it", async () => {
  const world = await World.start({ policy: { minExpiresSec: 60, minExpiresMode: "reject" } });
  const phone = world.phone("alice", "198.51.100.7:40000");
  phone.register({ expires: 30 });
  world.pass(1);
  expect(statusOf(phone.last)).toBe(423);
  expect(headerLines(phone.last, "Min-Expires")).toEqual(["60"]);
  expect(world.main.registers).toEqual([]);
  phone.register({ expires: 60 });
  world.pass(1);
  expect(statusOf(phone.last)).toBe(200);
});

test("with path_mode strict, a phone that does not support Path is told so, and nothing is changed", async () => {
  const world = await World.start({ policy: { pathMode: "strict" } });
  const phone = world.phone("alice", "198.51.100.7:40000");
  const path = "Path: <sip:192.0.2.90;lr>";
  phone.register({ headers: [path] });
  world.pass(1);
  expect(statusOf(phone.last)).toBe(420);
  expect(headerLines(phone.last, "Unsupported")).toEqual(["path"]);
  expect(world.main.registers).toEqual([]);
  expect(world.record(ALICE)).toBeUndefined();
  for (let time = 0; time < 2; time += 1) {
    phone.register({ headers: [path, "Supported: path"] });
    world.pass(1);
    expect(statusOf(phone.last)).toBe(200);
    expect(headerLine(phone.last, "Path")).toBe("<sip:192.0.2.90;lr>");
  }
  expect(world.main.registers).toHaveLength(1);
});

test("with expires_range, phones that ask for the same lifetime come back at different times", async () => {
  const world = await World.start({ policy: { expiresRangePercent: 50 } });
  const phone = world.phone("alice", "198.51.100.7:40000");
  const granted = [0, 0.5, 0.99].map((fraction) => {
    world.ids.nextFraction = fraction;
    phone.register({ expires: 600 });
    world.pass(1);
    return /expires=(\d+)/u.exec(headerLine(phone.last, "Contact"))?.[1];
  });
  expect(granted).toEqual(["300", "450", "597"]);
  expect(world.main.registers).toHaveLength(1);
});
