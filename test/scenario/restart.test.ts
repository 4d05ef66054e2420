/** What a killed midreg knew besides its bindings, and the next one goes on with. */
import { describe, expect, test } from "vitest";
import type { ResyncScope } from "../../src/ports.ts";
import { FaultyStore } from "../support/faulty-store.ts";
import { answerTo, headerLine, headerLines } from "../support/messages.ts";
import { type POLICY, World, type WorldOptions } from "../support/world.ts";

const uriOf = (user: string): string => `sip:${user}@sip.test`;
const ALL: ResyncScope = { aor: undefined, upstream: undefined, rate: undefined };

interface Life {
  readonly world: World;
  /** kill -9, and a start on what the disk holds. */
  readonly restart: (options?: WorldOptions) => Promise<World>;
}

/** A midreg on a disk that outlives it. */
async function begin(policy: Partial<typeof POLICY> = {}): Promise<Life> {
  const first = new World({ policy });
  let store = new FaultyStore(first.clock);
  let world = await World.start({ after: first, store, policy });
  return {
    world,
    restart: async (options = {}) => {
      store.kill(0);
      store = new FaultyStore(first.clock, store.inner);
      world = await World.start({ after: world, store, policy, ...options });
      return world;
    },
  };
}

/** Registers so many users for ten minutes. */
function registerUsers(world: World, count: number): void {
  for (let at = 0; at < count; at += 1) {
    world.phone(`user${at}`, `198.51.100.7:${40_000 + at}`).register({ expires: 600 });
  }
  world.pass(2);
  world.main.registers.length = 0;
}

const expiresOf = (text = ""): string =>
  /;expires=(\d+)/u.exec(headerLine(text, "Contact"))?.[1] ?? "";

describe("what the main registrar has said in a 423", () => {
  test("is asked for at once after a restart", async () => {
    const { world, restart } = await begin({ outgoingExpiresSec: 600 });
    world.main.answering = (text) => [
      Number(expiresOf(text)) < 1800
        ? answerTo(text, 423, "Interval Too Brief", { headers: ["Min-Expires: 1800"] })
        : world.main.answer(text),
    ];
    const alice = world.phone("alice", "198.51.100.7:40000");
    alice.register({ expires: 60 });
    world.pass(1);
    expect(alice.statuses).toEqual([200]);
    expect(world.main.registers.map(expiresOf)).toEqual(["600", "1800"]);
    const next = await restart();
    next.main.registers.length = 0;
    const bob = next.phone("bob", "198.51.100.8:40000");
    bob.register({ expires: 60 });
    next.pass(1);
    expect(bob.statuses).toEqual([200]);
    expect(next.main.registers.map(expiresOf)).toEqual(["1800"]);
  });
});

describe("a resync under way", () => {
  test("goes on after a restart, without what has been made anew, and ends", async () => {
    const { world, restart } = await begin();
    registerUsers(world, 30);
    world.pass(30);
    world.main.forget();
    world.server.admin.startResync({ ...ALL, rate: 10 });
    world.pass(1);
    const before = world.main.registers.length;
    expect(before).toBeGreaterThan(5);
    expect(before).toBeLessThan(15);
    const { startedAtMs } = world.server.admin.resync();
    const next = await restart();
    expect(next.server.admin.resync()).toMatchObject({
      state: "running",
      isResumed: true,
      scope: { rate: 10 },
      total: 30,
      startedAtMs,
    });
    next.pass(5);
    const { state, seen, skipped, results } = next.server.admin.resync();
    expect({ state, seen }).toEqual({ state: "finished", seen: 30 });
    // What was under way when it was killed is made anew once more.
    expect(skipped).toBeGreaterThanOrEqual(before - 2);
    expect(results.accepted).toBe(30 - skipped);
    const users = Array.from({ length: 30 }, (_, at) => uriOf(`user${at}`));
    expect(users.filter((uri) => next.main.contactsFor(uri).length === 0)).toEqual([]);
    const third = await restart();
    expect(third.server.admin.resync()).toMatchObject({ state: "idle", isResumed: false });
  });

  test("sends everything again where the main registrar has shortened the lifetimes", async () => {
    const { world, restart } = await begin();
    world.main.maxExpiresSec = 900;
    registerUsers(world, 10);
    world.server.admin.startResync({ ...ALL, rate: 5 });
    world.pass(1);
    const next = await restart();
    next.pass(5);
    const all = { state: "finished", skipped: 0, results: { accepted: 10 } };
    expect(next.server.admin.resync()).toMatchObject(all);
  });

  test("skips nothing when the operator asks for shorter lifetimes after the restart", async () => {
    const { world, restart } = await begin({ outgoingExpiresSec: 7200 });
    registerUsers(world, 10);
    world.main.forget();
    world.main.isSilent = true;
    world.server.admin.startResync(ALL);
    world.pass(0.2);
    const policy = { outgoingExpiresSec: 600 };
    const next = await restart({ policy });
    next.main.isSilent = false;
    next.pass(5);
    expect(next.server.admin.resync()).toMatchObject({ results: { accepted: 10 }, skipped: 0 });
  });

  test("goes on after an orderly end as well, and not once it was stopped by an operator", async () => {
    const { world, restart } = await begin();
    registerUsers(world, 10);
    world.server.admin.startResync({ ...ALL, rate: 1 });
    world.pass(1);
    const drained = world.server.drain();
    world.pass(20);
    await drained;
    const next = await restart();
    expect(next.server.admin.resync()).toMatchObject({ state: "running", isResumed: true });
    next.server.admin.stopResync();
    next.pass(1);
    expect((await restart()).server.admin.resync()).toMatchObject({ state: "idle" });
  });

  test("of an address-of-record that has gone, or of a main registrar without a name, is given up", async () => {
    const { world, restart } = await begin();
    registerUsers(world, 1);
    world.main.isSilent = true;
    world.server.admin.startResync({ ...ALL, aor: "user0@sip.test" });
    world.pass(0.1);
    world.clock.advance(3_700_000);
    world.main.isSilent = false;
    await restart();
    const next = await restart();
    expect(next.server.admin.resync()).toMatchObject({ state: "idle" });
  });
});

