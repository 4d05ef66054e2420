import { describe, expect, test } from "vitest";
import { parseNetwork } from "../../src/location/network.ts";
import { compilePattern } from "../../src/pattern/pattern.ts";
import { headerLine, statusOf } from "../support/messages.ts";
import { World, type WorldOptions } from "../support/world.ts";

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
