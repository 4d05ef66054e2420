import { describe, expect, test } from "vitest";
import { parseNetwork } from "../../src/location/network.ts";
import { FaultyStore } from "../support/faulty-store.ts";
import { MainRegistrar } from "../support/main-registrar.ts";
import { headerLine } from "../support/messages.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { World, type WorldOptions } from "../support/world.ts";

const SECOND = "192.0.2.60:5060";
const TO = "sip:alice@sip.test";
const ALICE = "alice@sip.test";

/** Everything from 10.0.0.0/8 goes to the second main registrar. */
const rules: NonNullable<WorldOptions["rules"]> = [
  {
    match: { source: [parseNetwork("10.0.0.0/8")].flatMap((network) => network ?? []) },
    policy: { rule: "office", upstream: "second", upstreamHost: SECOND },
  },
];
const WITH_RULES: WorldOptions = { rules, moreUpstreams: { second: SECOND } };

interface Scene {
  readonly world: World;
  readonly second: MainRegistrar;
}

/** A midreg with two main registrars, each told by its place. */
async function start(options: WorldOptions = WITH_RULES, after?: Scene): Promise<Scene> {
  const world = new World(after === undefined ? options : { ...options, after: after.world });
  const second = after?.second ?? new MainRegistrar(world.network, SECOND);
  await world.server.start();
  world.clock.advance(100);
  return { world, second };
}

/** The same with other settings, after a restart with the same database. */
async function restart(scene: Scene, options: WorldOptions): Promise<Scene> {
  const { store, transport } = scene.world;
  await transport.stop();
  return start({ ...options, store }, scene);
}

describe("a REGISTER goes to the main registrar of its rule", () => {
  test("and its registration stays there, for refreshes and for the end", async () => {
    const { world, second } = await start();
    const office = world.phone("alice", "10.1.1.1:5060");
    const outside = world.phone("bob", "198.51.100.7:5060");
    office.register({ expires: 60 });
    outside.register({ expires: 60 });
    world.pass(1);
    expect(office.lastStatus).toBe(200);
    expect(second.contactsFor(TO)).toHaveLength(1);
    expect(world.main.contactsFor(TO)).toEqual([]);
    expect(second.contactsFor("sip:bob@sip.test")).toEqual([]);
    expect(world.record(ALICE)?.bindings[0]?.upstream.upstream).toBe("second");
    const heard = second.registers.length;
    office.register({ expires: 60 });
    world.pass(1);
    expect(office.lastStatus).toBe(200);
    expect(second.registers).toHaveLength(heard);
    world.pass(70);
    expect(second.contactsFor(TO)).toEqual([]);
    expect(world.main.registers.some((text) => text.includes("alice"))).toBe(false);
  });

  test("and a longer lifetime that one asks for (423) is not asked of the other", async () => {
    const { world, second } = await start();
    second.answering = (register) => {
      const long = Number(/;expires=(\d+)/u.exec(headerLine(register, "Contact"))?.[1]) >= 7200;
      if (long) second.answering = undefined;
      const via = register
        .split("\r\n")
        .filter((line) => /^(Via|From|To|Call-ID|CSeq):/u.test(line));
      return long
        ? []
        : [`SIP/2.0 423 Interval Too Brief\r\n${via.join("\r\n")}\r\nMin-Expires: 7200\r\n\r\n`];
    };
    world.phone("alice", "10.1.1.1:5060").register();
    world.pass(2);
    expect(headerLine(second.registers.at(-1) ?? "", "Contact")).toContain("expires=7200");
    world.phone("bob", "198.51.100.7:5060").register();
    world.pass(1);
    expect(headerLine(world.main.registers.at(-1) ?? "", "Contact")).toContain("expires=3600");
  });
});

describe("when the rules send a device elsewhere", () => {
  test.each(["contact", "aor", "mirror"] as const)(
    "its next REGISTER is forwarded, and then the old registration is ended, in mode %s",
    async (mode) => {
      const policy = { mode, absorb: "open" as const };
      const before = await start({ ...WITH_RULES, policy, rules: [] });
      const phone = before.world.phone("alice", "10.1.1.1:5060");
      phone.register();
      before.world.pass(1);
      expect(before.world.main.contactsFor(TO)).toHaveLength(1);
      const { world, second } = await restart(before, { ...WITH_RULES, policy });
      phone.register();
      world.pass(0.1);
      expect(second.contactsFor(TO)).toHaveLength(1);
      expect(world.record(ALICE)?.bindings[0]?.upstream.upstream).toBe("second");
      world.pass(5);
      expect(world.main.contactsFor(TO)).toEqual([]);
      expect(second.contactsFor(TO)).toHaveLength(1);
      expect([...world.store.deRegistrations()]).toEqual([]);
    },
  );

  test("nothing changes at the old one while the new one refuses", async () => {
    const before = await start({ ...WITH_RULES, rules: [] });
    const phone = before.world.phone("alice", "10.1.1.1:5060");
    phone.register();
    before.world.pass(1);
    const { world, second } = await restart(before, WITH_RULES);
    second.isSilent = true;
    phone.register();
    world.pass(20);
    expect(world.main.contactsFor(TO)).toHaveLength(1);
    expect(world.record(ALICE)?.bindings[0]?.upstream.upstream).toBe("");
  });

  test("a removal ends the registration where it is", async () => {
    const before = await start({ ...WITH_RULES, rules: [] });
    const phone = before.world.phone("alice", "10.1.1.1:5060");
    phone.register();
    before.world.pass(1);
    const { world } = await restart(before, WITH_RULES);
    phone.register({ expires: 0 });
    world.pass(5);
    expect(world.record(ALICE)).toBeUndefined();
    expect(world.main.contactsFor(TO)).toEqual([]);
  });

  test("what a main registrar holds that is gone from the configuration is registered elsewhere", async () => {
    const before = await start();
    const phone = before.world.phone("alice", "10.1.1.1:5060");
    phone.register();
    before.world.pass(1);
    const { world, second } = await restart(before, {});
    const heard = second.registers.length;
    phone.register();
    world.pass(10);
    expect(world.main.contactsFor(TO)).toHaveLength(1);
    expect(second.registers).toHaveLength(heard);
    expect([...world.store.deRegistrations()]).toEqual([]);
  });
});

