import { describe, expect, test } from "vitest";
import type { ResyncScope } from "../../src/ports.ts";
import { FaultyStore } from "../support/faulty-store.ts";
import { answerTo, headerLine } from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { World, type WorldOptions } from "../support/world.ts";

const uriOf = (user: string): string => `sip:${user}@sip.test`;
const scope = (parts: Partial<ResyncScope> = {}): ResyncScope => ({
  aor: undefined,
  upstream: undefined,
  rate: undefined,
  ...parts,
});

interface Scene {
  readonly world: World;
  readonly phones: readonly Phone[];
}

/** So many users, each with a phone that is registered for ten minutes. */
async function scene(users: number, options: WorldOptions = {}): Promise<Scene> {
  const world = await World.start(options);
  const phones = Array.from({ length: users }, (_, at) =>
    world.phone(`user${at}`, `198.51.100.7:${40_000 + at}`),
  );
  for (const phone of phones) phone.register({ expires: 600 });
  world.pass(2);
  world.main.registers.length = 0;
  return { world, phones };
}

const atMain = ({ world, phones }: Scene): number =>
  phones.filter(({ user }) => world.main.contactsFor(uriOf(user)).length > 0).length;

describe("a main registrar that has lost its memory", () => {
  test("knows every device again after a resync, under the names it knew before", async () => {
    const all = await scene(5);
    const { world } = all;
    const before = world.record("user0@sip.test")?.bindings[0];
    world.pass(60);
    world.main.forget();
    expect(world.server.admin.startResync(scope())).toBe("started");
    world.pass(2);
    expect(atMain(all)).toBe(5);
    expect(world.main.contactsFor(uriOf("user0"))).toEqual([before?.upstream.contact]);
    expect(world.server.admin.resync()).toMatchObject({
      state: "finished",
      total: 5,
      seen: 5,
      skipped: 0,
      inFlight: 0,
      results: { accepted: 5, challenged: 0, timeout: 0 },
    });
    const logged = world.recording.lines.filter(({ level }) => level === "info");
    expect(logged.slice(-2)).toMatchObject([
      { text: "resync started", fields: { total: 5, rate: 100 } },
      { text: "resync ended", fields: { state: "finished", accepted: 5 } },
    ]);
    const after = world.record("user0@sip.test")?.bindings[0];
    expect(after).toEqual({
      ...before,
      upstream: { ...before?.upstream, cseq: 2, expiresAtMs: expect.any(Number) },
    });
    // Counted from the sending, so never longer than the main registrar counts it.
    const heldMs = world.main.expiryOf(uriOf("user0"), after?.upstream.contact ?? "") ?? 0;
    const shorterMs = heldMs - (after?.upstream.expiresAtMs ?? 0);
    expect(shorterMs).toBeGreaterThanOrEqual(0);
    expect(shorterMs).toBeLessThan(100);
  });

  test("a phone's refresh is absorbed as before, and its next forwarded one goes on from there", async () => {
    const { world, phones } = await scene(1);
    world.main.isStrict = true;
    world.main.forget();
    world.server.admin.startResync(scope());
    world.pass(2);
    const [phone] = phones;
    phone?.register({ expires: 600 });
    world.pass(1);
    expect(world.main.registers).toHaveLength(1);
    phone?.register({ expires: 0 });
    world.pass(1);
    expect(phone?.statuses).toEqual([200, 200, 200]);
    expect(world.main.registers.map((text) => headerLine(text, "CSeq"))).toEqual([
      "2 REGISTER",
      "3 REGISTER",
    ]);
  });

  test("is asked for no more than the rate, one REGISTER after the other", async () => {
    const { world } = await scene(30);
    world.server.admin.startResync(scope({ rate: 10 }));
    world.pass(1);
    const afterOne = world.main.registers.length;
    expect(afterOne).toBeGreaterThanOrEqual(9);
    expect(afterOne).toBeLessThanOrEqual(11);
    expect(world.server.admin.resync()).toMatchObject({ state: "running", total: 30, rate: 10 });
    const remaining = world.recording.gauge("resync_remaining", {}) ?? 0;
    expect(remaining).toBeGreaterThanOrEqual(30 - afterOne - 2);
    expect(remaining).toBeLessThanOrEqual(30 - afterOne);
    world.pass(3);
    expect(world.server.admin.resync()).toMatchObject({ state: "finished", seen: 30 });
    expect(world.recording.gauge("resync_remaining", {})).toBe(0);
  });

  test("one address-of-record, or what went to one upstream, is made anew alone", async () => {
    const { world } = await scene(3);
    const { admin } = world.server;
    expect(admin.startResync(scope({ aor: "nobody@sip.test" }))).toBe("not-found");
    expect(admin.startResync(scope({ upstream: "::" }))).toBe("invalid");
    admin.startResync(scope({ aor: "user1@sip.test" }));
    world.pass(1);
    expect(world.main.registers.map((text) => headerLine(text, "To"))).toEqual([
      `<${uriOf("user1")}>`,
    ]);
    for (const [upstream, sent] of [
      ["sip:192.0.2.50:5060", 3],
      ["192.0.2.50", 3],
      ["sip.test", 3],
      ["192.0.2.50:5070", 0],
      ["elsewhere.test", 0],
    ] as const) {
      world.main.registers.length = 0;
      expect(admin.startResync(scope({ upstream }))).toBe("started");
      world.pass(1);
      expect([upstream, world.main.registers.length]).toEqual([upstream, sent]);
      expect(admin.resync()).toMatchObject({ state: "finished", skipped: 3 - sent });
    }
  });

  test("that wants credentials gets them from the phones: their next refreshes are forwarded", async () => {
    const all = await scene(2);
    const { world, phones } = all;
    world.main.forget();
    world.main.isChallenging = true;
    world.server.admin.startResync(scope());
    world.pass(1);
    expect(world.server.admin.resync().results).toMatchObject({ accepted: 0, challenged: 2 });
    for (const phone of phones)
      phone.register({ expires: 600, headers: ["Authorization: Digest x"] });
    world.pass(1);
    expect(phones.map(({ last }) => last.split(" ")[1])).toEqual(["200", "200"]);
    expect(atMain(all)).toBe(2);
    expect(world.server.admin.decisions("user0@sip.test")).toMatchObject([
      { kind: "forward", reason: "upstream-doubtful", outcome: "accepted" },
      { kind: "resync", reason: "operator", outcome: "challenged", status: 401 },
      { kind: "forward", reason: "new-aor" },
    ]);
  });

  test.each<[string, number | undefined, string]>([
    ["refuses", 403, "refused"],
    ["fails", 500, "failed"],
    ["is silent", undefined, "timeout"],
    ["lists nothing", 200, "contact-missing"],
  ])("that %s changes nothing but the trust in it", async (_, status, result) => {
    const { world, phones } = await scene(1);
    const before = structuredClone(world.record("user0@sip.test"));
    world.main.answering = (text) =>
      status === undefined ? [] : [answerTo(text, status, "Answer")];
    world.server.admin.startResync(scope());
    world.pass(15);
    const { results, state } = world.server.admin.resync();
    expect({ state, n: results[result as "refused"] }).toEqual({ state: "finished", n: 1 });
    expect(world.record("user0@sip.test")).toEqual(before);
    world.main.answering = undefined;
    phones[0]?.register({ expires: 600 });
    world.pass(1);
    expect(world.server.admin.decisions("user0@sip.test")[0]).toMatchObject({
      kind: "forward",
      reason: "upstream-doubtful",
      outcome: "accepted",
    });
  });

  test("what it accepts and midreg cannot store counts as not done", async () => {
    const clock = new VirtualClock();
    const store = new FaultyStore(clock);
    const { world } = await scene(1, { clock, store });
    store.isFailing = true;
    world.server.admin.startResync(scope());
    world.pass(1);
    expect(world.server.admin.resync().results).toMatchObject({ accepted: 0, store: 1 });
  });
});

