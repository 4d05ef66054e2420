import { describe, expect, test } from "vitest";
import { compilePattern } from "../../src/pattern/pattern.ts";
import type { PingPolicy } from "../../src/registrar/decide-ping.ts";
import { buildInvite } from "../support/call-messages.ts";
import { answerTo, headerLine, methodOf } from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { SERVER_PLACE, World, type WorldOptions } from "../support/world.ts";

const PING: Partial<PingPolicy> = { intervalMs: 30_000, choice: "always" };
const LONG = { outgoingExpiresSec: 7200, maxExpiresSec: 7200, mode: "aor" } as const;
const AOR_URI = "sip:alice%40sip.test@192.0.2.1:5060";

/** Lets a phone answer pings, after a while if it is slow. */
function answering(world: World, phone: Phone, status = 200, slowMs = 0): void {
  phone.onRequest = (text) => {
    if (methodOf(text) !== "OPTIONS") return;
    world.clock.later(slowMs, () => phone.send(answerTo(text, status, "Answer", { tag: "phone" })));
  };
}

function pingsOf(phone: Phone): readonly string[] {
  return phone.requests.filter((text) => methodOf(text) === "OPTIONS");
}

/** Requests of a method without the retransmissions of those that are lost. */
function countOf(phone: Phone, method = "OPTIONS"): number {
  const texts = phone.requests.filter((text) => methodOf(text) === method);
  return new Set(texts.map((text) => headerLine(text, "Call-ID"))).size;
}

/** Phones of users of their own, each registered for two hours. */
async function fleet(
  count: number,
  options: WorldOptions,
): Promise<{ world: World; phones: Phone[] }> {
  const world = await World.start({ ...options, policy: { ...LONG, ...options.policy } });
  const phones = Array.from({ length: count }, (_, at) =>
    world.phone(`user${at}`, `198.51.100.7:${41_000 + at}`),
  );
  for (const phone of phones) {
    answering(world, phone);
    phone.register({ expires: 7200 });
  }
  world.pass(1);
  return { world, phones };
}

/** Two phones of alice's. */
async function pair(options: WorldOptions): Promise<{ world: World; desk: Phone; mobile: Phone }> {
  const world = await World.start({ ...options, policy: { ...LONG, ...options.policy } });
  const [desk, mobile] = [7, 8].map((host) => world.phone("alice", `198.51.100.${host}:40000`));
  if (desk === undefined || mobile === undefined) throw new Error("no phones");
  for (const phone of [desk, mobile]) {
    answering(world, phone);
    phone.register({ expires: 7200 });
    world.pass(1);
  }
  return { world, desk, mobile };
}

let calls = 0;
function call(world: World): void {
  calls += 1;
  world.main.send(
    buildInvite({ uri: AOR_URI, branch: `z9hG4bK-ping-${calls}` }).replace(
      "call-1",
      `call-${calls}`,
    ),
    SERVER_PLACE,
  );
  world.pass(0.5);
}

function rung(...phones: readonly Phone[]): number[] {
  return phones.map((phone) => countOf(phone, "INVITE"));
}

