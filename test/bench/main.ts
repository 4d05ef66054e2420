/**
 * `npm run bench`: measures the real process against a bare echo. How to read the result is in
 * README.md next to this file.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { inspect, parseArgs } from "node:util";
import { Stage } from "../support/peers/stage.ts";
import { measureCalls } from "./calls.ts";
import { readMachine } from "./measure.ts";
import { readProfiles, type ThreadProfile } from "./profile.ts";
import { type Reduction, simulateReduction } from "./reduction.ts";
import {
  describeNoise,
  formatCalls,
  formatReductions,
  formatTable,
  formatWakes,
  listFigures,
} from "./report.ts";
import { runScenario } from "./scenario.ts";
import type { Sizes } from "./scenario-result.ts";
import { measureWakes } from "./wakes.ts";

const USAGE = `npm run bench -- [options]
  --quick            smaller and shorter: under a minute, for a first impression
  --aors N           addresses-of-record under load (100000; quick 10000)
  --seconds S        length of the closed and of the open loop (8; quick 3)
  --window W         requests in flight in the closed loop (64)
  --no-500k          leave out five times the bindings and the restart
  --out FILE         where the JSON goes as well (a new file in the temporary directory)
  --entry FILE       compiled entry point to measure (dist/main.js)
  --profile          profile midreg and list where its time goes; slows it down
  --profile-dir DIR  keep the .cpuprofile files there; implies --profile
  --calls            instead: calls a second and what one costs, beside Kamailio; wants sipp
  --wakes            instead: sleeping devices woken a second through a push provider, and what one costs
  --reduction        instead: how many REGISTERs the main registrar is spared, in simulated hours
  --phones N         phones of that simulation (2000; quick 300)
  --hours H          hours of it (3)
  --seed N           what its chances are drawn from (1)
`;

const FULL: Sizes = {
  aors: 100_000,
  manyAors: 500_000,
  seconds: 8,
  warmUpSeconds: 3,
  echoSeconds: 4,
  registerSeconds: 120,
  settleMs: 12_000,
  quietMs: 35_000,
  window: 64,
  sources: 5_000,
};

const QUICK: Sizes = {
  ...FULL,
  aors: 10_000,
  manyAors: 50_000,
  seconds: 3,
  warmUpSeconds: 1,
  echoSeconds: 2,
  registerSeconds: 20,
  settleMs: 4_000,
  quietMs: 0,
};

/** What is simulated: each mode, and the throttling modes with a longer registration upstream. */
const REDUCTIONS = [
  { mode: "mirror", outgoingExpiresSec: 3600 },
  { mode: "contact", outgoingExpiresSec: 3600 },
  { mode: "aor", outgoingExpiresSec: 3600 },
  { mode: "contact", outgoingExpiresSec: 7200 },
  { mode: "aor", outgoingExpiresSec: 7200 },
] as const;

function readOptions() {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      aors: { type: "string" },
      seconds: { type: "string" },
      window: { type: "string" },
      "no-500k": { type: "boolean", default: false },
      out: { type: "string" },
      entry: { type: "string" },
      profile: { type: "boolean", default: false },
      "profile-dir": { type: "string" },
      calls: { type: "boolean", default: false },
      wakes: { type: "boolean", default: false },
      reduction: { type: "boolean", default: false },
      phones: { type: "string" },
      hours: { type: "string" },
      seed: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const base = values.quick ? QUICK : FULL;
  const aors = readCount("--aors", values.aors, base.aors);
  return {
    ...values,
    mix: {
      phones: readCount("--phones", values.phones, values.quick ? 300 : 2000),
      hours: readCount("--hours", values.hours, 3),
      seed: readCount("--seed", values.seed, 1),
    },
    sizes: {
      ...base,
      aors,
      manyAors: values["no-500k"] ? 0 : aors * 5,
      seconds: readCount("--seconds", values.seconds, base.seconds),
      window: readCount("--window", values.window, base.window),
    },
  };
}

function readCount(flag: string, text: string | undefined, otherwise: number): number {
  const count = text === undefined ? otherwise : Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error(`${flag} wants a number above 0`);
  return count;
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}

function formatProfiles(profiles: readonly ThreadProfile[]): string {
  return profiles
    .map(({ thread, phase, busyPercent, top }) => {
      const lines = top.map(({ name, percent }) => `${percent.toFixed(1).padStart(6)} %  ${name}`);
      return [`${phase}, ${thread}, busy ${busyPercent.toFixed(0)} %`, ...lines].join("\n");
    })
    .join("\n\n");
}