describe("a resync among the traffic", () => {
  test("waits for a REGISTER of the same address-of-record, and skips what has gone meanwhile", async () => {
    const { world, phones } = await scene(2);
    world.main.answering = (text) => {
      const answer = world.main.answer(text);
      world.clock.later(3000, () => world.main.send(answer, "192.0.2.1:5060"));
      return [];
    };
    phones[0]?.register({ expires: 0 });
    world.pass(0.5);
    world.server.admin.startResync(scope());
    world.pass(1);
    const callIds = world.main.registers.map((text) => headerLine(text, "Call-ID"));
    expect(new Set(callIds).size).toBe(2);
    expect(world.server.admin.resync()).toMatchObject({ state: "running", inFlight: 2 });
    world.pass(10);
    expect(world.server.admin.resync()).toMatchObject({
      state: "finished",
      skipped: 1,
      results: { accepted: 1 },
    });
    expect(world.record("user0@sip.test")).toBeUndefined();
    expect(world.main.contactsFor(uriOf("user0"))).toEqual([]);
  });

  test("ends although devices keep coming, and does not touch them", async () => {
    const { world } = await scene(20);
    world.server.admin.startResync(scope({ rate: 10 }));
    for (let at = 0; at < 40; at += 1) {
      world.phone(`new${at}`, `203.0.113.9:${30_000 + at}`).register({ expires: 600 });
      world.pass(0.1);
    }
    expect(world.server.admin.resync()).toMatchObject({ state: "finished", total: 20, seen: 20 });
  });

  test("is one at a time, and can be stopped", async () => {
    const { world } = await scene(20);
    const { admin } = world.server;
    admin.startResync(scope({ rate: 5 }));
    expect(admin.startResync(scope())).toBe("running");
    world.pass(1);
    admin.stopResync();
    world.pass(0.1);
    const sent = world.main.registers.length;
    world.pass(5);
    expect(world.main.registers).toHaveLength(sent);
    expect(admin.resync()).toMatchObject({ state: "stopped", inFlight: 0 });
    expect(admin.startResync(scope())).toBe("started");
    world.pass(1);
    expect(admin.resync()).toMatchObject({ state: "finished", results: { accepted: 20 } });
  });

  test("leaves out devices whose lifetime is over", async () => {
    const { world } = await scene(1);
    world.clock.leap(700_000);
    world.server.admin.startResync(scope());
    expect(world.server.admin.resync()).toMatchObject({ skipped: 1, inFlight: 0 });
  });
});
