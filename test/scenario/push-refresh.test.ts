import { describe, expect, test } from "vitest";
import type { Binding } from "../../src/location/binding.ts";
import type { Push } from "../../src/ports.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { buildBinding } from "../registrar/fixtures.ts";
import { FakeGateway } from "../support/fake-gateway.ts";
import type { Phone } from "../support/phone.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { World, type WorldOptions } from "../support/world.ts";

const TOKEN = "00fc13adff78512dEADbeef";

interface Stage {
  readonly world: World;
  readonly gateway: FakeGateway;
  readonly phone: Phone;
  readonly startMs: number;
}

async function open(options: WorldOptions = {}): Promise<Stage> {
  const clock = options.clock ?? new VirtualClock();
  const gateway = options.gateway ?? new FakeGateway(clock);
  const push = { refreshSpreadMs: 0, ...options.push };
  const world = await World.start({ ...options, clock, gateway, push });
  const phone = world.phone("alice", "198.51.100.7:40000");
  return { world, gateway, phone, startMs: clock.nowMs() };
}

function contactOf(user: string, place: string, token = TOKEN): string {
  return `<sip:${user}@${place};pn-provider=fcm;pn-param=1;pn-prid=${token}>`;
}

function register({ world, phone }: Stage, expires = 600, tail = ""): void {
  phone.register({ contact: contactOf("alice", phone.place) + tail, expires });
  world.pass(1);
}

/** Seconds since the start at which pushes were sent, to the nearest tick before. */
function times(stage: Stage, sent: readonly { readonly atMs: number }[]): number[] {
  return sent.map(({ atMs }) => Math.floor((atMs - stage.startMs) / 1000));
}

/** Keeps when each push is sent. */
function watchTimes({ gateway, world }: Stage): { readonly push: Push; readonly atMs: number }[] {
  const seen: { push: Push; atMs: number }[] = [];
  gateway.onPush = (push) => seen.push({ push, atMs: world.clock.nowMs() });
  return seen;
}

describe.each(["mirror", "contact", "aor"] as const)("a device that sleeps, in mode %s", (mode) => {
  test("is woken before its registration ends, and stays registered for as long as it comes", async () => {
    const stage = await open({ policy: { mode } });
    const seen = watchTimes(stage);
    stage.gateway.onPush = (push) => {
      seen.push({ push, atMs: stage.world.clock.nowMs() });
      stage.phone.register({ contact: contactOf("alice", stage.phone.place), expires: 600 });
    };
    register(stage);
    stage.world.pass(3600);
    expect(times(stage, seen)).toEqual([480, 961, 1442, 1923, 2404, 2885, 3366]);
    const [first] = seen;
    expect(first?.push).toMatchObject({
      device: { provider: "fcm", param: "1", prid: TOKEN },
      purpose: "refresh",
      callId: "",
      caller: undefined,
    });
    expect(first?.push.topic).not.toContain(TOKEN);
    expect(stage.world.record("alice@sip.test")?.bindings).toHaveLength(1);
  });

  test("is not woken while it comes by itself", async () => {
    const stage = await open({ policy: { mode } });
    for (let at = 0; at < 20; at += 1) {
      register(stage);
      stage.world.pass(400);
    }
    expect(stage.gateway.sent).toEqual([]);
  });
});

describe("a push to refresh", () => {
  test("is sent again when nothing comes of it, after longer and longer, and on after the end", async () => {
    const stage = await open({ push: { afterExpiryMs: 1_200_000 } });
    const seen = watchTimes(stage);
    register(stage);
    stage.world.pass(3000);
    // Each a second after it is due at most, since the wheel turns by the second.
    const due = [480, 511, 572, 693, 934, 1415];
    expect(times(stage, seen)).toEqual(due);
    // 1800 s after the registration the binding is over, and so is the registration upstream.
    expect(stage.world.record("alice@sip.test")).toBeUndefined();
    expect(stage.world.main.contactsFor("sip:alice@sip.test")).toEqual([]);
  });

  test("is not sent after the end where the operator does not want it", async () => {
    const stage = await open({ push: { afterExpiryMs: 0 } });
    register(stage);
    stage.world.pass(3000);
    expect(stage.gateway.sent).toHaveLength(3);
    expect(stage.world.main.contactsFor("sip:alice@sip.test")).toEqual([]);
  });

  test("is not sent to a device that wakes by itself", async () => {
    const stage = await open();
    register(stage, 600, ";+sip.pnsreg");
    stage.world.pass(3000);
    expect(stage.gateway.sent).toEqual([]);
  });

  test("does not follow each registration that is shorter than the time before its end (T28)", async () => {
    const stage = await open();
    for (let at = 0; at < 30; at += 1) {
      register(stage, 60);
      stage.world.pass(20);
    }
    expect(stage.gateway.sent).toEqual([]);
  });

  test("is not sent for what was removed", async () => {
    const stage = await open();
    register(stage);
    register(stage, 0);
    stage.world.pass(3000);
    expect(stage.gateway.sent).toEqual([]);
  });

  test("is remembered and counted, without the token", async () => {
    const stage = await open();
    register(stage);
    stage.world.pass(500);
    const { recording, server } = stage.world;
    expect(recording.metrics.counter("push_refreshes_total", { result: "accepted" }).n).toBe(1);
    expect(server.admin.decisions("alice@sip.test")[0]).toMatchObject({
      kind: "wake",
      reason: "refresh",
      outcome: "accepted",
    });
    expect(
      JSON.stringify([recording.lines, server.admin.decisions("alice@sip.test")]),
    ).not.toContain(TOKEN);
  });
});

