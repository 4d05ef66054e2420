import { deepStrictEqual, ok } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import { freePorts } from "../support/peers/free-ports.ts";
import type { Inspector } from "../support/peers/inspector.ts";
import { registerFrom } from "../support/peers/register-from.ts";
import { answeringScenario, callerScenario } from "../support/peers/sipp-calls.ts";
import { startSipp } from "../support/peers/sipp-run.ts";
import { until } from "../support/peers/wait.ts";
import { type Resources, resourcesOf } from "./resources.ts";
import type { Step } from "./suite.ts";
import { Wire } from "./wire.ts";
import type { StreamTransport, World } from "./world.ts";

const SOAK_SEC = 64;
/** By then the transactions of UDP go as fast as they come: they stay for Timer J, 32 seconds. */
const WARM_UP_SEC = 38;
/** Length of the two windows that are compared, after the warm-up and at the end. */
const WINDOW_SEC = 12;
/** Each sample costs a full collection, during which nothing else happens. */
const SAMPLE_MS = 2000;
const LEAST_SAMPLES = 3;
const CALLS_PER_SEC = 8;
const CALLS = CALLS_PER_SEC * SOAK_SEC;
const HOLD_MS = 400;
/** Refreshes on each connection before its device goes away again. */
const REFRESHES = 3;
const PAUSE_MS = 40;
const EVENT_MS = 5000;
/** Longer than the admin listener keeps an idle connection. */
const ADMIN_IDLE_MS = 8000;
/** midreg opens one to Kamailio, and each process of Kamailio may open one to midreg. */
const MAIN_CONNECTIONS = 8;

/**
 * V8 collects before each sample, so this is what is alive, and the lowest of a window is without what was under way. Some
 * 200 connections, 110 calls and 1500 messages come in between the windows on a busy machine: it is more than that if every
 * other connection leaves its 64 kB behind, or each message 4 kB.
 */
const MOST_HEAP_GROWTH_MB = 5;
/** RSS breathes with the garbage collector: V8 keeps up to 32 MB of young generation and gives pages back late. */
const MOST_RSS_GROWTH_MB = 32;

const TRANSPORTS: readonly StreamTransport[] = ["tcp", "tls", "ws", "wss"];

/** A minute of everything at once: registrations, refreshes, calls, connections that come and go. */
export function soakSteps(world: World): Step[] {
  return [
    {
      name: `soak: ${SOAK_SEC} seconds of registrations, calls and connections leave memory and descriptors flat`,
      limitSec: SOAK_SEC + 60,
      logs: ["midreg", "kamailio"],
      run: async () => soak(world),
    },
  ];
}

async function soak(world: World): Promise<string> {
  const counted = await world.midreg.counters();
  const endMs = performance.now() + SOAK_SEC * 1000;
  const inspector = await world.midreg.inspect();
  const samples = watch(world, inspector, endMs);
  const calling = call(world);
  const crowds = TRANSPORTS.map(async (transport) => comeAndGo(world, transport, endMs));
  const rounds = await Promise.all(crowds);
  const calls = await calling;
  const seen = await samples;
  inspector.close();
  const first = windowOf(seen, WARM_UP_SEC);
  const last = windowOf(seen, SOAK_SEC - WINDOW_SEC);
  // Connections on which the metrics were asked for are closed by then.
  await sleep(ADMIN_IDLE_MS);
  const after = await settled(world);
  // The store starts a thread when it first folds its journal, so the start is no measure.
  ok(
    unaccounted(after) <= unaccounted(first) + 2,
    `descriptors: ${JSON.stringify({ first, after })}`,
  );
  const { absorbed, forwarded } = await world.midreg.counters();
  ok(
    last.heapMb - first.heapMb < MOST_HEAP_GROWTH_MB,
    `heap ${describe(first)} to ${describe(last)}`,
  );
  ok(last.rssMb - first.rssMb < MOST_RSS_GROWTH_MB, `RSS ${describe(first)} to ${describe(last)}`);
  const registers = absorbed + forwarded - counted.absorbed - counted.forwarded;
  const connections = rounds.reduce((sum, count) => sum + count, 0);
  return (
    `${registers} REGISTERs (${absorbed - counted.absorbed} absorbed), ${calls} calls, ${connections} connections; ` +
    `live heap ${first.heapMb.toFixed(1)} then ${last.heapMb.toFixed(1)} MB, ` +
    `RSS ${first.rssMb.toFixed(0)} then ${last.rssMb.toFixed(0)} MB, ` +
    `${seen.length} collections of ${Math.max(...seen.map(({ pauseMs }) => pauseMs)).toFixed(0)} ms at most, ` +
    `descriptors besides connections ${first.descriptors} then ${unaccounted(after)}`
  );
}

