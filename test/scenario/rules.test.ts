import { describe, expect, test } from "vitest";
import { parseNetwork } from "../../src/location/network.ts";
import { compilePattern } from "../../src/pattern/pattern.ts";
import { buildInvite } from "../support/call-messages.ts";
import { headerLine, statusOf } from "../support/messages.ts";
import { POLICY, SERVER_PLACE, World, type WorldOptions } from "../support/world.ts";

const office = { source: [parseNetwork("10.0.0.0/8")].flatMap((network) => network ?? []) };
const rules: NonNullable<WorldOptions["rules"]> = [
  {
    match: office,
    policy: { rule: "office", outgoingExpiresSec: 7200, maxExpiresSec: 120, absorb: "open" },
  },
  {
    match: { aor: [compilePattern("guest*")] },
    policy: { rule: "guests", minExpiresSec: 600, minExpiresMode: "reject", maxContacts: 1 },
  },
];

/** Lifetime asked of the main registrar by its last REGISTER. */
function askedUpstream(world: World): string {
  return /expires=(\d+)/u.exec(headerLine(world.main.registers.at(-1) ?? "", "Contact"))?.[1] ?? "";
}

describe("each REGISTER is decided by the rule that it matches", () => {
  test("with the lifetimes of the rule, on the way there and back", async () => {
    const world = await World.start({ rules });
    const phone = world.phone("alice", "10.1.1.1:5060");
    phone.register({ expires: 900 });
    world.pass(1);
    expect(askedUpstream(world)).toBe("7200");
    expect(headerLine(phone.last, "Contact")).toMatch(/;expires=120$/u);
    const outside = world.phone("alice", "198.51.100.7:5060");
    outside.register({ expires: 900 });
    world.pass(1);
    expect(askedUpstream(world)).toBe("3600");
    expect(headerLine(outside.last, "Contact")).toMatch(/7:5060>;expires=900$/u);
  });

  test("with the proof that the rule asks for", async () => {
    const world = await World.start({ rules });
    for (const place of ["10.1.1.1:5060", "198.51.100.7:5060"]) {
      const phone = world.phone("alice", place);
      phone.register();
      world.pass(1);
      const before = world.main.registers.length;
      // The Call-ID of a reboot is no proof, and the office asks for none.
      phone.register({ callId: `again-${place}` });
      world.pass(1);
      expect(world.main.registers.length - before).toBe(place.startsWith("10.") ? 0 : 1);
    }
  });

  test("with the limits of the rule", async () => {
    const world = await World.start({ rules });
    const [guest, other] = ["198.51.100.8:1", "198.51.100.8:2"].map((at) =>
      world.phone("guest1", at),
    );
    guest?.register({ expires: 60 });
    world.pass(1);
    expect(statusOf(guest?.last ?? "")).toBe(423);
    guest?.register({ expires: 600 });
    other?.register({ expires: 600 });
    world.pass(1);
    expect(guest?.statuses).toEqual([423, 200]);
    expect(other?.statuses).toEqual([503]);
  });

  test("and the log says which it was", async () => {
    const world = await World.start({ rules });
    world.phone("alice", "10.1.1.1:5060").register();
    world.phone("bob", "198.51.100.7:5060").register();
    world.phone("guest1", "198.51.100.7:5062").register({ expires: 60 });
    world.pass(1);
    const lines = world.recording.lines.filter(({ text }) => text === "register");
    expect(lines.map(({ fields }) => [fields["rule"], fields["reason"]])).toEqual([
      ["office", "new-aor"],
      ["", "new-aor"],
      ["guests", "too-brief"],
    ]);
  });
});

test("a lost answer may have given a binding the longest life that any rule asks for", async () => {
  const world = await World.start({ rules });
  world.main.maxExpiresSec = 200;
  const phone = world.phone("alice", "10.1.1.1:5060");
  for (const waitSec of [50, 50, 45]) {
    phone.register();
    world.pass(waitSec);
  }
  world.main.isSilent = true;
  phone.register();
  world.pass(60);
  expect(world.record("alice@sip.test")).toBeUndefined();
  const [owed] = [...world.store.deRegistrations()];
  expect((owed?.upstream.expiresAtMs ?? 0) - world.clock.nowMs()).toBeGreaterThan(7000 * 1000);
});

