/**
 * The traps of the reference (spec/mid-registrar-behaviour.md section 11), as far as contact throttling over UDP
 * can fall into them: one test each, on a whole midreg.
 */
import { describe, expect, test } from "vitest";
import { FaultyStore } from "../support/faulty-store.ts";
import { answerTo, headerLine, headerLines, message, statusOf } from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { SERVER_PLACE, World } from "../support/world.ts";

const ALICE = "alice@sip.test";
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

/** A main registrar that takes so long over each REGISTER. */
function slow(world: World, delayMs: number): void {
  world.main.answering = (text) => {
    const answer = world.main.answer(text);
    world.clock.later(delayMs, () => world.main.send(answer, SERVER_PLACE));
    return [];
  };
}

function bindingOf(world: World): NonNullable<ReturnType<World["record"]>>["bindings"][number] {
  const [binding] = world.record(ALICE)?.bindings ?? [];
  if (binding === undefined) throw new Error("Not registered");
  return binding;
}

describe("traps of the reference", () => {
  test("T1: a stranger who knows the contact can neither refresh nor redirect nor remove it", async () => {
    const { world } = await registered();
    world.main.isChallenging = true;
    const before = structuredClone(world.record(ALICE));
    const mallory = world.phone("alice", "203.0.113.66:5060");
    const contact = `<sip:alice@${PLACE}>`;
    mallory.register({ contact });
    mallory.register({ contact, callId: `call-of-alice-${PLACE}`, cseq: 99 });
    mallory.register({ contact, headers: ["Path: <sip:evil.test;lr>"] });
    mallory.register({ contact, expires: 0 });
    mallory.register({ contact: "*", expires: 0 });
    world.pass(1);
    expect(mallory.statuses).toEqual([401, 401, 401, 401, 401]);
    expect(world.record(ALICE)).toEqual(before);
  });

  test("T2: an answer carries nobody's contacts but its own address-of-record's", async () => {
    const { world } = await registered();
    const bob = world.phone("bob", "203.0.113.9:5060");
    bob.register({ contact: "" });
    bob.register({ contact: "<mailto:bob@sip.test>" });
    bob.register({ contact: "*", expires: 60 });
    world.pass(1);
    expect(bob.statuses).toEqual([400, 400, 200]);
    expect(bob.responses.join("")).not.toContain("alice");
  });

  test("T3: whatever the mix of lifetimes and their spread, upstream outlives local", async () => {
    const world = await World.start({
      policy: { outgoingExpiresSec: 100, expiresMaxDeviationSec: 30, upstreamMarginSec: 5 },
    });
    const phones = [20, 60, 95].map((expires, at) => ({
      expires,
      phone: world.phone("alice", `198.51.100.7:${41_000 + at}`),
    }));
    for (let second = 0; second < 400; second += 1) {
      world.ids.nextFraction = (second % 11) / 11;
      for (const { phone, expires } of phones) if (second % 17 === 0) phone.register({ expires });
      world.pass(1);
      for (const { expiresAtMs, upstream } of world.record(ALICE)?.bindings ?? []) {
        const held = world.main.expiryOf(ALICE_URI, upstream.contact) ?? 0;
        expect(held).toBeGreaterThanOrEqual(expiresAtMs + 4999);
      }
    }
    expect(
      world.recording.metrics.counter("registers_total", { result: "absorbed", reason: "refresh" })
        .n,
    ).toBeGreaterThan(20);
  });

  test("T4: a removal and a refresh that cross each other end in their order, on both sides", async () => {
    const { world, phone } = await registered();
    slow(world, 2000);
    phone.register({ expires: 0 });
    world.pass(0.5);
    phone.register();
    world.pass(10);
    expect(phone.statuses).toEqual([200, 200, 200]);
    expect(world.record(ALICE)?.bindings).toHaveLength(1);
    expect(world.main.contactsFor(ALICE_URI)).toHaveLength(1);
  });

  test("T5: upstream numbers are midreg's own and rise, whatever the phones do with theirs", async () => {
    const world = await World.start({ policy: { outgoingExpiresSec: 61 } });
    world.main.isStrict = true;
    const phones = [1, 2].map((at) => world.phone("alice", `198.51.100.7:4000${at}`));
    for (let round = 0; round < 6; round += 1) {
      for (const phone of phones) phone.register({ callId: `reboot-${round}`, cseq: 5 });
      world.pass(40);
    }
    expect(phones.flatMap(({ statuses }) => statuses)).toEqual(
      Array.from({ length: 12 }, () => 200),
    );
    const numbers = new Map<string, number[]>();
    for (const text of world.main.registers) {
      const callId = headerLine(text, "Call-ID");
      expect(callId).not.toContain("reboot");
      numbers.set(callId, [
        ...(numbers.get(callId) ?? []),
        Number.parseInt(headerLine(text, "CSeq"), 10),
      ]);
    }
    expect([...numbers.values()]).toEqual([
      [1, 2, 3, 4, 5, 6],
      [1, 2, 3, 4, 5, 6],
    ]);
  });

  test("T6: a de-registration survives silence, refusal and a restart, and leaves by the listener of before", async () => {
    const clock = new VirtualClock();
    const store = new FaultyStore(clock);
    const listeners = [
      ["10.0.0.1", 5080],
      ["192.0.2.1", 5060],
    ] as const;
    const options = { clock, store, listeners, localAddress: "192.0.2.1" };
    const world = await World.start(options);
    world.phone("alice", PLACE).register();
    world.pass(1);
    world.main.isSilent = true;
    world.pass(90);
    world.main.isSilent = false;
    world.main.answering = (text) => [answerTo(text, 403, "Forbidden")];
    world.pass(30);
    const stopped = world.server.drain();
    world.pass(11);
    await stopped;
    expect([...store.deRegistrations()]).toHaveLength(1);
    const next = await World.start(options);
    next.pass(300);
    expect([...store.deRegistrations()]).toEqual([]);
    const [last = ""] = next.main.registers;
    expect(headerLine(last, "Contact")).toMatch(/;expires=0$/u);
    expect(headerLine(last, "Via")).toContain("SIP/2.0/UDP 192.0.2.1:5060;");
  });

  test("T7: nothing changes before the final answer, and nothing at all after a refusal", async () => {
    const { world, phone } = await registered();
    const before = structuredClone(world.record(ALICE));
    slow(world, 3000);
    world.main.isChallenging = true;
    phone.register({
      contact: `<sip:alice@${PLACE}>, <sip:alice@203.0.113.9>;q=0.5`,
      expires: 600,
    });
    world.pass(2);
    expect(world.record(ALICE)).toEqual(before);
    world.pass(2);
    expect(statusOf(phone.last)).toBe(401);
    expect(world.record(ALICE)).toEqual(before);
  });

  test("T8: what is over a limit is refused before the main registrar hears of it", async () => {
    const { world } = await registered({ maxContacts: 1 });
    const second = world.phone("alice", "198.51.100.8:40000");
    second.register();
    second.register({ headers: ["Require: path"] });
    second.register({ callId: "c".repeat(256) });
    second.register({ headers: ["Path: <sip:edge.test>"] });
    world.pass(1);
    expect(second.statuses.toSorted((a, b) => a - b)).toEqual([400, 400, 503, 503]);
    expect(world.main.registers).toHaveLength(1);
  });

  test("T9: a 2xx without the contact is an error, and its next refresh is not believed to be covered", async () => {
    const { world, phone } = await registered();
    world.main.answering = (text) => [answerTo(text, 200, "OK")];
    phone.register({ headers: ["Require: made-up"] });
    world.pass(1);
    expect(statusOf(phone.last)).toBe(500);
    world.main.answering = undefined;
    phone.register();
    world.pass(1);
    expect(statusOf(phone.last)).toBe(200);
    expect(world.main.registers).toHaveLength(3);
  });

  test("T10: a star leaves nothing that midreg would go on absorbing or de-register once more", async () => {
    const { world, phone } = await registered();
    const second = world.phone("alice", "198.51.100.8:40000");
    second.register();
    world.pass(1);
    phone.register({ contact: "*", expires: 0 });
    world.pass(1);
    second.register();
    world.pass(1);
    expect(second.statuses).toEqual([200, 200]);
    // Two registrations, the star, and the second device again: forwarded, not absorbed.
    expect(world.main.registers).toHaveLength(4);
    world.pass(10);
    expect(world.main.registers).toHaveLength(4);
    expect(world.main.contactsFor(ALICE_URI)).toHaveLength(1);
  });

  test("T11: a restart without its database finds the same ctid again, so that no device is doubled", async () => {
    const { world } = await registered();
    const [before] = world.main.contactsFor(ALICE_URI);
    const again = await registered();
    expect(again.world.main.contactsFor(ALICE_URI)).toEqual([before]);
  });

  test("T12: a main registrar that has forgotten hears of a device when its registration would end at the latest", async () => {
    const { world, phone } = await registered({ outgoingExpiresSec: 300 });
    world.main.forget();
    for (let round = 0; round < 10; round += 1) {
      phone.register();
      world.pass(30);
    }
    expect(world.main.contactsFor(ALICE_URI)).toHaveLength(1);
  });

  test("T13: a step of the wall clock changes no lifetime", async () => {
    const { world, phone } = await registered();
    for (const byMs of [-86_400_000, 172_800_000]) {
      world.clock.stepWall(byMs);
      world.pass(20);
      phone.register();
      world.pass(1);
    }
    expect(phone.statuses).toEqual([200, 200, 200]);
    expect(world.main.registers).toHaveLength(1);
    world.pass(58);
    expect(world.record(ALICE)).toBeDefined();
    world.pass(3);
    expect(world.record(ALICE)).toBeUndefined();
  });

  test("T15: a ctid is no way in for others, nor for anybody once its binding has expired", async () => {
    const { world } = await registered();
    const [contact = ""] = world.main.contactsFor(ALICE_URI);
    const request = message(
      `MESSAGE ${contact} SIP/2.0`,
      "Via: SIP/2.0/UDP 203.0.113.66:5060;branch=z9hG4bK-m;rport",
      "From: <sip:mallory@sip.test>;tag=m",
      "To: <sip:alice@sip.test>",
      "Call-ID: m",
      "CSeq: 1 MESSAGE",
      "Content-Length: 0",
    );
    const mallory = world.phone("mallory", "203.0.113.66:5060");
    mallory.send(request);
    world.pass(1);
    expect(mallory.statuses).toEqual([403]);
    // The store keeps it until the sweep; the request comes in between.
    const leftMs = bindingOf(world).expiresAtMs - world.clock.nowMs();
    world.clock.advance(leftMs);
    world.main.send(request, SERVER_PLACE);
    world.clock.advance(5);
    expect(world.record(ALICE)).toBeDefined();
    expect(world.main.statuses).toEqual([404]);
  });

  test.each([
    ["no user", "<sip:198.51.100.7:40000>", /^<sip:192\.0\.2\.1:5060;ctid=/u],
    ["an IPv6 literal", "<sip:alice@[2001:db8::7]>", /^<sip:alice@192\.0\.2\.1:5060;ctid=/u],
    ["sips", "<sips:alice@198.51.100.7>", /^<sip:alice@192\.0\.2\.1:5060;ctid=/u],
    ["a user beyond ASCII", "<sip:caf\xc3\xa9@198.51.100.7>", /^<sip:caf\xc3\xa9@192/u],
    ["an escaped @", "<sip:a%40b@198.51.100.7>", /^<sip:a%40b@192/u],
    ["semicolon and slash", "<sip:a;b/c@198.51.100.7>", /^<sip:a;b\/c@192/u],
  ])(
    "T16: a contact with %s goes upstream as a good URI and comes back as it was",
    async (_, contact, sent) => {
      const world = await World.start();
      const phone = world.phone("alice", PLACE);
      phone.register({ contact });
      world.pass(1);
      expect(headerLine(world.main.registers[0] ?? "", "Contact")).toMatch(sent);
      expect(headerLine(phone.last, "Contact")).toBe(`${contact};expires=60`);
      phone.register({ contact });
      world.pass(1);
      expect(world.main.registers).toHaveLength(1);
    },
  );

  test("T18: over UDP a refresh from another port moves the flow only once the main registrar has agreed", async () => {
    const { world, phone } = await registered();
    const moved = "198.51.100.7:41000";
    world.network.listen(moved, (text) => phone.responses.push(text));
    slow(world, 1000);
    phone.register({ from: moved });
    world.pass(0.5);
    expect(bindingOf(world).source.endsWith(`<${PLACE}`)).toBe(true);
    world.pass(1);
    expect(bindingOf(world).source.endsWith(`<${moved}`)).toBe(true);
    phone.register({ from: PLACE });
    world.pass(0.5);
    expect(new Set(world.main.registers).size).toBe(3);
  });

  test("T19: Path is kept without being told to, and calls take it", async () => {
    const world = await World.start();
    const phone = world.phone("alice", PLACE);
    phone.register({ headers: ["Path: <sip:198.51.100.99:5070;lr>"] });
    world.pass(1);
    expect(headerLines(world.main.registers[0] ?? "", "Path")).toEqual([]);
    const edge = world.phone("edge", "198.51.100.99:5070");
    const [contact = ""] = world.main.contactsFor(ALICE_URI);
    world.main.send(
      message(
        `MESSAGE ${contact} SIP/2.0`,
        `Via: SIP/2.0/UDP ${world.main.place};branch=z9hG4bK-m`,
        "From: <sip:bob@sip.test>;tag=b",
        "To: <sip:alice@sip.test>",
        "Call-ID: m",
        "CSeq: 1 MESSAGE",
        "Content-Length: 0",
      ),
      SERVER_PLACE,
    );
    world.pass(0.1);
    expect(headerLines(edge.requests[0] ?? "", "Route")).toEqual(["<sip:198.51.100.99:5070;lr>"]);
  });

  test("T20: Service-Route and P-Associated-URI are on absorbed answers too, a fetch included", async () => {
    const world = await World.start();
    world.main.extraHeaders = ["Service-Route: <sip:m.test;lr>", "P-Associated-URI: <sip:a@b>"];
    const phone = world.phone("alice", PLACE);
    phone.register();
    world.pass(1);
    phone.register();
    phone.register({ contact: "" });
    world.pass(1);
    expect(world.main.registers).toHaveLength(1);
    for (const answer of phone.responses) {
      expect(headerLine(answer, "Service-Route")).toBe("<sip:m.test;lr>");
      expect(headerLine(answer, "P-Associated-URI")).toBe("<sip:a@b>");
    }
  });

  test("T21: an Expires header never contradicts the contacts, in either direction", async () => {
    const world = await World.start();
    world.main.extraHeaders = ["Expires: 3600"];
    const phone = world.phone("alice", PLACE);
    phone.register();
    world.pass(1);
    expect(headerLine(world.main.registers[0] ?? "", "Expires")).toBe("3600");
    expect(headerLines(phone.last, "Expires")).toEqual([]);
    phone.register({ expires: 0 });
    world.pass(1);
    expect(headerLine(world.main.registers[1] ?? "", "Expires")).toBe("0");
    expect(headerLines(phone.last, "Expires")).toEqual([]);
  });

  test("T26: a third-party registration keeps From and To, on its de-registration too", async () => {
    const world = await World.start();
    const phone = world.phone("alice", PLACE);
    phone.send(phone.buildRegister().replace("From: <sip:alice@", "From: <sip:boss@"));
    world.pass(80);
    const [register = "", removal = ""] = world.main.registers;
    expect(headerLine(register, "From")).toMatch(/^<sip:boss@sip\.test>;tag=/u);
    expect(headerLine(removal, "From")).toMatch(/^<sip:boss@sip\.test>;tag=/u);
    expect(headerLine(removal, "To")).toBe(`<${ALICE_URI}>`);
  });

  test("T27: a repeated refresh is answered again and moves nothing; one number less is refused", async () => {
    const { world, phone } = await registered();
    const text = phone.register({ cseq: 7 });
    world.pass(2);
    const before = structuredClone(world.record(ALICE));
    phone.send(text);
    phone.register({ cseq: 6 });
    world.pass(1);
    expect(phone.statuses).toEqual([200, 200, 200, 400]);
    expect(world.record(ALICE)).toEqual(before);
    expect(world.main.registers).toHaveLength(1);
  });

  test("T28: every contact of a request is judged, not the first one only", async () => {
    const { world, phone } = await registered();
    const own = `<sip:alice@${PLACE}>`;
    phone.register({ contact: `${own}, <sip:alice@${PLACE};pn-prid=stolen>` });
    world.pass(1);
    expect(world.main.registers).toHaveLength(2);
    phone.register({ contact: `${own}, <mailto:a@b>` });
    world.pass(1);
    expect(statusOf(phone.last)).toBe(400);
  });

  test("T30: an addition and a removal in one message are one decision and one change", async () => {
    const { world, phone } = await registered();
    const added = "<sip:alice@203.0.113.9:5062>";
    for (const contact of [
      `<sip:alice@${PLACE}>;expires=0, ${added}`,
      `<sip:alice@${PLACE}>, ${added};expires=0`,
    ]) {
      phone.register({ contact });
      world.pass(1);
      expect(statusOf(phone.last)).toBe(200);
      expect(world.record(ALICE)?.bindings).toHaveLength(1);
      expect(world.main.contactsFor(ALICE_URI)).toHaveLength(1);
    }
    expect(world.main.registers).toHaveLength(3);
  });
});
