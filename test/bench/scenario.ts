import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RealProcess } from "../support/real-process.ts";
import { Child } from "./child.ts";
import { writeDigestSettings } from "./digest-settings.ts";
import type { Fleet, Phase, PhaseResult } from "./load-generator.ts";
import {
  type Memory,
  readMachineTime,
  readOpenFilesLimit,
  readProcessorTime,
  settleMemory,
} from "./measure.ts";
import type { Span } from "./profile.ts";
import type {
  Measured,
  MemoryReading,
  Restart,
  ScenarioOptions,
  ScenarioResult,
} from "./scenario-result.ts";

const DOMAIN = "bench.example.com";
/** Long enough that no binding expires during a run; midreg registers for 3600 s upstream. */
const EXPIRES_SEC = 600;
const MIDREG_FLAGS = ["--outgoing-expires", "3600", "--absorb", "proven"];
/** Phones of a user in AoR throttling: desk, mobile, and one on the computer. */
const DEVICES_PER_AOR = 3;
/** Files that the generator needs besides its sockets. */
const SPARE_FILES = 256;
/** Devices asked after the restart, at either end of the fleet. */
const SAMPLE = 1_000;
/** Quiet after the closed loop in which work put off until later shows. */
const AFTERMATH_MS = 2_000;
const RESTART_TIMEOUT_MS = 60_000;

/** A server with the generator that loads it. */
interface Stage {
  readonly generator: Child;
  readonly serverPid: () => number;
}

/** Runs all phases, one after the other, and ends every process it has started. */
export async function runScenario(options: ScenarioOptions): Promise<ScenarioResult> {
  const scenario = new Scenario(options);
  try {
    return await scenario.run();
  } catch (error) {
    throw new Error(`the run broke off; midreg said last:\n${scenario.output}`, { cause: error });
  } finally {
    await scenario.end();
  }
}

