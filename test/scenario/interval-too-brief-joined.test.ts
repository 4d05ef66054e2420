/**
 * Where a 423 of the main registrar meets modes, rules, digests and resync (spec row T24).
 */
import { describe, expect, test } from "vitest";
import { compilePattern } from "../../src/pattern/pattern.ts";
import { contactsOf } from "../../src/sip/contact.ts";
import { tableOf } from "../auth/fixtures.ts";
import { DigestPhone } from "../support/digest-phone.ts";
import { checkDigests } from "../support/digest-registrar.ts";
import { answerTo, headerLine, headerLines, requestOf } from "../support/messages.ts";
import { World, type WorldOptions } from "../support/world.ts";

const ALICE = "alice@sip.test";
const PLACE = "198.51.100.7:40000";

function lifetimeIn(register: string): number {
  const contacts = contactsOf(requestOf(register));
  return contacts === "*" ? 0 : (contacts?.[0]?.expires ?? 0);
}

/** Lets the main registrar refuse lifetimes below so many seconds, before anything else or after it. */
function demand(world: World, minSec: number, isFirst = true): void {
  const { answering } = world.main;
  const refusal = (text: string): string =>
    answerTo(text, 423, "Interval Too Brief", { headers: [`Min-Expires: ${minSec}`] });
  world.main.answering = (text) => {
    const seconds = lifetimeIn(text);
    const isBrief = seconds > 0 && seconds < minSec;
    if (isBrief && isFirst) return [refusal(text)];
    const answers = answering?.(text) ?? [world.main.answer(text)];
    return isBrief && answers[0]?.startsWith("SIP/2.0 200") === true ? [refusal(text)] : answers;
  };
}

async function startWorld(options: WorldOptions = {}): Promise<World> {
  const policy = { outgoingExpiresSec: 300, ...options.policy };
  const world = await World.start({ ...options, policy });
  world.main.isStrict = true;
  return world;
}

const lifetimes = (world: World): number[] => world.main.registers.map(lifetimeIn);
const numbers = (world: World): number[] =>
  world.main.registers.map((text) => requestOf(text).cseq.number);

describe("a main registrar that wants longer lifetimes and credentials", () => {
  test.each<[string, boolean, number[]]>([
    ["the lifetime first", true, [300, 1800, 1800]],
    // The answer to the first challenge is used up with the 423.
    ["credentials first", false, [300, 300, 1800, 1800]],
  ])("gets both, %s, under numbers that rise by one", async (_, isFirst, asked) => {
    const world = await startWorld({
      credentials: tableOf(["alice"]),
      policy: { outgoingExpiresSec: 300, absorb: "digest" },
    });
    checkDigests(world.main);
    demand(world, 1800, isFirst);
    const alice = new DigestPhone(world, "alice", PLACE);
    alice.register();
    expect(alice.statuses).toEqual([401, 200]);
    expect(lifetimes(world)).toEqual(asked);
    expect(numbers(world)).toEqual(asked.map((_sec, at) => at + 1));
    const answers = world.main.registers.flatMap((text) => headerLines(text, "Authorization"));
    expect(new Set(answers).size).toBe(answers.length);
    expect(world.record(ALICE)?.bindings[0]?.upstream.cseq).toBe(asked.length);
    alice.send({ expires: 0 });
    expect(numbers(world).at(-1)).toBe(asked.length + 2);
    expect(world.record(ALICE)).toBeUndefined();
  });
});

describe("a main registrar that wants longer lifetimes", () => {
  test("gets them under every rule that asks for less", async () => {
    const rules = [
      { name: "bob", outgoingExpiresSec: 600 },
      { name: "carol", outgoingExpiresSec: 7200 },
    ].map(({ name, outgoingExpiresSec }) => ({
      match: { aor: [compilePattern(`${name}*`)] },
      policy: { rule: name, outgoingExpiresSec },
    }));
    const world = await startWorld({ rules });
    demand(world, 1800);
    for (const [at, user] of ["alice", "bob", "carol"].entries()) {
      world.phone(user, `198.51.100.7:${41_000 + at}`).register();
      world.pass(1);
    }
    expect(lifetimes(world)).toEqual([300, 1800, 1800, 7200]);
  });

  test("tells a mirrored phone itself, whose lifetime it is", async () => {
    const world = await startWorld({ policy: { mode: "mirror" } });
    demand(world, 1800);
    const phone = world.phone("alice", PLACE);
    phone.register();
    world.pass(1);
    expect(phone.statuses).toEqual([423]);
    expect(headerLine(phone.last, "Min-Expires")).toBe("1800");
    expect(world.main.registers).toHaveLength(1);
  });

  test("gets them too when one of the devices that share a contact leaves", async () => {
    const world = await startWorld({ policy: { mode: "aor" } });
    const desk = world.phone("alice", PLACE);
    const mobile = world.phone("alice", "198.51.100.8:40000");
    for (const phone of [desk, mobile]) {
      phone.register();
      world.pass(1);
    }
    demand(world, 1800);
    // From elsewhere, so that it is not proven and goes to the main registrar.
    mobile.register({ expires: 0, callId: "after-a-reboot" });
    world.pass(1);
    expect(mobile.statuses).toEqual([200, 200]);
    expect(lifetimes(world)).toEqual([300, 300, 300, 1800]);
    const [left, ...others] = world.record(ALICE)?.bindings ?? [];
    expect(others).toEqual([]);
    expect(left).toMatchObject({ contact: `sip:alice@${PLACE}`, upstream: { cseq: 4 } });
    expect(left?.upstream.expiresAtMs).toBeGreaterThan(world.clock.nowMs() + 1_790_000);
  });

  test("is asked for them in a resync", async () => {
    const world = await startWorld();
    world.phone("bob", "203.0.113.9:5062").register({ expires: 600 });
    world.pass(1);
    demand(world, 1800);
    world.phone("alice", PLACE).register({ expires: 600 });
    world.pass(1);
    world.main.forget();
    world.main.registers.length = 0;
    world.server.admin.startResync({ aor: undefined, upstream: undefined, rate: undefined });
    world.pass(2);
    expect(lifetimes(world)).toEqual([1800, 1800]);
    expect(world.main.contactsFor("sip:bob@sip.test")).toHaveLength(1);
  });
});
