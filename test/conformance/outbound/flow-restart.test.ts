/** dead_flow: remove, where the end of a connection is told to nobody (a restart), and where it was not the only way. */
import { describe, expect, test } from "vitest";
import { FakeGateway } from "../../support/fake-gateway.ts";
import { contactOf } from "../../support/sleepers.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { World, type WorldOptions } from "../../support/world.ts";
import { AOR, boundUris, registerFlow, TO } from "./flows.ts";

const HERE = "198.51.100.7:40000";
const THERE = "198.51.100.8:40000";
const OPTIONS: WorldOptions = { removesDeadFlows: true, hasStreams: true, deadFlowGraceMs: 20_000 };

/** The midreg that takes the place of one that was killed. */
async function restart(world: World, options: WorldOptions = {}): Promise<World> {
  return World.start({ ...OPTIONS, ...options, after: world, store: world.store });
}

/** Two flows of a device over connections, and a restart. */
async function scene(options: WorldOptions = {}): Promise<World> {
  const world = await World.start(OPTIONS);
  for (const [at, place] of [HERE, THERE].entries()) {
    world.transport.connect(place);
    registerFlow(world, world.phone("alice", place), { regId: at + 1, expires: 600 });
  }
  expect(boundUris(world)).toHaveLength(2);
  return restart(world, options);
}

function endedBy(world: World, reason: string): number {
  return world.recording.metrics.counter("flows_ended_total", { reason }).n;
}

describe("a connection of before a restart", () => {
  test("counts as ended when the grace is over and its phone is not back", async () => {
    const world = await scene();
    world.pass(19);
    expect(boundUris(world)).toHaveLength(2);
    const back = world.phone("alice", "198.51.100.8:41000");
    world.transport.connect(back.place);
    registerFlow(world, back, { regId: 2, expires: 600 });
    world.pass(2);
    expect(boundUris(world)).toEqual([`sip:alice@${back.place}`]);
    expect(world.main.contactsFor(TO)).toHaveLength(1);
    expect(endedBy(world, "restart")).toBe(1);
    const kinds = world.server.admin.decisions(AOR).map(({ kind, reason }) => `${kind} ${reason}`);
    expect(kinds).toEqual(expect.arrayContaining(["flow-end restart", "remove dead-flow"]));
  });

  test("is left alone with dead_flow keep", async () => {
    const world = await scene({ removesDeadFlows: false });
    world.pass(120);
    expect([boundUris(world).length, endedBy(world, "restart")]).toEqual([2, 0]);
  });

  test("is given the whole grace again by another restart", async () => {
    const first = await scene();
    first.pass(19);
    const world = await restart(first);
    world.pass(19);
    expect(boundUris(world)).toHaveLength(2);
    world.pass(3);
    expect(boundUris(world)).toEqual([]);
  });

  test("is one of many, which end slice by slice", async () => {
    const world = await World.start(OPTIONS);
    const places = Array.from({ length: 1200 }, (_, at) => `198.51.100.7:${20_000 + at}`);
    for (const [at, place] of places.entries()) {
      world.transport.connect(place);
      world.phone(`user${at}`, place).register({ expires: 600 });
    }
    world.pass(1);
    const next = await restart(world);
    next.pass(20);
    expect(endedBy(next, "restart")).toBe(500);
    next.pass(2);
    expect(endedBy(next, "restart")).toBe(1200);
    expect(next.store.status().bindings).toBe(0);
  });
});

describe("a connection that was not the only way", () => {
  test.each(["its end", "a restart"])(
    "to a device that can be woken: %s leaves it registered",
    async (how) => {
      const clock = new VirtualClock();
      const gateway = new FakeGateway(clock);
      const world = await World.start({ ...OPTIONS, clock, gateway });
      world.transport.connect(HERE);
      world.phone("alice", HERE).register({ contact: contactOf(HERE), expires: 600 });
      world.pass(1);
      expect(world.record(AOR)?.bindings[0]?.push).not.toBe("");
      if (how === "its end") world.transport.disconnect(HERE);
      const after = how === "its end" ? world : await restart(world, { gateway });
      after.pass(60);
      expect(boundUris(after)).toHaveLength(1);
    },
  );

  test.each(["its end", "a restart"])(
    "to a device behind a proxy on its Path: %s leaves it registered",
    async (how) => {
      const world = await World.start(OPTIONS);
      world.transport.connect(HERE);
      const headers = [`Path: <sip:${HERE};lr>`];
      world.phone("alice", HERE).register({ headers, expires: 600 });
      world.pass(1);
      if (how === "its end") world.transport.disconnect(HERE);
      const after = how === "its end" ? world : await restart(world);
      after.pass(60);
      expect(boundUris(after)).toHaveLength(1);
      expect(endedBy(after, "peer")).toBe(how === "its end" ? 1 : 0);
    },
  );
});
