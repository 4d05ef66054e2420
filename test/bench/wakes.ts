import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Stage } from "../support/peers/stage.ts";
import { RealProcess } from "../support/real-process.ts";
import { Child } from "./child.ts";
import { readMachineTime, readProcessorTime } from "./measure.ts";
import { type EchoFigures, measureEcho } from "./measure-echo.ts";
import type { WakeFleet, WakePhase, WakePhaseResult } from "./wake-devices.ts";
import { pushParamsOf } from "./wake-message.ts";
import type { ProviderReady, ProviderStart } from "./wake-provider.ts";

/** Rates tried, wakes a second. */
const RATES = [200, 400, 600, 800, 1000, 1300];
const SECONDS = 2;
/**
 * The first wakes find no connection to the provider, and the first thousands code that is not compiled to its end: without
 * so many, the lowest rate, which comes first, seems to cost twice as much as it does.
 */
const WARM_UP: WakePhase = { perSec: 500, seconds: 8 };
/** Between the rate that could not be kept and the last run. */
const SETTLE_MS = 1_000;
/** A generator that falls further behind has not offered the rate. */
const LEAST_OFFERED = 0.95;
/** More than are called in a second at any rate, so that each has been left alone before it is called again. */
const DEVICES = 2_000;
const SOURCES = 100;

/** How wakes went at one rate. */
export interface WakeRun extends WakePhaseResult {
  readonly perSec: number;
  /** Processor time of midreg for a wake, all threads, microseconds. */
  readonly cpuUs: number;
  /** The part of it that its main thread used. */
  readonly mainThreadCpuUs: number;
  /** Cores kept busy by processes that have no part in this. */
  readonly othersCores: number;
}

export interface WakeSummary {
  /** Highest rate that was tried and kept, no call failed, no REGISTER forwarded, under 1 % of the INVITEs repeated. */
  readonly highestPerSec: number;
  /** Processor time for a wake at the rate where it is least. */
  readonly cpuUs: number;
}

export interface WakesResult extends WakeSummary {
  readonly echo: EchoFigures;
  readonly runs: readonly WakeRun[];
  /** Afterwards, at half of the highest rate, as nobody runs at the limit: the latencies that count. */
  readonly calm?: WakeRun;
}

/** Calls from the main registrar's side to devices that sleep, woken through the fake APNs. */
export async function measureWakes(
  stage: Stage,
  log: (line: string) => void,
): Promise<WakesResult> {
  const echo = await measureEcho();
  log(`echo: ${echo.cpuUs.toFixed(1)} us a datagram`);
  const devices = new Child(new URL("./wake-generator.ts", import.meta.url));
  const provider = new Child(new URL("./wake-provider.ts", import.meta.url));
  try {
    const ports = await devices.call<{ registrarPort: number; noticePort: number }>("open");
    const directory = stage.path("push");
    mkdirSync(directory, { recursive: true });
    const start: ProviderStart = { directory, noticePort: ports.noticePort };
    const { snippet, teamId } = await provider.call<ProviderReady>("start", start);
    const config = stage.path("midreg.yaml");
    writeFileSync(config, settingsOf(snippet));
    const midreg = await RealProcess.prepare({
      upstream: `sip:127.0.0.1:${ports.registrarPort}`,
      args: ["--config", config, "--outgoing-expires", "7200"],
    });
    try {
      await midreg.start();
      await registerAll(devices, midreg.sipPort, teamId);
      await devices.call("run", WARM_UP);
      const parties = { midreg: midreg.pid, provider: provider.pid, devices, log };
      const runs = await climb(parties);
      const summary = summarizeWakes(runs);
      if (summary.highestPerSec === 0) return { ...summary, echo, runs };
      await sleep(SETTLE_MS);
      const half = { perSec: summary.highestPerSec / 2, seconds: SECONDS };
      return { ...summary, echo, runs, calm: await runWakes(parties, half) };
    } finally {
      await midreg.dispose();
    }
  } finally {
    await devices.end();
    await provider.end();
  }
}

