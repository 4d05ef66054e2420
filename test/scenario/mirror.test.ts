import { describe, expect, test } from "vitest";
import { answerTo, headerLine, headerLines, statusOf } from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { World, type WorldOptions } from "../support/world.ts";

const ALICE = "alice@sip.test";
const TO = "sip:alice@sip.test";

async function start(options: WorldOptions = {}): Promise<{ world: World; phone: Phone }> {
  const policy = { mode: "mirror" as const, minExpiresSec: 10, ...options.policy };
  const world = await World.start({ ...options, policy });
  return { world, phone: world.phone("alice", "198.51.100.7:40000") };
}

describe("mirror mode", () => {
  test("passes every REGISTER on under the phone's own name and numbers (spec section 1.5)", async () => {
    const { world, phone } = await start();
    for (const cseq of [1, 2, 3]) {
      phone.register({ cseq });
      world.pass(5);
    }
    const sent = world.main.registers;
    expect(sent.map((text) => headerLine(text, "CSeq"))).toEqual([
      "1 REGISTER",
      "2 REGISTER",
      "3 REGISTER",
    ]);
    expect(new Set(sent.map((text) => headerLine(text, "Call-ID")))).toEqual(
      new Set([phone.callId]),
    );
    expect(headerLine(sent[0] ?? "", "From")).toBe("<sip:alice@sip.test>;tag=from-alice");
    const ctid = world.record(ALICE)?.bindings[0]?.ctid ?? "";
    expect(headerLines(sent[0] ?? "", "Contact")).toEqual([
      `<sip:alice@192.0.2.1:5060;ctid=${ctid}>;expires=60`,
    ]);
    expect(headerLine(sent[0] ?? "", "Expires")).toBe("60");
    // Counted from the moment the REGISTER was sent on, so that the phone's never outlives it.
    expect(headerLine(phone.last, "Contact")).toBe(`${phone.contact};expires=59`);
  });

  test.each([
    [1, 1],
    [100_000, 3600],
  ])("asks for what the phone asked for: %i, and grants it what fits", async (asked, granted) => {
    const { world, phone } = await start();
    phone.register({ expires: asked });
    world.pass(0.5);
    expect(headerLine(world.main.registers[0] ?? "", "Expires")).toBe(String(asked));
    expect(headerLine(phone.last, "Contact")).toBe(`${phone.contact};expires=${granted}`);
  });

  test("differs: an older CSeq is refused before the main registrar hears of it (seed test 13)", async () => {
    const { world, phone } = await start();
    phone.register({ cseq: 5 });
    world.pass(1);
    phone.register({ cseq: 4 });
    world.pass(1);
    expect(phone.lastStatus).toBe(400);
    expect(world.main.registers).toHaveLength(1);
    expect(world.record(ALICE)?.bindings).toHaveLength(1);
  });

  test("a refusal changes nothing, a removal is the main registrar's to accept", async () => {
    const { world, phone } = await start();
    phone.register();
    world.pass(1);
    world.main.answering = (text) => [answerTo(text, 503, "Service Unavailable")];
    phone.register({ expires: 0 });
    world.pass(1);
    expect(world.record(ALICE)?.bindings).toHaveLength(1);
    world.main.answering = undefined;
    phone.register({ expires: 0 });
    world.pass(1);
    expect(phone.lastStatus).toBe(200);
    expect(world.record(ALICE)).toBeUndefined();
    expect(world.main.contactsFor(TO)).toEqual([]);
  });

  test("a lifetime that ends here ends there by itself: no de-registration follows (section 3.1)", async () => {
    const { world, phone } = await start();
    phone.register();
    world.pass(120);
    expect(world.record(ALICE)).toBeUndefined();
    expect(world.main.registers).toHaveLength(1);
    expect(world.store.status()).toMatchObject({ bindings: 0, deRegistrations: 0 });
  });

  test("a fetch goes on, and is answered with what the phone may know", async () => {
    const { world, phone } = await start();
    phone.register();
    world.pass(1);
    phone.register({ contact: "", expires: undefined });
    world.pass(1);
    expect(world.main.registers).toHaveLength(2);
    expect(statusOf(phone.last)).toBe(200);
    expect(headerLine(phone.last, "Contact")).toBe(`${phone.contact};expires=58`);
  });
});
