import { describe, expect, test } from "vitest";
import type { AdminOutcome, ManualContact } from "../../src/ports.ts";
import { FaultyStore } from "../support/faulty-store.ts";
import { headerLine, message } from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { SERVER_PLACE, World, type WorldOptions } from "../support/world.ts";

const ALICE = "alice@sip.test";
const ALICE_URI = "sip:alice@sip.test";

interface Scene {
  readonly world: World;
  readonly phones: readonly [Phone, Phone];
}

/** Alice with two phones. */
async function scene(options: WorldOptions = {}): Promise<Scene> {
  const world = await World.start(options);
  const phones: [Phone, Phone] = [
    world.phone("alice", "198.51.100.7:40000"),
    world.phone("alice", "198.51.100.8:40000"),
  ];
  for (const phone of phones) {
    phone.register({ expires: 600 });
    world.pass(1);
  }
  return { world, phones };
}

const ctidsOf = (world: World): string[] =>
  (world.record(ALICE)?.bindings ?? []).map(({ ctid }) => ctid);

/** Collects how operations end. */
function outcomes(): { readonly all: AdminOutcome[]; readonly done: (o: AdminOutcome) => void } {
  const all: AdminOutcome[] = [];
  return { all, done: (outcome) => void all.push(outcome) };
}

describe("removing", () => {
  test("an address-of-record removes it here, after the commit, and upstream", async () => {
    const { world } = await scene();
    const ctids = ctidsOf(world);
    const { all, done } = outcomes();
    world.server.admin.remove(ALICE, undefined, done);
    expect(all).toEqual([{ kind: "done", ctids }]);
    expect(world.record(ALICE)).toBeUndefined();
    world.pass(2);
    expect(world.main.contactsFor(ALICE_URI)).toEqual([]);
    expect(world.server.admin.decisions(ALICE).map(({ kind }) => kind)).toEqual([
      "de-register",
      "de-register",
      "remove",
      "remove",
      "forward",
      "forward",
    ]);
  });

  test.each([
    ["its ctid", (world: World): string => ctidsOf(world)[0] ?? ""],
    ["its URI, however it is spelled", (): string => "sip:alice@198.51.100.7:40000;transport=udp"],
  ])("one contact by %s leaves the other", async (how, contactOf) => {
    const { world } = await scene();
    const [first = "", second] = ctidsOf(world);
    const { all, done } = outcomes();
    const contact = how.startsWith("its ctid")
      ? contactOf(world)
      : contactOf(world).replace(";transport=udp", "");
    world.server.admin.remove(ALICE, contact, done);
    world.pass(2);
    expect(all).toEqual([{ kind: "done", ctids: [first] }]);
    expect(ctidsOf(world)).toEqual([second]);
    expect(world.main.contactsFor(ALICE_URI)).toHaveLength(1);
  });

  test("what is not there is said so", async () => {
    const { world } = await scene();
    const { all, done } = outcomes();
    world.server.admin.remove("bob@sip.test", undefined, done);
    world.server.admin.remove(ALICE, "sip:alice@203.0.113.1", done);
    expect(all).toEqual([{ kind: "not-found" }, { kind: "not-found" }]);
    expect(ctidsOf(world)).toHaveLength(2);
  });

  test("waits for a REGISTER that is on its way upstream", async () => {
    const { world, phones } = await scene();
    world.main.answering = (text) => {
      const answer = world.main.answer(text);
      world.clock.later(2000, () => world.main.send(answer, SERVER_PLACE));
      return [];
    };
    phones[0].register({ expires: 600, callId: "another" });
    world.pass(0.5);
    const { all, done } = outcomes();
    world.server.admin.remove(ALICE, undefined, done);
    world.pass(1);
    expect(all).toEqual([]);
    world.pass(10);
    expect(all).toMatchObject([{ kind: "done" }]);
    expect(world.record(ALICE)).toBeUndefined();
    expect(world.main.contactsFor(ALICE_URI)).toEqual([]);
  });

  test("what cannot be stored is not removed", async () => {
    const clock = new VirtualClock();
    const store = new FaultyStore(clock);
    const { world } = await scene({ clock, store });
    store.isFailing = true;
    const { all, done } = outcomes();
    world.server.admin.remove(ALICE, undefined, done);
    world.pass(1);
    expect(all).toEqual([{ kind: "busy", detail: "disk full" }]);
    expect(ctidsOf(world)).toHaveLength(2);
  });

  test("a device that was removed registers anew like a new one", async () => {
    const { world, phones } = await scene();
    world.server.admin.remove(ALICE, undefined, () => undefined);
    world.pass(2);
    phones[0].register({ expires: 600 });
    world.pass(2);
    expect(world.main.contactsFor(ALICE_URI)).toHaveLength(1);
    expect(ctidsOf(world)).toHaveLength(1);
  });
});

const GATEWAY: ManualContact = { uri: "sip:door@203.0.113.20:5080", expiresSec: 900, q: 500 };