function unaccounted({ descriptors, connections }: Resources): number {
  return descriptors - connections;
}

/** What it takes once the last connections of phones have gone: those with the main registrar stay. */
async function settled(world: World): Promise<Resources> {
  return until(`midreg has ${MAIN_CONNECTIONS} connections at most`, EVENT_MS, async () => {
    const now = await resourcesOf(world.midreg.pid, world.midreg.metricsUrl);
    return now.connections <= MAIN_CONNECTIONS ? now : undefined;
  });
}

function describe({ heapMb, rssMb }: Resources): string {
  return `${heapMb.toFixed(1)} MB of ${rssMb.toFixed(0)} MB`;
}

interface Sample extends Resources {
  readonly atSec: number;
  /** How long V8 has collected for it. */
  readonly pauseMs: number;
}

async function watch({ midreg }: World, inspector: Inspector, endMs: number): Promise<Sample[]> {
  const startMs = performance.now();
  const samples: Sample[] = [];
  while (performance.now() < endMs) {
    // oxlint-disable no-await-in-loop
    const askedMs = performance.now();
    const heapMb = await inspector.liveHeapMb();
    const pauseMs = performance.now() - askedMs;
    const now = await resourcesOf(midreg.pid, midreg.metricsUrl);
    samples.push({ ...now, heapMb, pauseMs, atSec: (performance.now() - startMs) / 1000 });
    await sleep(SAMPLE_MS);
    // oxlint-enable no-await-in-loop
  }
  return samples;
}

/** The lowest live heap, the average RSS, and the descriptors that are no connections, of a window. */
function windowOf(samples: readonly Sample[], fromSec: number): Resources {
  const inside = samples.filter(({ atSec }) => atSec >= fromSec && atSec < fromSec + WINDOW_SEC);
  ok(inside.length >= LEAST_SAMPLES, "too few samples");
  return {
    heapMb: Math.min(...inside.map(({ heapMb }) => heapMb)),
    rssMb: inside.reduce((sum, { rssMb }) => sum + rssMb, 0) / inside.length,
    descriptors: Math.min(...inside.map(unaccounted)),
    connections: 0,
  };
}

/** A device connects, registers, refreshes, unregisters or simply goes; again and again. Returns how often. */
async function comeAndGo(world: World, transport: StreamTransport, endMs: number): Promise<number> {
  const { ca } = world.certificates;
  const port = world.portOf(transport);
  let rounds = 0;
  while (performance.now() < endMs) {
    const user = `soak-${transport}-${rounds % 20}`;
    // One after the other: this is one device at a time.
    // oxlint-disable no-await-in-loop
    const wire = await Wire.open({ transport, port, ca });
    await wire.register(user, REFRESHES);
    if (rounds % 2 === 0) await wire.unregister(user);
    wire.close();
    await sleep(PAUSE_MS);
    // oxlint-enable no-await-in-loop
    rounds += 1;
  }
  return rounds;
}

/** Calls from Kamailio to a device behind midreg by UDP; returns how many were made. */
async function call(world: World): Promise<number> {
  const [callerPort = 0, port = 0] = await freePorts(2);
  await registerFrom({
    user: "sonja",
    domain: "sip.test",
    password: "pw-sonja",
    port,
    targetPort: world.portOf("udp"),
    expiresSec: 600,
  });
  const common = { calls: CALLS, limitSec: SOAK_SEC + 30 };
  const called = startSipp(world.stage, {
    ...common,
    name: "soak-device",
    scenario: answeringScenario(100),
    port,
  });
  const calling = startSipp(world.stage, {
    ...common,
    name: "soak-caller",
    scenario: callerScenario({ isChallenged: true, ends: "hangs-up", holdMs: HOLD_MS }),
    port: callerPort,
    call: {
      targetPort: world.kamailio.port,
      perSec: CALLS_PER_SEC,
      users: ["stefan;[authentication username=stefan password=pw-stefan]"],
      service: "sonja",
    },
  });
  const ended = await Promise.all([calling(), called()]);
  // sipp complains of answers that come twice: a collection may take longer than T1, after which requests are repeated.
  deepStrictEqual(
    ended.map(({ successful, failed }) => ({ successful, failed })),
    ended.map(() => ({ successful: CALLS, failed: 0 })),
  );
  return CALLS;
}
