import { describe, expect, test } from "vitest";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { answerTo, headerLine, headerLines } from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { World, type WorldOptions } from "../support/world.ts";

const ALICE = "alice@sip.test";
const TO = "sip:alice@sip.test";
const SHARED = "sip:alice%40sip.test@192.0.2.1:5060";

async function startWorld(options: WorldOptions = {}): Promise<World> {
  const policy = { mode: "aor" as const, outgoingExpiresSec: 600, ...options.policy };
  return World.start({ ...options, policy });
}

interface Devices {
  readonly world: World;
  readonly desk: Phone;
  readonly mobile: Phone;
}

/** Two devices of one user, both registered. */
async function startTwo(options: WorldOptions = {}): Promise<Devices> {
  const world = await startWorld(options);
  const desk = world.phone("alice", "198.51.100.7:40000");
  const mobile = world.phone("alice", "198.51.100.8:40000");
  for (const phone of [desk, mobile]) {
    phone.register();
    world.pass(1);
  }
  return { world, desk, mobile };
}

function contactsOf(world: World): string[] {
  return (world.record(ALICE)?.bindings ?? []).map(({ contact }) => contact);
}

describe("all devices of a user share one registration upstream", () => {
  test("made of the address-of-record, for the lifetime that is set (spec section 1.5)", async () => {
    const { world, desk, mobile } = await startTwo();
    expect(world.main.registers.map((text) => headerLines(text, "Contact"))).toEqual([
      [`<${SHARED}>;expires=600`],
      [`<${SHARED}>;expires=600`],
    ]);
    expect(world.main.registers.map((text) => headerLine(text, "Expires"))).toEqual(["600", "600"]);
    expect(world.main.contactsFor(TO)).toEqual([SHARED]);
    expect([desk.lastStatus, mobile.lastStatus]).toEqual([200, 200]);
    expect(headerLine(mobile.last, "Contact")).toBe(
      `${desk.contact};expires=59, ${mobile.contact};expires=60`,
    );
    // T21: the main registrar's lifetime must not contradict the contacts.
    expect(headerLines(mobile.last, "Expires")).toEqual([]);
  });

  test("under one Call-ID with a rising CSeq (T5)", async () => {
    const { world } = await startTwo();
    const [first = "", second = ""] = world.main.registers;
    expect(headerLine(second, "Call-ID")).toBe(headerLine(first, "Call-ID"));
    expect([first, second].map((text) => headerLine(text, "CSeq"))).toEqual([
      "1 REGISTER",
      "2 REGISTER",
    ]);
  });

  test.each([
    ["another escape", { atEscapeStr: "___" }, "sip:alice___sip.test@192.0.2.1:5060"],
    ["parameters", { extraContactParams: ";site=b" }, `${SHARED};site=b`],
  ])("written with %s where that is set", async (_, policy, contact) => {
    const world = await startWorld({ policy });
    world.phone("alice", "198.51.100.7:40000").register();
    world.pass(1);
    expect(world.main.contactsFor(TO)).toEqual([contact]);
  });

  test("and each refresh is absorbed, whichever device sends it", async () => {
    const { world, desk, mobile } = await startTwo();
    for (let round = 0; round < 4; round += 1) {
      world.pass(30);
      desk.register();
      mobile.register();
    }
    world.pass(1);
    expect(world.main.registers).toHaveLength(2);
    expect(new Set([...desk.statuses, ...mobile.statuses])).toEqual(new Set([200]));
  });

  test("T3: a longer lifetime than is left upstream is forwarded, however short the other's is", async () => {
    const { world, desk, mobile } = await startTwo();
    world.pass(20);
    desk.register({ expires: 4 });
    world.pass(1);
    expect(world.main.registers).toHaveLength(2);
    mobile.register({ expires: 590 });
    world.pass(1);
    expect(world.main.registers).toHaveLength(3);
    const upstreamMs = world.main.expiryOf(TO, SHARED) ?? 0;
    for (const binding of world.record(ALICE)?.bindings ?? []) {
      expect(binding.expiresAtMs).toBeLessThanOrEqual(upstreamMs);
      expect(binding.upstream.expiresAtMs).toBeLessThanOrEqual(upstreamMs);
    }
  });

  test("a grant that is shortened shortens what depends on it", async () => {
    const { world, desk, mobile } = await startTwo();
    desk.register({ expires: 500 });
    world.pass(1);
    world.main.maxExpiresSec = 40;
    mobile.register({ callId: "after-a-reboot" });
    world.pass(1);
    const upstreamMs = world.main.expiryOf(TO, SHARED) ?? 0;
    for (const { expiresAtMs } of world.record(ALICE)?.bindings ?? []) {
      expect(expiresAtMs).toBeLessThanOrEqual(upstreamMs - 1000);
    }
  });
});