describe("a ping", () => {
  test("is an OPTIONS to the contact over the flow of the device, with its user and numbers of its own", async () => {
    const { world, phones } = await fleet(1, { ping: PING });
    const [phone] = phones;
    world.pass(100);
    const pings = phone === undefined ? [] : pingsOf(phone);
    expect(pings.length).toBeGreaterThanOrEqual(3);
    expect(pings[0]?.split("\r\n")[0]).toBe(`OPTIONS sip:user0@198.51.100.7:41000 SIP/2.0`);
    expect(headerLine(pings[0] ?? "", "To")).toBe("<sip:user0@sip.test>");
    expect(headerLine(pings[0] ?? "", "From")).toMatch(/^<sip:midreg@192\.0\.2\.1:5060>;tag=/u);
    for (const name of ["Via", "Call-ID", "From"]) {
      expect(new Set(pings.map((text) => headerLine(text, name))).size).toBe(pings.length);
    }
  });

  test("takes the Path that calls take", async () => {
    const world = await World.start({ ping: PING, policy: LONG });
    const edge = world.phone("edge", "198.51.100.9:5060");
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register({ expires: 7200, headers: ["Path: <sip:198.51.100.9:5060;lr>"] });
    world.pass(60);
    expect(pingsOf(phone)).toEqual([]);
    expect(headerLine(pingsOf(edge)[0] ?? "", "Route")).toBe("<sip:198.51.100.9:5060;lr>");
  });

  test("is not sent unless the interval is set", async () => {
    const { world, phones } = await fleet(3, { ping: { intervalMs: 0 } });
    world.pass(300);
    expect(phones.map((phone) => countOf(phone))).toEqual([0, 0, 0]);
  });

  test("spares devices that refresh more often by themselves", async () => {
    const world = await World.start({ ping: { intervalMs: 30_000 }, policy: LONG });
    const phone = world.phone("alice", "198.51.100.7:40000");
    answering(world, phone);
    for (let times = 0; times < 10; times += 1) {
      phone.register({ expires: 60 });
      world.pass(25);
    }
    expect(countOf(phone)).toBe(0);
    world.pass(34);
    expect(countOf(phone)).toBe(1);
  });

  test("may be CRLF, which asks for nothing", async () => {
    const { world, phones } = await fleet(2, { ping: PING, pings: { method: "CRLF" } });
    world.network.sent.length = 0;
    world.pass(120);
    const toPhones = world.network.sent.filter(({ to }) => to.startsWith("198.51.100.7:"));
    expect(toPhones.length).toBeGreaterThanOrEqual(6);
    expect(new Set(toPhones.map(({ text }) => text))).toEqual(new Set(["\r\n\r\n"]));
    expect(phones.flatMap(pingsOf)).toEqual([]);
  });

  test("is what a rule says for its devices", async () => {
    const { world, phones } = await fleet(4, {
      ping: { intervalMs: 30_000, choice: "never" },
      rules: [{ match: { aor: [compilePattern("/^user[12]@/")] }, policy: {}, ping: "always" }],
    });
    world.pass(70);
    expect(phones.map((phone) => countOf(phone) > 0)).toEqual([false, true, true, false]);
  });
});

/** How many pings went out in each whole second. */
function perSecond(world: World): Map<number, number> {
  const counts = new Map<number, number>();
  const { sent } = world.network;
  for (const { text, atMs } of sent) {
    if (methodOf(text) !== "OPTIONS" || !text.includes("sip:user")) continue;
    const sec = Math.floor(atMs / 1000);
    counts.set(sec, (counts.get(sec) ?? 0) + 1);
  }
  return counts;
}

