import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { buildGateway } from "../../src/cli/gateway.ts";
import type { ReceivedPush } from "../../src/devserver/endpoint.ts";
import { type Failure, parseFailure } from "../../src/devserver/failures.ts";
import { openKeyMaterial } from "../../src/devserver/key-material.ts";
import { PushServer } from "../../src/devserver/push-server.ts";
import type { ProviderGateway } from "../../src/gateway/provider-gateway.ts";
import type { GatewayClock } from "../../src/gateway/push-sender.ts";
import type { PushDevice } from "../../src/location/push-device.ts";
import { PrometheusMetrics } from "../../src/metrics/prometheus.ts";
import type { Clock, Log, Push, PushGateway, PushOutcome } from "../../src/ports.ts";
import { load } from "../config/load.ts";
import type { VirtualClock } from "../support/virtual-clock.ts";

/** The machine's own clock; the steady timeline is an hour behind, so that nobody takes one for the other. */
export const BEHIND_MS = 3_600_000;

export const REAL_CLOCK: Clock = {
  nowMs: () => Date.now() - BEHIND_MS,
  wallMs: () => Date.now(),
  setAlarm: () => undefined,
};

/** Timers on virtual time. */
export function virtualTimers(clock: VirtualClock): GatewayClock {
  return {
    nowMs: () => clock.nowMs(),
    wallMs: () => clock.wallMs(),
    after: (delayMs, run) => {
      let isOff = false;
      clock.later(delayMs, () => {
        if (!isOff) run();
      });
      return () => {
        isOff = true;
      };
    },
  };
}

/** Lets promises that wait for nothing but each other go on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) {
    // oxlint-disable-next-line no-await-in-loop
    await Promise.resolve();
  }
}

/** A log that keeps its lines. */
export class KeptLog implements Log {
  readonly isDebug = true;
  readonly lines: string[] = [];

  debug(fields: object, text: string): void {
    this.#keep("debug", fields, text);
  }

  info(fields: object, text: string): void {
    this.#keep("info", fields, text);
  }

  warn(fields: object, text: string): void {
    this.#keep("warn", fields, text);
  }

  error(fields: object, text: string): void {
    this.#keep("error", fields, text);
  }

  #keep(level: string, fields: object, text: string): void {
    this.lines.push(JSON.stringify({ level, ...fields, msg: text }));
  }
}

/** A directory that is gone when the test is over. */
function makeKeyDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "midreg-push-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** Keys that are made once for all tests of a file, since making them takes long. */
const KEYS = new Map<string, string>();

function layOutKeys(directory: string): void {
  if (KEYS.size === 0) {
    openKeyMaterial(directory, "", Date.now());
    for (const name of readdirSync(directory)) {
      KEYS.set(name, readFileSync(join(directory, name), "utf8"));
    }
  }
  for (const [name, text] of KEYS) writeFileSync(join(directory, name), text);
}

/** A fake provider, and a gateway that is configured as its snippet says. */
export class PushWorld {
  readonly log = new KeptLog();
  readonly metrics = new PrometheusMetrics({ version: "0" });
  readonly pushes: ReceivedPush[] = [];
  readonly lines: object[] = [];
  readonly server: PushServer;
  #gateway: ProviderGateway | undefined;

  private constructor(directory: string, port: number) {
    this.server = new PushServer({
      address: "127.0.0.1",
      port,
      directory,
      onPush: (push) => this.pushes.push(push),
      onLine: (line) => this.lines.push(line),
    });
  }

  /** Both stop when the test is over. `change` changes the configuration. */
  static async open(change: (yaml: string) => string = (yaml) => yaml): Promise<PushWorld> {
    const directory = makeKeyDirectory();
    layOutKeys(directory);
    const world = new PushWorld(directory, 0);
    await world.server.start();
    onTestFinished(async () => world.server.stop());
    world.#gateway = world.configure(change);
    return world;
  }

  /** A gateway for this provider; it stops when the test is over. */
  configure(change: (yaml: string) => string): ProviderGateway {
    const { settings } = load({ yaml: change(this.server.snippet) });
    const { log, metrics } = this;
    const gateway = buildGateway(settings, {
      clock: REAL_CLOCK,
      fraction: () => 0.5,
      metrics,
      log,
    });
    if (gateway === undefined) throw new Error("no provider is configured");
    onTestFinished(() => gateway.stop());
    return gateway;
  }

  get gateway(): ProviderGateway {
    if (this.#gateway === undefined) throw new Error("the world is not open");
    return this.#gateway;
  }

  /** Has pushes fail: PROVIDER:PREFIX:REASON[:TIMES[:RETRY_AFTER]]. */
  fail(written: string): void {
    const failure: Failure | undefined = parseFailure(written);
    if (failure === undefined || !this.server.failures.add(failure)) {
      throw new Error(`no such failure: ${written}`);
    }
  }

  async push(device: PushDevice, more: Partial<Push> = {}): Promise<PushOutcome> {
    return sendPush(this.gateway, buildPush(device, more));
  }
}

const CALL_ID = "a84b4c76e66710@pc33.example.com";
const TOPIC = "k3VjYm5mZ2hqa2w0NTY3OA";

/** A call, of no use after five seconds. */
export function buildPush(device: PushDevice, more: Partial<Push> = {}): Push {
  return {
    device,
    purpose: "call",
    topic: TOPIC,
    callId: CALL_ID,
    caller: undefined,
    deadlineMs: REAL_CLOCK.nowMs() + 5000,
    ...more,
  };
}

export async function sendPush(gateway: PushGateway, push: Push): Promise<PushOutcome> {
  return new Promise((resolve) => {
    gateway.send(push, resolve);
  });
}

/** 64 hexadecimal digits that begin as told, as a token of APNs. */
export function apnsToken(beginning: string): string {
  return beginning.padEnd(64, "0123456789abcdef");
}

export const TEAM = "MIDREGTEAM";

/** Devices of each kind, by the beginning of their tokens. */
export const devices = {
  apns: (beginning: string): PushDevice => ({
    provider: "apns",
    param: `${TEAM}.com.example.phone.remote&voip`,
    prid: `${apnsToken(`${beginning}ee`)}:remote&${apnsToken(beginning)}:voip`,
  }),
  fcm: (beginning: string): PushDevice => ({
    provider: "fcm",
    param: "midreg-dev",
    prid: `${beginning}-fcm:APA91bHPRgkF3JUikC4ENAHEeMrd41Zxv3hVZjC9KtT8OvPVGJ-hQMRKRrZuJAEcl7B33`,
  }),
  webpush: (beginning: string, origin: string): PushDevice => ({
    provider: "webpush",
    param: "",
    prid: `${origin}/push/${beginning}-gAAAAABdf8xyz_0123456789abcdefghij`,
  }),
  http: (beginning: string): PushDevice => ({
    provider: "webhook",
    param: "some-app",
    prid: `${beginning}-0123456789abcdefghij`,
  }),
};