/** What the main registrar hears when it calls a Request-URI for whom To names. */
function statusFor(world: World, uri: string, to: string): number {
  const text = buildInvite({ uri }).replace("<sip:alice@sip.test>", `<${to}>`);
  world.main.send(text, SERVER_PLACE);
  world.pass(0.1);
  return statusOf(world.main.responses.at(-1) ?? "");
}

describe("a user without contacts", () => {
  const absent: NonNullable<WorldOptions["rules"]> = [
    // None of these says anything of a user who has no device.
    { match: office, policy: {}, lookup: { noContactStatus: 404 } },
    { match: { transport: ["udp"] }, policy: {}, lookup: { noContactStatus: 404 } },
    { match: { listener: ["udp:192.0.2.1:5060"] }, policy: {}, lookup: { noContactStatus: 404 } },
    { match: { push: false }, policy: {}, lookup: { noContactStatus: 404 } },
    { match: { userAgent: [compilePattern("*")] }, policy: {}, lookup: { noContactStatus: 404 } },
    {
      match: { aor: [compilePattern("guest*@sip.test")] },
      policy: {},
      lookup: { noContactStatus: 480 },
    },
    {
      match: { domain: [compilePattern("*.example")] },
      policy: {},
      lookup: { noContactStatus: 480 },
    },
  ];

  const OWN = "192.0.2.1:5060";

  test.each([
    ["aor", `sip:guest1%40sip.test@${OWN}`, "sip:anybody@elsewhere.test", 480],
    ["aor", `sip:alice%40sip.test@${OWN}`, "sip:guest1@sip.test", 404],
    ["aor", `sip:alice%40pbx.example@${OWN}`, "sip:anybody@elsewhere.test", 480],
    ["contact", `sip:x@${OWN};ctid=0123456789abcdef`, "sip:guest1@sip.test", 480],
    ["contact", `sip:guest1%40sip.test@${OWN};ctid=0123456789abcdef`, "sip:alice@sip.test", 404],
    ["contact", `sip:x@${OWN};ctid=0123456789abcdef`, "sip:alice@pbx.example", 480],
    ["contact", `sip:x@${OWN};ctid=0123456789abcdef`, "tel:+1", 404],
  ] as const)(
    "has the status of the first rule about its address (%s: %s for %s): %i",
    async (mode, uri, to, status) => {
      const world = await World.start({ rules: absent, policy: { mode } });
      expect(statusFor(world, uri, to)).toBe(status);
    },
  );

  test.each([
    ["aor", "3132333435363738", 404],
    ["aor", "guest1%40sip.test", 480],
    ["contact", "0123456789abcdef", 480],
  ] as const)(
    "is known where identifiers are user parts, too (%s, %s): %i",
    async (mode, user, status) => {
      const policy = { mode, contactIdInsertion: "ct-username" } as const;
      const world = await World.start({ rules: absent, policy });
      const to = mode === "aor" ? "sip:alice@sip.test" : "sip:guest1@sip.test";
      expect(statusFor(world, `sip:${user}@${OWN}`, to)).toBe(status);
    },
  );

  test("is known by its name alone where the domain does not count", async () => {
    const only: NonNullable<WorldOptions["rules"]> = [
      { match: { aor: [compilePattern("guest?")] }, policy: {}, lookup: { noContactStatus: 480 } },
    ];
    const aor = { ...POLICY.aor, useDomain: false };
    const world = await World.start({ rules: only, policy: { mode: "aor", aor } });
    expect(statusFor(world, `sip:guest1@${OWN}`, "sip:x@y.test")).toBe(480);
    expect(statusFor(world, `sip:alice@${OWN}`, "sip:guest1@y.test")).toBe(404);
  });

  test("whose last contact has expired is one, whatever its device was like", async () => {
    const world = await World.start({ rules: absent });
    const phone = world.phone("guest1", "10.1.1.1:5060");
    phone.register({ expires: 60 });
    world.pass(1);
    const [contact = ""] = world.main.contactsFor("sip:guest1@sip.test");
    expect(contact).not.toBe("");
    world.pass(65);
    expect(statusFor(world, contact, "sip:guest1@sip.test")).toBe(480);
  });
});