describe("a new device", () => {
  test("differs (T1, A4): is never believed on its own word, and a refusal changes nothing", async () => {
    const world = await startWorld();
    const desk = world.phone("alice", "198.51.100.7:40000");
    desk.register();
    world.pass(1);
    world.main.answering = (text) => [answerTo(text, 403, "Forbidden")];
    const stranger = world.phone("alice", "203.0.113.66:5060");
    stranger.register();
    world.pass(1);
    expect(stranger.lastStatus).toBe(403);
    expect(contactsOf(world)).toEqual(["sip:alice@198.51.100.7:40000"]);
    expect(world.main.contactsFor(TO)).toEqual([SHARED]);
  });

  test("goes through the main registrar's challenge under the same identity", async () => {
    const { world } = await startTwo();
    world.main.isChallenging = true;
    const tablet = world.phone("alice", "198.51.100.9:40000");
    tablet.register();
    world.pass(1);
    expect(tablet.lastStatus).toBe(401);
    tablet.register({ headers: ['Authorization: Digest username="alice"'] });
    world.pass(1);
    expect(tablet.lastStatus).toBe(200);
    const callIds = new Set(world.main.registers.map((text) => headerLine(text, "Call-ID")));
    expect(callIds.size).toBe(1);
    expect(world.main.contactsFor(TO)).toEqual([SHARED]);
    expect(contactsOf(world)).toHaveLength(3);
  });

  test("whose acceptance does not list the shared contact is told so (T9, T14)", async () => {
    const { world, desk } = await startTwo();
    world.main.answering = (text) => [answerTo(text, 200, "OK")];
    const tablet = world.phone("alice", "198.51.100.9:40000");
    tablet.register();
    world.pass(1);
    expect(tablet.lastStatus).toBe(500);
    expect(contactsOf(world)).toHaveLength(2);
    world.main.answering = undefined;
    // What the others share is doubted now: the next refresh makes sure of it.
    desk.register();
    world.pass(1);
    expect(world.main.registers).toHaveLength(4);
    desk.register();
    world.pass(1);
    expect(world.main.registers).toHaveLength(4);
  });
});

describe("credentials that no longer do (T25)", () => {
  test("of one device do not cost the others their registration", async () => {
    const { world, desk, mobile } = await startTwo({ policy: { outgoingExpiresSec: 200 } });
    world.main.isChallenging = true;
    // The desk phone never has the right password again; the mobile has.
    for (let at = 0; at < 400; at += 20) {
      desk.register();
      mobile.register();
      world.pass(1);
      if (mobile.lastStatus === 401) mobile.register({ headers: ["Authorization: Digest x=y"] });
      world.pass(19);
      expect(world.main.contactsFor(TO)).toEqual([SHARED]);
    }
    expect(mobile.lastStatus).toBe(200);
    expect(desk.statuses).toContain(401);
  });
});

describe("a de-registration", () => {
  test("of one device among several stays local (A2)", async () => {
    const { world, desk, mobile } = await startTwo();
    desk.register({ expires: 0 });
    world.pass(1);
    expect(desk.lastStatus).toBe(200);
    expect(headerLine(desk.last, "Contact")).toBe(`${mobile.contact};expires=59`);
    expect(world.main.registers).toHaveLength(2);
    expect(world.main.contactsFor(TO)).toEqual([SHARED]);
    expect(contactsOf(world)).toEqual(["sip:alice@198.51.100.8:40000"]);
  });

  test("of the last one goes upstream once (A1)", async () => {
    const { world, desk, mobile } = await startTwo();
    desk.register({ expires: 0 });
    world.pass(1);
    mobile.register({ expires: 0 });
    world.pass(60);
    expect(mobile.lastStatus).toBe(200);
    expect(world.main.registers).toHaveLength(3);
    expect(headerLines(world.main.registers[2] ?? "", "Contact")).toEqual([
      `<${SHARED}>;expires=0`,
    ]);
    expect(headerLine(world.main.registers[2] ?? "", "Expires")).toBe("0");
    expect(world.main.contactsFor(TO)).toEqual([]);
    expect(world.record(ALICE)).toBeUndefined();
  });

  test.each([false, true])(
    "of all in one request goes upstream once, in either order (B2, T30): reversed %s",
    async (isReversed) => {
      const { world, desk, mobile } = await startTwo();
      const contacts = [desk.contact, mobile.contact];
      if (isReversed) contacts.reverse();
      desk.register({ expires: 0, contact: contacts.join(", ") });
      world.pass(1);
      expect(desk.lastStatus).toBe(200);
      expect(world.main.registers).toHaveLength(3);
      expect(world.main.contactsFor(TO)).toEqual([]);
      expect(world.record(ALICE)).toBeUndefined();
    },
  );

  test.each([false, true])(
    "beside a new contact goes upstream as a refresh, in either order (T30): reversed %s",
    async (isReversed) => {
      const { world, desk } = await startTwo();
      const contacts = [`${desk.contact};expires=0`, "<sip:alice@198.51.100.7:41000>;expires=60"];
      if (isReversed) contacts.reverse();
      desk.register({ expires: undefined, contact: contacts.join(", ") });
      world.pass(1);
      expect(headerLines(world.main.registers[2] ?? "", "Contact")).toEqual([
        `<${SHARED}>;expires=600`,
      ]);
      expect(contactsOf(world)).toEqual([
        "sip:alice@198.51.100.8:40000",
        "sip:alice@198.51.100.7:41000",
      ]);
    },
  );

  test("differs (T1): by somebody else is the main registrar's to judge", async () => {
    const { world, desk } = await startTwo();
    world.main.isChallenging = true;
    const mallory = world.phone("alice", "203.0.113.66:5060");
    mallory.register({ expires: 0, contact: desk.contact });
    world.pass(1);
    expect(mallory.lastStatus).toBe(401);
    expect(contactsOf(world)).toHaveLength(2);
    mallory.register({
      expires: 0,
      contact: desk.contact,
      headers: ['Authorization: Digest username="alice"'],
    });
    world.pass(1);
    expect(mallory.lastStatus).toBe(200);
    // It was asked for as a refresh, since another device is left.
    expect(world.main.contactsFor(TO)).toEqual([SHARED]);
    expect(contactsOf(world)).toEqual(["sip:alice@198.51.100.8:40000"]);
  });
});