/** The budgets are off: here one caller calls everybody. */
function settingsOf(snippet: string): string {
  const budget = "  budget: { per_caller: 0, per_device: 0, total: 0 }";
  return `mid_registrar:\n  pn_enable: true\n${snippet.replace("push:\n", `push:\n${budget}\n`)}`;
}

async function registerAll(devices: Child, targetPort: number, teamId: string): Promise<void> {
  const fleet: WakeFleet = {
    targetPort,
    devices: DEVICES,
    sources: SOURCES,
    domain: "bench.example.com",
    runId: randomBytes(6).toString("hex"),
    expiresSec: 600,
    pushParams: pushParamsOf(teamId),
  };
  const registered = await devices.call<number>("register", fleet);
  if (registered < DEVICES) throw new Error(`only ${registered} of ${DEVICES} devices registered`);
}

interface Parties {
  readonly midreg: number;
  readonly provider: number;
  readonly devices: Child;
  readonly log: (line: string) => void;
}

/** Tries one rate after the other until calls fail. */
async function climb(parties: Parties): Promise<WakeRun[]> {
  const runs: WakeRun[] = [];
  for (const perSec of RATES) {
    // oxlint-disable-next-line no-await-in-loop -- Each rate by itself is what is measured.
    const run = await runWakes(parties, { perSec, seconds: SECONDS });
    runs.push(run);
    if (!isGood(run)) break;
  }
  return runs;
}

async function runWakes(
  { midreg, provider, devices, log }: Parties,
  phase: WakePhase,
): Promise<WakeRun> {
  const readOurs = (): number =>
    [midreg, provider, devices.pid, process.pid].reduce(
      (sum, pid) => sum + readProcessorTime(pid).totalUs,
      0,
    );
  const fromMs = performance.now();
  const before = {
    midreg: readProcessorTime(midreg),
    oursUs: readOurs(),
    busyUs: readMachineTime().busyUs,
  };
  const result = await devices.call<WakePhaseResult>("run", phase);
  const elapsedUs = (performance.now() - fromMs) * 1_000;
  const after = readProcessorTime(midreg);
  const cpuUs = (after.totalUs - before.midreg.totalUs) / result.calls;
  const mainThreadCpuUs = (after.mainThreadUs - before.midreg.mainThreadUs) / result.calls;
  const othersUs = readMachineTime().busyUs - before.busyUs - (readOurs() - before.oursUs);
  const { calls, failed, repeated, shareUs } = result;
  const share = `midreg's share ${toMs(shareUs.p50)} ms (p99 ${toMs(shareUs.p99)})`;
  log(
    `${phase.perSec} wakes/s: ${failed} of ${calls} failed, ${repeated} INVITEs repeated, ${cpuUs.toFixed(0)} us each, ${share}`,
  );
  return {
    perSec: phase.perSec,
    ...result,
    cpuUs,
    mainThreadCpuUs,
    othersCores: Math.max(0, othersUs / elapsedUs),
  };
}

function isGood({ perSec, offeredPerSec, calls, failed, repeated, forwarded }: WakeRun): boolean {
  const isClean = failed === 0 && forwarded === 0 && repeated < calls / 100;
  return isClean && offeredPerSec >= perSec * LEAST_OFFERED;
}

/** The figures of runs at growing rates. */
export function summarizeWakes(runs: readonly WakeRun[]): WakeSummary {
  const good = runs.filter(isGood);
  if (good.length === 0) return { highestPerSec: 0, cpuUs: 0 };
  const highestPerSec = Math.max(...good.map(({ perSec }) => perSec));
  const cpuUs = Math.min(...good.map((run) => run.cpuUs));
  return { highestPerSec, cpuUs };
}

function toMs(us: number): string {
  return (us / 1_000).toFixed(1);
}