describe("a registration in doubt", () => {
  test("is asked after at the main registrar by the next refresh, whatever is stored of it", async () => {
    const { world, restart } = await begin();
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register({ expires: 60 });
    world.pass(1);
    // The main registrar removes the contact, but nobody hears of it.
    world.main.answering = (text) => {
      world.main.answer(text);
      return [];
    };
    phone.register({ expires: 0 });
    world.pass(40);
    expect(phone.lastStatus).toBe(504);
    expect(world.main.contactsFor(uriOf("alice"))).toEqual([]);
    world.main.answering = undefined;
    const next = await restart();
    next.main.registers.length = 0;
    phone.register({ expires: 60 });
    next.pass(1);
    expect(phone.lastStatus).toBe(200);
    expect(next.main.registers).toHaveLength(1);
    expect(next.main.contactsFor(uriOf("alice"))).toHaveLength(1);
    const third = await restart();
    phone.register({ expires: 60 });
    third.pass(1);
    expect(phone.lastStatus).toBe(200);
    expect(third.main.registers).toHaveLength(1);
  });
});

/** Two contacts in one REGISTER, of which the main registrar lists only the first. */
async function halfListed(): Promise<Life> {
  const life = await begin();
  const { main } = life.world;
  main.answering = (text) => {
    const answer = main.answer(text);
    const [first = ""] = headerLines(answer, "Contact");
    const only = first.split(",")[0] ?? "";
    return [answerTo(text, 200, "OK", { tag: "main", headers: [`Contact: ${only}`] })];
  };
  const phone = life.world.phone("alice", "198.51.100.7:40000");
  const contact = "<sip:a@198.51.100.7:40000>, <sip:b@198.51.100.7:40000>";
  phone.register({ contact, expires: 600 });
  life.world.pass(0.05);
  expect(phone.statuses).toEqual([500]);
  main.answering = undefined;
  return life;
}

describe("what has to be taken back upstream", () => {
  test("is owed in the store before the phone hears of its refusal", async () => {
    const { world, restart } = await halfListed();
    expect([...world.store.deRegistrations()]).toHaveLength(1);
    const next = await restart();
    next.pass(5);
    expect([...next.store.deRegistrations()]).toEqual([]);
    const ended = next.main.registers.filter((text) => expiresOf(text) === "0");
    expect(ended).toHaveLength(1);
  });

  test("is stored when it could not be at first, as soon as it can, and outlives a kill from then on", async () => {
    const first = new World();
    const store = new FaultyStore(first.clock);
    const world = await World.start({ after: first, store });
    store.isFailing = true;
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register({ expires: 600 });
    world.pass(0.01);
    world.main.isSilent = true;
    world.pass(1);
    expect(phone.statuses).toEqual([503]);
    expect(world.main.contactsFor(uriOf("alice"))).toHaveLength(1);
    store.isFailing = false;
    world.pass(20);
    expect([...store.deRegistrations()]).toHaveLength(1);
    store.kill(0);
    world.main.isSilent = false;
    const again = new FaultyStore(first.clock, store.inner);
    const next = await World.start({ after: world, store: again });
    next.pass(60);
    expect(next.main.contactsFor(uriOf("alice"))).toEqual([]);
    expect([...again.deRegistrations()]).toEqual([]);
  });
});