describe("many devices", () => {
  test("that have registered at once are pinged one after another through the whole interval", async () => {
    const { world, phones } = await fleet(300, { ping: PING });
    world.pass(33);
    expect(phones.every((phone) => countOf(phone) >= 1)).toBe(true);
    const counts = [...perSecond(world).values()];
    expect(Math.max(...counts)).toBeLessThanOrEqual(13);
    expect(counts.length).toBeGreaterThanOrEqual(27);
  });

  test("are spread again after a restart", async () => {
    const { world } = await fleet(300, { ping: PING });
    const next = await World.start({
      ping: PING,
      policy: LONG,
      after: world,
      store: world.store,
    });
    const drained = world.server.drain();
    world.network.sent.length = 0;
    next.pass(30);
    await drained;
    const counts = [...perSecond(next).values()];
    expect(Math.max(...counts)).toBeLessThanOrEqual(13);
    expect(counts.reduce((sum, n) => sum + n, 0)).toBeGreaterThan(250);
  });

  test("are pinged no faster than ping_rate, even when a round then takes longer than the interval", async () => {
    const { world, phones } = await fleet(300, { ping: PING, pings: { rate: 4 } });
    world.pass(60);
    expect(Math.max(...perSecond(world).values())).toBeLessThanOrEqual(5);
    expect(phones.filter((phone) => countOf(phone) > 0).length).toBeLessThanOrEqual(250);
  });

  test("that take longer than the interval are told in the log once for each round, with numbers", async () => {
    const { world } = await fleet(300, { ping: PING, pings: { rate: 4 } });
    const told = (): object[] =>
      world.recording.lines.filter(({ text }) => text.startsWith("a round of pings"));
    world.pass(60);
    expect([told(), world.recording.gauge("ping_round_seconds", {})]).toEqual([[], 0]);
    world.pass(30);
    expect(told()).toMatchObject([
      { level: "warn", fields: { natping_interval: 30, ping_rate: 4, pings: 300 } },
    ]);
    expect(world.recording.gauge("ping_round_seconds", {})).toBeCloseTo(76, -1);
    world.pass(150);
    expect(told()).toHaveLength(3);
  });

  test("that are pinged in time, or are none at all, are nothing to tell", async () => {
    const { world } = await fleet(300, { ping: PING });
    const idle = await World.start({ ping: PING, policy: LONG });
    world.pass(300);
    idle.pass(3600);
    idle.phone("alice", "198.51.100.7:40000").register({ expires: 7200 });
    idle.pass(300);
    for (const { recording } of [world, idle]) {
      expect(recording.lines.filter(({ text }) => text.startsWith("a round of pings"))).toEqual([]);
      const seconds = recording.gauge("ping_round_seconds", {});
      expect(seconds).toBeGreaterThan(25);
      expect(seconds).toBeLessThan(36);
    }
  });

  test("that die at once fill no log: the next line says how many were left out", async () => {
    const { world, phones } = await fleet(300, { ping: { ...PING, massLossPercent: 100 } });
    for (const phone of phones) phone.onRequest = undefined;
    world.pass(200);
    const lines = world.recording.lines.filter(({ text }) => text === "device answers no pings");
    const leftOut = lines.map(({ fields }) => Number(fields["left_out"]));
    expect(world.recording.gauge("dead_contacts", {})).toBe(300);
    expect(lines.length).toBeLessThan(300);
    expect(leftOut.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
  });

  test("that have not been pinged while the process slept are not caught up on at once", async () => {
    const { world } = await fleet(300, { ping: PING });
    world.pass(5);
    world.network.sent.length = 0;
    world.clock.leap(600_000);
    world.pass(10);
    expect(Math.max(...perSecond(world).values())).toBeLessThanOrEqual(24);
  });
});

describe("a device that answers no pings", () => {
  test("is passed over by calls while another one lives, and called again once it answers", async () => {
    const { world, desk, mobile } = await pair({ ping: PING });
    world.pass(60);
    desk.onRequest = undefined;
    world.pass(130);
    call(world);
    expect(rung(desk, mobile)).toEqual([0, 1]);
    expect(world.record("alice@sip.test")?.bindings).toHaveLength(2);
    answering(world, desk);
    world.pass(40);
    call(world);
    expect(rung(desk, mobile)).toEqual([1, 2]);
  });

  test("is called when it has refreshed since", async () => {
    const { world, desk, mobile } = await pair({ ping: PING });
    desk.onRequest = undefined;
    world.pass(130);
    desk.register({ expires: 7200 });
    world.pass(1);
    call(world);
    expect(rung(desk, mobile)).toEqual([1, 1]);
  });

  test("is called all the same when there is no other", async () => {
    const { world, desk, mobile } = await pair({ ping: PING });
    for (const phone of [desk, mobile]) phone.onRequest = undefined;
    world.pass(130);
    call(world);
    expect(rung(desk, mobile)).toEqual([1, 1]);
  });

  test("is removed where that is set, upstream too, with a decision that says why", async () => {
    const { world, phones } = await fleet(1, {
      ping: PING,
      pings: { removesDead: true },
      policy: { mode: "contact" },
    });
    const [phone] = phones;
    expect(world.main.contactsFor("sip:user0@sip.test")).toHaveLength(1);
    if (phone !== undefined) phone.onRequest = undefined;
    world.pass(60);
    expect(world.record("user0@sip.test")?.bindings).toHaveLength(1);
    world.pass(80);
    expect(world.record("user0@sip.test")).toBeUndefined();
    expect(world.main.contactsFor("sip:user0@sip.test")).toEqual([]);
    expect(world.server.admin.decisions("user0@sip.test")).toContainEqual(
      expect.objectContaining({
        kind: "remove",
        reason: "pings-lost",
        outcome: "de-registration-owed",
      }),
    );
    expect(world.recording.metrics.counter("ping_removed_total").n).toBe(1);
  });

  test("is not removed when its lost pings are not in a row", async () => {
    const { world, phones } = await fleet(1, { ping: PING, pings: { removesDead: true } });
    const [phone] = phones;
    if (phone === undefined) return;
    let pings = 0;
    const seen = new Set<string>();
    phone.onRequest = (text) => {
      const id = headerLine(text, "Call-ID");
      if (!seen.has(id)) pings += 1;
      seen.add(id);
      if (pings % 3 === 0) phone.send(answerTo(text, 486, "Busy Here"));
    };
    world.pass(600);
    expect(pings).toBeGreaterThan(15);
    expect(world.record("user0@sip.test")?.bindings).toHaveLength(1);
  });

  test("is one of many: then the fault is midreg's own, and nothing is removed", async () => {
    const { world, phones } = await fleet(60, { ping: PING, pings: { removesDead: true } });
    world.pass(60);
    const replies = phones.map((phone) => phone.onRequest);
    for (const phone of phones) phone.onRequest = undefined;
    world.pass(900);
    expect(world.store.status().bindings).toBe(60);
    expect(world.recording.gauge("ping_mass_loss", {})).toBe(1);
    for (const [at, phone] of phones.entries()) phone.onRequest = replies[at];
    world.pass(120);
    expect(world.store.status().bindings).toBe(60);
    expect(world.recording.gauge("ping_mass_loss", {})).toBe(0);
    // A few that die by themselves go as they should.
    for (const phone of phones.slice(0, 6)) phone.onRequest = undefined;
    world.pass(160);
    expect(world.store.status().bindings).toBe(54);
  });

  test("can be woken: then it is asleep, and stays", async () => {
    const { world, phones } = await fleet(1, { ping: PING, pings: { removesDead: true } });
    const [phone] = phones;
    const record = world.record("user0@sip.test");
    const [binding] = record?.bindings ?? [];
    if (phone === undefined || binding === undefined) throw new Error("nobody");
    world.store.save(
      {
        aor: "user0@sip.test",
        put: [{ ...binding, push: "fcm p t" }],
        touch: [],
        remove: [],
        enqueue: [],
        dequeue: [],
      },
      { committed: () => undefined, failed: () => undefined },
    );
    phone.onRequest = undefined;
    world.pass(600);
    expect(countOf(phone)).toBeGreaterThan(10);
    expect(world.record("user0@sip.test")?.bindings).toHaveLength(1);
  });
});

describe("the time that answers take", () => {
  test("puts the fastest device first, and leaves out the slow", async () => {
    const lookup = { sortsByLatency: true, fork: "best" as const };
    const { world, desk, mobile } = await pair({ ping: PING, lookup });
    answering(world, desk, 200, 80);
    answering(world, mobile, 404, 20);
    world.pass(70);
    call(world);
    expect(rung(desk, mobile)).toEqual([0, 1]);
    answering(world, desk, 200, 5);
    world.pass(40);
    call(world);
    expect(rung(desk, mobile)).toEqual([1, 1]);
  });

  test("beyond the limit keeps a device from being called", async () => {
    const { world, desk, mobile } = await pair({ ping: PING, lookup: { maxLatencyMs: 300 } });
    answering(world, desk, 200, 400);
    call(world);
    expect(rung(desk, mobile)).toEqual([1, 1]);
    world.pass(70);
    call(world);
    expect(rung(desk, mobile)).toEqual([1, 2]);
  });
});
