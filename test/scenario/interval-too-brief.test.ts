import { describe, expect, test } from "vitest";
import { contactsOf } from "../../src/sip/contact.ts";
import { answerTo, headerLine, requestOf } from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { World } from "../support/world.ts";

const ALICE = "alice@sip.test";
const PLACE = "198.51.100.7:40000";

/** A main registrar that refuses lifetimes below a number of seconds, and phones on it. */
async function demanding(minSec: number): Promise<{ world: World; phone: Phone }> {
  const world = await World.start({ policy: { outgoingExpiresSec: 300 } });
  world.main.isStrict = true;
  demand(world, () => minSec);
  return { world, phone: world.phone("alice", PLACE) };
}

function demand(world: World, minSecOf: (asked: number) => number): void {
  world.main.answering = (text) => {
    const contacts = contactsOf(requestOf(text));
    const seconds = contacts === "*" ? 0 : (contacts?.[0]?.expires ?? 0);
    const minSec = minSecOf(seconds);
    if (seconds === 0 || seconds >= minSec) return [world.main.answer(text)];
    return [answerTo(text, 423, "Interval Too Brief", { headers: [`Min-Expires: ${minSec}`] })];
  };
}

/** CSeq and lifetime of every REGISTER that the main registrar has got, but for de-registrations. */
function asked(world: World): string[] {
  return world.main.registers
    .filter((text) => !headerLine(text, "Contact").endsWith(";expires=0"))
    .map((text) => `${headerLine(text, "CSeq")} ${headerLine(text, "Expires")}`);
}

describe("T24: a main registrar that wants longer lifetimes", () => {
  test("gets them at once, and the phone never hears of it", async () => {
    const { world, phone } = await demanding(1800);
    phone.register();
    world.pass(1);
    expect(phone.statuses).toEqual([200]);
    expect(headerLine(phone.last, "Contact")).toBe(`<sip:alice@${PLACE}>;expires=60`);
    expect(asked(world)).toEqual(["1 REGISTER 300", "2 REGISTER 1800"]);
    const [binding] = world.record(ALICE)?.bindings ?? [];
    expect(binding?.upstream.cseq).toBe(2);
    expect(binding?.upstream.expiresAtMs).toBeGreaterThan(world.clock.nowMs() + 1_790_000);
  });

  test("gets them from then on, from every phone and for every refresh", async () => {
    const { world, phone } = await demanding(1800);
    phone.register();
    world.pass(1);
    const bob = world.phone("bob", "203.0.113.9:5062");
    bob.register();
    world.pass(1);
    for (let second = 0; second < 1800; second += 50) {
      phone.register();
      world.pass(50);
    }
    expect(phone.statuses.every((status) => status === 200)).toBe(true);
    expect(bob.statuses).toEqual([200]);
    expect(asked(world).slice(2)).toEqual(["1 REGISTER 1800", "3 REGISTER 1800"]);
    expect(world.recording.lines.filter(({ text }) => text.includes("longer"))).toHaveLength(1);
  });

  test("may challenge the second attempt: the phone's next one goes on from there", async () => {
    const { world, phone } = await demanding(1800);
    const demanded = world.main.answering;
    world.main.answering = (text) => {
      const answers = demanded?.(text) ?? [];
      const isStale =
        headerLine(text, "Authorization").includes("old") && answers[0]?.includes(" 423 ") !== true;
      if (!isStale) return answers;
      const challenge = 'WWW-Authenticate: Digest realm="sip.test", nonce="n2", stale=true';
      return [answerTo(text, 401, "Unauthorized", { headers: [challenge] })];
    };
    phone.register({ headers: ["Authorization: Digest nonce=old"] });
    world.pass(1);
    phone.register({ headers: ["Authorization: Digest nonce=n2"] });
    world.pass(1);
    expect(phone.statuses).toEqual([401, 200]);
    expect(asked(world)).toEqual(["1 REGISTER 300", "2 REGISTER 1800", "3 REGISTER 1800"]);
  });

  test("and wants more each time is asked twice, not for ever, and each demand is remembered", async () => {
    const { world, phone } = await demanding(0);
    demand(world, (seconds) => Math.min(seconds + 100, 700));
    phone.register();
    world.pass(1);
    expect(asked(world)).toEqual(["1 REGISTER 300", "2 REGISTER 400"]);
    expect(phone.statuses).toEqual([500]);
    phone.register();
    world.pass(1);
    expect(asked(world).slice(2)).toEqual(["1 REGISTER 500", "2 REGISTER 600"]);
    phone.register();
    world.pass(1);
    expect(phone.statuses).toEqual([500, 500, 200]);
  });

  test("than a day is not obeyed, and the phone gets an error that is not about its own number", async () => {
    const { world, phone } = await demanding(604_800);
    phone.register();
    world.pass(1);
    expect(phone.statuses).toEqual([500]);
    expect(world.record(ALICE)).toBeUndefined();
    expect(world.main.registers).toHaveLength(1);
  });

  test("and falls silent after its 423 has not registered the phone", async () => {
    const { world, phone } = await demanding(1800);
    const demanded = world.main.answering;
    world.main.answering = (text) => {
      const answers = demanded?.(text) ?? [];
      return answers[0]?.includes(" 423 ") === true ? answers : [];
    };
    phone.register();
    world.pass(30);
    expect(phone.statuses).toEqual([100, 504]);
    expect(world.record(ALICE)).toBeUndefined();
  });

  test("is de-registered from as before", async () => {
    const { world, phone } = await demanding(1800);
    phone.register();
    world.pass(1);
    phone.register({ expires: 0 });
    world.pass(1);
    expect(phone.statuses).toEqual([200, 200]);
    expect(world.main.contactsFor("sip:alice@sip.test")).toEqual([]);
  });
});