describe("adding a contact", () => {
  test("registers it upstream and binds it here, so that calls reach it", async () => {
    const { world } = await scene();
    const { all, done } = outcomes();
    world.server.admin.add("door@sip.test", GATEWAY, done);
    world.pass(1);
    const [binding] = world.record("door@sip.test")?.bindings ?? [];
    expect(all).toEqual([{ kind: "done", ctids: [binding?.ctid] }]);
    expect(binding).toMatchObject({
      contact: GATEWAY.uri,
      q: 500,
      source: "udp:192.0.2.1:5060<203.0.113.20:5080",
    });
    const [contact = ""] = world.main.contactsFor("sip:door@sip.test");
    const door = world.phone("door", "203.0.113.20:5080");
    world.main.send(
      message(
        `INVITE ${contact} SIP/2.0`,
        "Via: SIP/2.0/UDP 192.0.2.50:5060;branch=z9hG4bK-call",
        "Max-Forwards: 70",
        "From: <sip:bob@sip.test>;tag=b",
        "To: <sip:door@sip.test>",
        "Call-ID: call-1",
        "CSeq: 1 INVITE",
        "Contact: <sip:bob@192.0.2.50>",
        "Content-Length: 0",
      ),
      SERVER_PLACE,
    );
    world.pass(1);
    expect(door.requests[0]).toMatch(/^INVITE sip:door@203\.0\.113\.20:5080 /u);
  });

  test("that the main registrar refuses stores nothing", async () => {
    const { world } = await scene();
    world.main.isChallenging = true;
    const { all, done } = outcomes();
    world.server.admin.add("door@sip.test", GATEWAY, done);
    world.pass(1);
    expect(all).toMatchObject([{ kind: "refused", status: 401 }]);
    expect(world.record("door@sip.test")).toBeUndefined();
    expect(world.server.admin.decisions("door@sip.test")).toMatchObject([
      { kind: "forward", reason: "new-aor", outcome: "challenged", proof: "none" },
    ]);
  });

  test("with a silent main registrar stores nothing", async () => {
    const { world } = await scene();
    world.main.isSilent = true;
    const { all, done } = outcomes();
    world.server.admin.add("door@sip.test", GATEWAY, done);
    world.pass(15);
    expect(all).toMatchObject([{ kind: "refused", status: 504 }]);
    expect(world.record("door@sip.test")).toBeUndefined();
  });

  test("that is there already refreshes it, and moves what has changed", async () => {
    const { world } = await scene();
    const { all, done } = outcomes();
    const { admin } = world.server;
    admin.add("door@sip.test", GATEWAY, done);
    world.pass(10);
    admin.add("door@sip.test", GATEWAY, done);
    world.pass(1);
    admin.add("door@sip.test", { ...GATEWAY, q: 100 }, done);
    world.pass(1);
    expect(all.map(({ kind }) => kind)).toEqual(["done", "done", "done"]);
    expect(world.record("door@sip.test")?.bindings).toMatchObject([{ q: 100, cseq: 3 }]);
    expect(admin.decisions("door@sip.test").map(({ kind, reason }) => `${kind} ${reason}`)).toEqual(
      ["forward changed-contact", "absorb refresh", "forward new-aor"],
    );
  });

  test.each<[string, string, Partial<ManualContact>]>([
    ["another scheme", "a@sip.test", { uri: "mailto:a@b.test" }],
    ["a line break", "a@sip.test", { uri: "sip:a@203.0.113.1>\r\nX: y" }],
    ["a name nobody knows", "a@sip.test", { uri: "sip:a@nowhere.test" }],
  ])("with %s is refused before anything is sent", async (_, aor, parts) => {
    const { world } = await scene();
    const sent = world.main.registers.length;
    const { all, done } = outcomes();
    world.server.admin.add(aor, { ...GATEWAY, ...parts }, done);
    world.pass(1);
    expect(all).toMatchObject([{ kind: "invalid" }]);
    expect(world.main.registers).toHaveLength(sent);
  });

  test("keeps to the limit of contacts", async () => {
    const { world } = await scene({ policy: { maxContacts: 2 } });
    const { all, done } = outcomes();
    world.server.admin.add(ALICE, GATEWAY, done);
    expect(all).toEqual([{ kind: "invalid", detail: "the contact is refused: too-many-contacts" }]);
  });

  test("escapes a user that needs it, and goes under midreg's own name", async () => {
    const { world } = await scene();
    const { all, done } = outcomes();
    world.server.admin.add("a<b@sip.test", GATEWAY, done);
    world.pass(1);
    expect(all).toMatchObject([{ kind: "done" }]);
    const register = world.main.registers.at(-1) ?? "";
    expect(headerLine(register, "To")).toBe("<sip:a%3Cb@sip.test>");
    expect(headerLine(register, "Call-ID")).toMatch(/^upstream-/u);
  });
});

test("nothing new is begun while midreg stops", async () => {
  const { world } = await scene();
  void world.server.drain();
  const { all, done } = outcomes();
  world.server.admin.remove(ALICE, undefined, done);
  world.server.admin.add(ALICE, GATEWAY, done);
  expect(all.map(({ kind }) => kind)).toEqual(["busy", "busy"]);
  expect(
    world.server.admin.startResync({ aor: undefined, upstream: undefined, rate: undefined }),
  ).toBe("busy");
});

test.each([
  ["alice@sip.test", ALICE],
  ["sip:alice@sip.test", ALICE],
  ["sips:alice@SIP.test:5061;x=y", ALICE],
  ["sip:a%6Cice@sip.test", ALICE],
  ["alice", undefined],
  ["sip:", undefined],
  ["", undefined],
])("%j names the address-of-record %s", async (written, aor) => {
  const { world } = await scene();
  expect(world.server.admin.canonical(written)).toBe(aor);
});