describe("the end of a lifetime", () => {
  test("of one device among several is nobody else's business", async () => {
    const { world, desk, mobile } = await startTwo();
    for (let round = 0; round < 4; round += 1) {
      world.pass(30);
      mobile.register();
    }
    world.pass(5);
    expect(contactsOf(world)).toEqual(["sip:alice@198.51.100.8:40000"]);
    expect(world.main.registers).toHaveLength(2);
    expect(desk.statuses).toEqual([200]);
  });

  test("of the last one de-registers the shared contact, exactly once (seed test 6)", async () => {
    const { world } = await startTwo();
    world.pass(120);
    const sent = world.main.registers.slice(2);
    expect(sent).toHaveLength(1);
    const [last = ""] = sent;
    expect(headerLines(last, "Contact")).toEqual([`<${SHARED}>;expires=0`]);
    expect(headerLine(last, "CSeq")).toBe("3 REGISTER");
    expect(headerLine(last, "Call-ID")).toBe(headerLine(world.main.registers[0] ?? "", "Call-ID"));
    expect(world.main.contactsFor(TO)).toEqual([]);
    expect(world.store.status()).toMatchObject({ bindings: 0, deRegistrations: 0 });
  });

  test("and a device that comes back in time settles what is owed", async () => {
    const { world, desk } = await startTwo();
    world.main.isSilent = true;
    world.pass(90);
    expect(world.store.status()).toMatchObject({ bindings: 0, deRegistrations: 1 });
    world.main.isSilent = false;
    world.pass(30);
    desk.register({ callId: "again" });
    world.pass(60);
    expect(world.store.status()).toMatchObject({ bindings: 1, deRegistrations: 0 });
    expect(world.main.contactsFor(TO)).toEqual([SHARED]);
  });
});

describe("a change of the mode", () => {
  test.each([
    ["contact", "aor"],
    ["aor", "contact"],
    ["mirror", "aor"],
    ["aor", "mirror"],
  ] as const)("from %s to %s leaves nothing behind upstream", async (before, after) => {
    const store = new MemoryStore();
    const one = await startWorld({ store, policy: { mode: before } });
    const desk = one.phone("alice", "198.51.100.7:40000");
    const mobile = one.phone("alice", "198.51.100.8:40000");
    desk.register({ expires: 300 });
    mobile.register({ expires: 300 });
    one.pass(1);
    const world = await startWorld({ store, clock: one.clock, policy: { mode: after } });
    const held = one.main.contactsFor(TO);
    for (const uri of held) preload(world, uri);
    for (const place of ["198.51.100.7:40000", "198.51.100.8:40000"]) {
      const phone = world.phone("alice", place);
      phone.register({ cseq: 2, expires: 300 });
      world.pass(5);
      expect(phone.lastStatus).toBe(200);
    }
    world.pass(20);
    const left = world.main.contactsFor(TO);
    const known = new Set(world.record(ALICE)?.bindings.map(({ upstream }) => upstream.contact));
    expect(new Set(left)).toEqual(known);
    expect(world.store.status()).toMatchObject({ bindings: 2, deRegistrations: 0 });
  });
});

/** Lets the main registrar of a world hold a contact from before. */
function preload(world: World, uri: string): void {
  world.main.answer(
    [
      "REGISTER sip:sip.test SIP/2.0",
      `Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-${uri}`,
      "From: <sip:alice@sip.test>;tag=x",
      "To: <sip:alice@sip.test>",
      `Call-ID: ${uri}`,
      "CSeq: 1 REGISTER",
      `Contact: <${uri}>;expires=600`,
      "Content-Length: 0",
      "",
      "",
    ].join("\r\n"),
  );
}