class Scenario {
  readonly #options: ScenarioOptions;
  readonly #echo = new Child(new URL("./echo.ts", import.meta.url));
  readonly #registrar = new Child(new URL("./fake-registrar.ts", import.meta.url));
  readonly #echoStage: Stage = {
    generator: new Child(new URL("./generator.ts", import.meta.url)),
    serverPid: () => this.#echo.pid,
  };
  readonly #midregStage: Stage = {
    generator: new Child(new URL("./generator.ts", import.meta.url)),
    serverPid: () => this.#midreg?.pid ?? 0,
  };
  readonly #spans: Span[] = [];
  readonly #failures: string[] = [];
  readonly #aorGenerator = new Child(new URL("./generator.ts", import.meta.url));
  #midreg: RealProcess | undefined;
  #aorMidreg: RealProcess | undefined;
  readonly #digestGenerator = new Child(new URL("./generator.ts", import.meta.url));
  #digestMidreg: RealProcess | undefined;
  #emptyMemory: Memory = { rssBytes: 0, anonymousBytes: 0 };
  #bindings = 0;
  #registrarPort: number | undefined;
  readonly #memory: MemoryReading[] = [];

  constructor(options: ScenarioOptions) {
    this.#options = options;
  }

  async run(): Promise<ScenarioResult> {
    const { sizes } = this.#options;
    await this.#openFleet(this.#echoStage, await this.#echo.call<number>("start", 0), sizes.aors);
    await this.#echoClosed("echo, warm-up", 1);
    const echoBefore = await this.#echoClosed("echo, closed loop", sizes.echoSeconds);

    const midreg = await this.#prepareMidreg();
    const startMs = await midreg.start();
    this.#emptyMemory = await settleMemory(midreg.pid, sizes.settleMs);
    const first = await this.#register("first registrations", 0, sizes.aors);
    await this.#readMemoryTwice(midreg);

    await this.#refresh("refresh, warm-up", sizes.warmUpSeconds);
    const refreshClosed = await this.#refresh("refresh, closed loop", sizes.seconds);
    const aftermathCpuUs = await this.#aftermath(midreg, refreshClosed.completed);
    const rate = refreshClosed.perSecond / 2;
    const refreshOpen = await this.#refresh("refresh, open loop", sizes.seconds, rate);
    await this.#readMemory(midreg, "after the refreshes");
    const refreshMoved = await this.#refreshMoved();

    const echoAfter = await this.#echoClosed("echo, closed loop again", sizes.echoSeconds);
    const echoOpen = await this.#echoClosed("echo, open loop", sizes.echoSeconds, rate);
    const many = sizes.manyAors > sizes.aors ? await this.#many(midreg) : {};
    await midreg.stop();
    const aor = await this.#aor();
    const digest = await this.#digest();
    return {
      startMs,
      emptyMemory: this.#emptyMemory,
      echoBefore,
      first,
      refreshClosed,
      aftermathCpuUs,
      refreshOpen,
      refreshMoved,
      ...aor,
      ...digest,
      echoAfter,
      echoOpen,
      ...many,
      memory: this.#memory,
      spans: this.#spans,
      failures: this.#failures,
    };
  }

  /** What midreg has printed. */
  get output(): string {
    const all = [this.#midreg, this.#aorMidreg, this.#digestMidreg];
    return all.map((midreg) => midreg?.output ?? "").join("");
  }

  async end(): Promise<void> {
    await this.#midreg?.dispose();
    await this.#aorMidreg?.dispose();
    await this.#digestMidreg?.dispose();
    const generators = [this.#echoStage, this.#midregStage].map(({ generator }) => generator);
    const ownOnes = [this.#aorGenerator, this.#digestGenerator];
    const children = [this.#echo, this.#registrar, ...ownOnes, ...generators];
    await Promise.all(children.map((child) => child.end()));
  }

  async #openFleet(
    { generator }: Pick<Stage, "generator">,
    targetPort: number,
    devices: number,
    { devicesPerAor = 1, ...more }: Partial<Pick<Fleet, "devicesPerAor" | "realm">> = {},
  ): Promise<void> {
    const room = Math.max(1, readOpenFilesLimit() - SPARE_FILES);
    await generator.call("open", {
      targetPort,
      devices,
      devicesPerAor,
      sources: Math.min(this.#options.sizes.sources, room),
      domain: DOMAIN,
      runId: randomBytes(6).toString("hex"),
      expiresSec: EXPIRES_SEC,
      ...more,
    } satisfies Fleet);
  }

  async #prepareMidreg(): Promise<RealProcess> {
    const { sizes } = this.#options;
    this.#midreg = await this.#prepare(MIDREG_FLAGS);
    const devices = Math.max(sizes.aors, sizes.manyAors);
    await this.#openFleet(this.#midregStage, this.#midreg.sipPort, devices);
    return this.#midreg;
  }

  async #prepare(args: readonly string[]): Promise<RealProcess> {
    const { entry, profileDir } = this.#options;
    this.#registrarPort ??= await this.#registrar.call<number>("start", 0);
    return RealProcess.prepare({
      upstream: `sip:127.0.0.1:${this.#registrarPort}`,
      args,
      ...(entry === undefined ? {} : { entry }),
      nodeArgs:
        profileDir === undefined
          ? []
          : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`, "--cpu-prof-interval=500"],
    });
  }

  /** Each phone once from a source that midreg does not know it by. */
  async #refreshMoved(): Promise<Measured> {
    const { registerSeconds: seconds, window } = this.#options.sizes;
    const name = "refresh with a changed source";
    const once = { first: 0, end: this.#bindings, isOnce: true, seconds, window, verifyEvery: 1 };
    const measured = await this.#measureRegisters(name, { ...once, isMoving: true });
    const { forwarded, completed } = measured;
    this.#expect(name, forwarded >= completed, `${forwarded} of ${completed} were forwarded`);
    return measured;
  }

  /** Three devices of each user, which share one registration upstream. */
  async #aor(): Promise<Pick<ScenarioResult, "aorFirst" | "aorRefresh">> {
    const { sizes } = this.#options;
    const midreg = await this.#prepare([...MIDREG_FLAGS, "--mode", "aor"]);
    this.#aorMidreg = midreg;
    const stage = { generator: this.#aorGenerator, serverPid: () => midreg.pid };
    const devices = sizes.aors - (sizes.aors % DEVICES_PER_AOR);
    await this.#openFleet(stage, midreg.sipPort, devices, { devicesPerAor: DEVICES_PER_AOR });
    await midreg.start();
    const { registerSeconds, window } = sizes;
    const phase = { first: 0, end: devices, isOnce: true, seconds: registerSeconds, window };
    const firstName = "AoR throttling, three devices: first registrations";
    const aorFirst = await this.#measureRegisters(firstName, { ...phase, verifyEvery: 1 }, stage);
    const end = aorFirst.statuses["200"] ?? 0;
    const round = { ...phase, end, isOnce: false, verifyEvery: 16 };
    const name = "AoR throttling, three devices: absorbed refresh";
    const warmUp = { ...round, seconds: sizes.warmUpSeconds };
    await this.#measureRegisters(`${name}, warm-up`, warmUp, stage);
    const closed = { ...round, seconds: sizes.seconds };
    const aorRefresh = await this.#measureRegisters(name, closed, stage);
    this.#expectAbsorbed(name, aorRefresh);
    await midreg.stop();
    return { aorFirst, aorRefresh };
  }

  /** Phones that midreg challenges itself; the main registrar trusts its address. */
  async #digest(): Promise<Pick<ScenarioResult, "digestFirst" | "digestRefresh">> {
    const { sizes } = this.#options;
    const { aors: devices, registerSeconds, window } = sizes;
    const directory = mkdtempSync(join(tmpdir(), "midreg-bench-users-"));
    try {
      const midreg = await this.#prepare(
        writeDigestSettings(directory, { devices, realm: DOMAIN }),
      );
      this.#digestMidreg = midreg;
      const stage = { generator: this.#digestGenerator, serverPid: () => midreg.pid };
      await this.#openFleet(stage, midreg.sipPort, devices, { realm: DOMAIN });
      await midreg.start();
      const phase = { first: 0, end: devices, isOnce: true, seconds: registerSeconds, window };
      const firstName = "digest: first registrations, challenged and with credentials";
      const digestFirst = await this.#measureRegisters(
        firstName,
        { ...phase, verifyEvery: 1 },
        stage,
      );
      const end = digestFirst.statuses["200"] ?? 0;
      const round = { ...phase, end, isOnce: false, verifyEvery: 16 };
      const name = "digest: absorbed refresh, nonce count up";
      const warmUp = { ...round, seconds: sizes.warmUpSeconds };
      await this.#measureRegisters(`${name}, warm-up`, warmUp, stage);
      const closed = { ...round, seconds: sizes.seconds };
      const digestRefresh = await this.#measureRegisters(name, closed, stage);
      this.#expectAbsorbed(name, digestRefresh);
      const { challenged, completed } = digestRefresh;
      this.#expect(name, challenged === 0, `${challenged} of ${completed} were challenged anew`);
      await midreg.stop();
      return { digestFirst, digestRefresh };
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }

  async #echoClosed(name: string, seconds: number, rate?: number): Promise<Measured> {
    const { aors, window } = this.#options.sizes;
    const phase = { first: 0, end: aors, isOnce: false, seconds, window, verifyEvery: 1 };
    const measured = await this.#measure(name, this.#echoStage, withRate(phase, rate));
    this.#expect(name, measured.lost === 0, `${measured.lost} of ${measured.sent} requests lost`);
    return measured;
  }

  async #register(name: string, first: number, end: number): Promise<Measured> {
    const { registerSeconds: seconds, window } = this.#options.sizes;
    const phase = { first, end, isOnce: true, seconds, window, verifyEvery: 1 };
    const measured = await this.#measureRegisters(name, phase);
    const wanted = end - first;
    const accepted = measured.statuses["200"] ?? 0;
    this.#bindings += accepted;
    if (accepted < wanted) this.#options.log(`only ${accepted} of ${wanted} in ${seconds} s`);
    return measured;
  }

  async #refresh(name: string, seconds: number, rate?: number): Promise<Measured> {
    const { window } = this.#options.sizes;
    const phase = {
      first: 0,
      end: this.#bindings,
      isOnce: false,
      seconds,
      window,
      verifyEvery: 16,
    };
    const measured = await this.#measureRegisters(name, withRate(phase, rate));
    this.#expectAbsorbed(name, measured);
    return measured;
  }

  async #measureRegisters(
    name: string,
    phase: Phase,
    stage: Stage = this.#midregStage,
  ): Promise<Measured> {
    const measured = await this.#measure(name, stage, phase);
    const { completed, lost, contactMissing, statuses, gaveUp } = measured;
    const refused = completed - (statuses["200"] ?? 0);
    if (gaveUp) throw new Error(`${name}: no answers for 10 seconds`);
    this.#expect(name, lost === 0, `${lost} requests lost`);
    this.#expect(name, refused === 0, `${refused} answers that are no 200`);
    this.#expect(name, contactMissing === 0, `${contactMissing} 200s without the own contact`);
    return measured;
  }

  async #many(midreg: RealProcess) {
    const { manyAors } = this.#options.sizes;
    const name = "more first registrations";
    const firstMany = await this.#register(name, this.#bindings, manyAors);
    await this.#readMemoryTwice(midreg);
    const restart = await this.#restart(midreg);
    return { firstMany, restart };
  }

  async #restart(midreg: RealProcess): Promise<Restart> {
    const { window } = this.#options.sizes;
    const stoppingAtMs = performance.now();
    const exit = await midreg.stop(RESTART_TIMEOUT_MS);
    const stopMs = performance.now() - stoppingAtMs;
    this.#expect("stop", exit.code === 0, `ended with ${JSON.stringify(exit)}`);
    const fromUs = nowUs();
    const readyMs = await midreg.start(RESTART_TIMEOUT_MS);
    this.#spans.push({ name: "restart", fromUs, toUs: nowUs() });
    this.#options.log(
      `restart: stopped in ${Math.round(stopMs)} ms, ready in ${Math.round(readyMs)} ms`,
    );
    // Phones register in order, so these are the ones that have, even if time ran out.
    const end = this.#bindings;
    const sample = Math.min(SAMPLE, end);
    const once = { isOnce: true, seconds: 10, window, verifyEvery: 1 };
    const name = "refresh after restart";
    const oldest = await this.#measureRegisters(name, { ...once, first: 0, end: sample });
    this.#expectAbsorbed(name, oldest);
    const youngest = { ...once, first: end - sample, end };
    const refresh = await this.#measureRegisters(name, youngest);
    this.#expectAbsorbed(name, refresh);
    await this.#readMemory(midreg, "after the restart");
    return { bindings: end, stopMs, exit, readyMs, refresh };
  }

  async #aftermath(midreg: RealProcess, requests: number): Promise<number> {
    const before = readProcessorTime(midreg.pid);
    await sleep(AFTERMATH_MS);
    const after = readProcessorTime(midreg.pid);
    return (after.totalUs - before.totalUs) / Math.max(1, requests);
  }

  async #readMemoryTwice(midreg: RealProcess): Promise<void> {
    const { quietMs } = this.#options.sizes;
    await this.#readMemory(midreg, "after registering");
    if (quietMs === 0) return;
    await sleep(quietMs);
    await this.#readMemory(midreg, `${quietMs / 1_000} s later`);
  }

  async #readMemory({ pid }: RealProcess, when: string): Promise<void> {
    const memory = await settleMemory(pid, this.#options.sizes.settleMs);
    const growth = memory.rssBytes - this.#emptyMemory.rssBytes;
    const bindings = this.#bindings;
    const rssBytesPerBinding = growth / Math.max(1, bindings);
    const size = Math.round(rssBytesPerBinding);
    this.#options.log(`memory ${when}: ${size} bytes for each of ${bindings}`);
    this.#memory.push({ ...memory, when, bindings, rssBytesPerBinding });
  }

  async #measure(name: string, stage: Stage, phase: Phase): Promise<Measured> {
    const pid = stage.serverPid();
    const usage = async () => ({
      fromUs: nowUs(),
      machine: readMachineTime(),
      server: readProcessorTime(pid),
      registrar: readProcessorTime(this.#registrar.pid).totalUs,
      registers: (await this.#registrar.call<{ registers: number }>("counts")).registers,
    });
    const before = await usage();
    const result = await stage.generator.call<PhaseResult>("run", phase);
    const after = await usage();
    const wallUs = after.fromUs - before.fromUs;
    const requests = Math.max(1, result.completed);
    const serverUs = after.server.totalUs - before.server.totalUs;
    const registrarUs = after.registrar - before.registrar;
    const ownUs = serverUs + registrarUs + result.generatorCpuUs * requests;
    const busyUs = after.machine.busyUs - before.machine.busyUs;
    const measured: Measured = {
      ...result,
      cpuUs: serverUs / requests,
      mainThreadCpuUs: (after.server.mainThreadUs - before.server.mainThreadUs) / requests,
      forwarded: after.registers - before.registers,
      registrarCpuUs: registrarUs / requests,
      othersCores: Math.max(0, busyUs - ownUs) / wallUs,
      stolenCores: (after.machine.stolenUs - before.machine.stolenUs) / wallUs,
    };
    if (stage !== this.#echoStage) {
      this.#spans.push({ name, fromUs: before.fromUs, toUs: after.fromUs });
    }
    this.#options.log(describe(name, measured));
    return measured;
  }

  #expectAbsorbed(name: string, { forwarded, completed }: Measured): void {
    this.#expect(name, forwarded === 0, `${forwarded} of ${completed} refreshes were forwarded`);
  }

  #expect(name: string, isTrue: boolean, otherwise: string): void {
    if (!isTrue) this.#failures.push(`${name}: ${otherwise}`);
  }
}

function withRate(phase: Phase, rate: number | undefined): Phase {
  return rate === undefined ? phase : { ...phase, rate };
}

/** The monotonic clock that the profiler uses. */
function nowUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

function describe(name: string, measured: Measured): string {
  const { completed, perSecond, cpuUs, latencyUs, retransmissions, othersCores } = measured;
  return [
    `${name}: ${completed} requests, ${Math.round(perSecond)}/s, ${cpuUs.toFixed(1)} us CPU each`,
    `p50 ${latencyUs.p50}, p99 ${latencyUs.p99}, p99.9 ${latencyUs.p999}, max ${latencyUs.max} us`,
    `${retransmissions} retransmitted, others kept ${othersCores.toFixed(2)} cores busy`,
  ].join("; ");
}