async function bench(options: ReturnType<typeof readOptions>): Promise<number> {
  const isProfiled = options.profile || options["profile-dir"] !== undefined;
  const scratch = mkdtempSync(join(tmpdir(), "midreg-bench-"));
  const profileDir = resolve(options["profile-dir"] ?? join(scratch, "profiles"));
  if (isProfiled) mkdirSync(profileDir, { recursive: true });
  process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));
  const startedAt = new Date();
  const machine = readMachine();
  const { spans, ...result } = await runScenario({
    sizes: options.sizes,
    log,
    ...(options.entry === undefined ? {} : { entry: resolve(options.entry) }),
    ...(isProfiled ? { profileDir } : {}),
  });
  const figures = listFigures({ spans, ...result });
  const profiles = isProfiled ? readProfiles(profileDir, spans) : [];
  const document = {
    startedAt: startedAt.toISOString(),
    seconds: (Date.now() - startedAt.getTime()) / 1_000,
    isQuick: options.quick,
    machine: { ...machine, loadAverageAfterwards: loadavg() },
    sizes: options.sizes,
    figures,
    failures: result.failures,
    details: result,
    ...(isProfiled ? { profiles } : {}),
  };
  const json = `${JSON.stringify(document, undefined, 2)}\n`;
  const stamp = startedAt.toISOString().replaceAll(/[:.]/gu, "-");
  const out = options.out ?? join(tmpdir(), `midreg-bench-${stamp}.json`);
  writeFileSync(out, json);
  process.stdout.write(json);
  if (isProfiled) log(`\n${formatProfiles(profiles)}`);
  log(`\n${formatTable(figures)}\n\nwritten to ${out}\n${describeNoise({ spans, ...result })}`);
  for (const failure of result.failures) log(`FAILED ${failure}`);
  return result.failures.length === 0 ? 0 : 1;
}

async function reduce({ mix, out }: ReturnType<typeof readOptions>): Promise<number> {
  const reductions: Reduction[] = [];
  for (const one of REDUCTIONS) {
    log(`${mix.hours} simulated hours of ${mix.phones} phones, ${one.mode} mode`);
    // oxlint-disable-next-line no-await-in-loop -- One after the other: they share one processor anyway.
    reductions.push(await simulateReduction({ ...one, ...mix }));
  }
  const json = `${JSON.stringify({ reductions }, undefined, 2)}\n`;
  if (out !== undefined) writeFileSync(out, json);
  process.stdout.write(json);
  log(`\n${formatReductions(reductions)}`);
  return reductions.some(({ refused }) => refused > 0) ? 1 : 0;
}

async function callThrough({ out }: ReturnType<typeof readOptions>): Promise<number> {
  const machine = readMachine();
  const result = await measureCalls(new Stage("midreg-bench-calls"), log);
  const json = `${JSON.stringify({ machine, ...result }, undefined, 2)}\n`;
  if (out !== undefined) writeFileSync(out, json);
  process.stdout.write(json);
  log(`\n${formatCalls(result)}`);
  return result.figures.every(({ highestPerSec }) => highestPerSec > 0) ? 0 : 1;
}

async function wake({ out }: ReturnType<typeof readOptions>): Promise<number> {
  const startedAtMs = Date.now();
  const machine = readMachine();
  const result = await measureWakes(new Stage("midreg-bench-wakes"), log);
  const seconds = (Date.now() - startedAtMs) / 1_000;
  const json = `${JSON.stringify({ machine, seconds, ...result }, undefined, 2)}\n`;
  if (out !== undefined) writeFileSync(out, json);
  process.stdout.write(json);
  log(`\n${formatWakes(result)}`);
  return result.highestPerSec > 0 ? 0 : 1;
}

/** What is asked for instead of the usual phases. */
async function run(options: ReturnType<typeof readOptions>): Promise<number> {
  if (options.calls) return callThrough(options);
  if (options.wakes) return wake(options);
  return options.reduction ? reduce(options) : bench(options);
}

/** An interrupt ends the process through its exit hooks, which end and remove what it has made. */
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

try {
  const options = readOptions();
  if (options.help) process.stdout.write(USAGE);
  else process.exitCode = await run(options);
} catch (error) {
  log(inspect(error));
  process.exitCode = 1;
}