describe("calls", () => {
  test("of a device go to the main registrar that holds its registration, whatever From says", async () => {
    const { world, second } = await start();
    const phone = world.phone("alice", "10.1.1.1:5060");
    phone.register();
    world.pass(1);
    for (const from of [TO, "sip:anonymous@anonymous.invalid"]) {
      const callId = `call-${from.length}`;
      phone.send(
        `INVITE sip:bob@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.1.1:5060;branch=z9hG4bK${callId}\r\n` +
          `Max-Forwards: 70\r\nFrom: <${from}>;tag=1\r\nTo: <sip:bob@192.0.2.1>\r\nCall-ID: ${callId}\r\n` +
          "CSeq: 1 INVITE\r\nContact: <sip:alice@10.1.1.1:5060>\r\nContent-Length: 0\r\n\r\n",
      );
      world.pass(0.1);
    }
    const invites = second.requests.filter((text) => text.startsWith("INVITE"));
    expect(new Set(invites.map((text) => headerLine(text, "Call-ID"))).size).toBe(2);
    expect(invites[0]).toMatch(/^INVITE sip:bob@192\.0\.2\.60:5060 /u);
    expect(world.main.requests.filter((text) => text.startsWith("INVITE"))).toEqual([]);
  });
});

test("a resync by name makes anew what that main registrar holds, and nothing else", async () => {
  const { world, second } = await start();
  world.phone("alice", "10.1.1.1:5060").register();
  world.phone("bob", "198.51.100.7:5060").register();
  world.pass(1);
  second.forget();
  const heard = world.main.registers.length;
  const scope = { aor: undefined, upstream: "second", rate: undefined };
  expect(world.server.admin.startResync(scope)).toBe("started");
  world.pass(5);
  expect(second.contactsFor(TO)).toHaveLength(1);
  expect(world.main.registers).toHaveLength(heard);
});

test("calls outlive what has expired only where the main registrar that holds it is down (use_expired_contacts)", async () => {
  const { world, second } = await start({ ...WITH_RULES, lookup: { serveExpiredMs: 600_000 } });
  world.phone("alice", "10.1.1.1:5060").register();
  world.phone("bob", "198.51.100.7:5060").register();
  world.pass(1);
  second.isSilent = true;
  world.pass(300);
  expect(world.record(ALICE)?.bindings).toHaveLength(1);
  expect(world.record("bob@sip.test")).toBeUndefined();
  expect(world.main.contactsFor("sip:bob@sip.test")).toEqual([]);
  second.isSilent = false;
  world.pass(60);
  expect(world.record(ALICE)).toBeUndefined();
  expect(second.contactsFor(TO)).toEqual([]);
});

describe("what midreg could not store is taken back where it was accepted", () => {
  test("a first registration", async () => {
    const clock = new VirtualClock();
    const store = new FaultyStore(clock);
    const { world, second } = await start({ ...WITH_RULES, clock, store });
    store.isFailing = true;
    const phone = world.phone("alice", "10.1.1.1:5060");
    phone.register();
    world.pass(0.02);
    expect(phone.lastStatus).toBe(503);
    expect(second.contactsFor(TO)).toHaveLength(1);
    world.pass(5);
    expect(second.contactsFor(TO)).toEqual([]);
    expect(world.main.registers).toEqual([]);
  });

  test("a registration that was to move, while the old one stays where it is", async () => {
    const clock = new VirtualClock();
    const store = new FaultyStore(clock);
    const before = await start({ ...WITH_RULES, clock, store, rules: [] });
    const phone = before.world.phone("alice", "10.1.1.1:5060");
    phone.register();
    before.world.pass(1);
    const { world, second } = await restart(before, WITH_RULES);
    store.isFailing = true;
    phone.register();
    world.pass(0.05);
    expect(phone.lastStatus).toBe(503);
    expect(second.contactsFor(TO)).toHaveLength(1);
    world.pass(5);
    expect(second.contactsFor(TO)).toEqual([]);
    expect(world.main.contactsFor(TO)).toHaveLength(1);
    expect(world.record(ALICE)?.bindings[0]?.upstream.upstream).toBe("");
    // Once it can be stored, the move is made.
    store.isFailing = false;
    phone.register();
    world.pass(5);
    expect(phone.lastStatus).toBe(200);
    expect(second.contactsFor(TO)).toHaveLength(1);
    expect(world.main.contactsFor(TO)).toEqual([]);
    expect([...world.store.deRegistrations()]).toEqual([]);
  });
});