describe("when the provider says that the token is dead", () => {
  test("a device that may still hear midreg is registered to its end, and not pushed to again", async () => {
    const stage = await open();
    stage.gateway.answer = () => ({ result: "dead-token", reason: "Unregistered" });
    register(stage);
    stage.world.pass(500);
    expect(stage.world.record("alice@sip.test")?.bindings[0]?.push).toBe("");
    stage.world.pass(600);
    expect(stage.gateway.sent).toHaveLength(1);
    expect(stage.world.record("alice@sip.test")).toBeUndefined();
    expect(stage.world.main.contactsFor("sip:alice@sip.test")).toEqual([]);
  });

  test("one whose registration has ended is gone at once, here and upstream", async () => {
    const stage = await open();
    register(stage);
    stage.world.pass(620);
    stage.gateway.answer = () => ({ result: "dead-token", reason: "Unregistered" });
    stage.world.pass(80);
    expect(stage.world.record("alice@sip.test")).toBeUndefined();
    expect(stage.world.main.contactsFor("sip:alice@sip.test")).toEqual([]);
  });

  test("it is not believed of one that has registered since", async () => {
    const stage = await open();
    register(stage);
    const deadSinceMs = stage.world.clock.nowMs() - 60_000;
    stage.gateway.answer = () => ({ result: "dead-token", deadSinceMs });
    stage.world.pass(500);
    expect(stage.world.record("alice@sip.test")?.bindings[0]?.push).toBe(`fcm 1 ${TOKEN}`);
  });

  test("a device that registers with the token again is pushed to again", async () => {
    const stage = await open();
    stage.gateway.answer = () => ({ result: "dead-token" });
    register(stage);
    stage.world.pass(500);
    register(stage);
    expect(stage.world.record("alice@sip.test")?.bindings[0]?.push).toBe(`fcm 1 ${TOKEN}`);
    // It cannot be absorbed: what was taken away is given back by the main registrar's word.
    expect(stage.world.main.registers).toHaveLength(2);
  });
});

describe("many devices", () => {
  const CROWD = 300;

  async function crowd(options: WorldOptions): Promise<Stage> {
    const stage = await open(options);
    for (let at = 0; at < CROWD; at += 1) {
      const place = `198.51.${100 + Math.floor(at / 200)}.${1 + (at % 200)}:5060`;
      const phone = stage.world.phone(`user${at}`, place);
      phone.register({ contact: contactOf(`user${at}`, place, `token${at}`), expires: 600 });
    }
    stage.world.pass(1);
    return stage;
  }

  test("that registered together are not woken together", async () => {
    const stage = await crowd({ push: { refreshSpreadMs: 60_000 } });
    const seen = watchTimes(stage);
    stage.world.pass(485);
    expect(seen.length).toBeGreaterThanOrEqual(CROWD);
    // 300 over 60 seconds are 5 a second, and chance makes it more now and then.
    expect(Math.max(...perSecond(seen.slice(0, CROWD)))).toBeLessThan(20);
  });

  test("leave no more pushes in a second than the operator allows, even all at once after a restart", async () => {
    const store = new MemoryStore();
    const stage = await crowd({ store, push: { afterExpiryMs: 0 } });
    const clock = new VirtualClock(stage.world.clock.nowMs() + 590_000);
    const gateway = new FakeGateway(clock);
    const late = await open({
      clock,
      gateway,
      store: copyOf(store),
      push: { refreshRate: 20, afterExpiryMs: 3_600_000 },
    });
    const seen = watchTimes(late);
    late.world.pass(20);
    expect(seen.length).toBe(CROWD);
    expect(Math.max(...perSecond(seen))).toBeLessThanOrEqual(20);
  });
});

test("a provider that does not answer keeps nobody's devices from being refreshed but its own", async () => {
  const clock = new VirtualClock();
  const store = new MemoryStore();
  const expiresAtMs = clock.nowMs() + 100_000;
  const registered = { expiresAtMs, updatedAtMs: clock.nowMs() - 500_000 };
  const add = (at: number, push: string): void => {
    const ctid = at.toString(16).padStart(16, "0");
    const upstream = { expiresAtMs: expiresAtMs + 3_600_000 };
    save(store, `user${at}@sip.test`, [buildBinding({ ctid, push, upstream, ...registered })]);
  };
  for (let at = 0; at < 5; at += 1) add(at, `apns TEAM123456.org.example token${at}`);
  for (let at = 5; at < 1500; at += 1) add(at, `fcm 1 token${at}`);
  const gateway = new FakeGateway(clock);
  gateway.answer = ({ device }) => (device.provider === "fcm" ? undefined : {});
  const stage = await open({ clock, store, gateway });
  stage.world.pass(30);
  const sentBy = (provider: string): number =>
    gateway.sent.filter(({ device }) => device.provider === provider).length;
  expect([sentBy("apns"), sentBy("fcm")]).toEqual([5, 1000]);
  expect(stage.world.recording.gauge("push_refreshes_scheduled", {})).toBe(1500);
});

function save(store: MemoryStore, aor: string, put: readonly Binding[]): void {
  store.save(
    { aor, put, touch: [], remove: [], enqueue: [], dequeue: [] },
    { committed: () => undefined, failed: () => undefined },
  );
}

function copyOf(store: MemoryStore): MemoryStore {
  const copy = new MemoryStore();
  for (const { aor, bindings } of store.records()) {
    save(copy, aor, bindings);
  }
  return copy;
}

function perSecond(seen: readonly { readonly atMs: number }[]): number[] {
  const counts = new Map<number, number>();
  for (const { atMs } of seen) {
    const sec = Math.floor(atMs / 1000);
    counts.set(sec, (counts.get(sec) ?? 0) + 1);
  }
  return [...counts.values()];
}
