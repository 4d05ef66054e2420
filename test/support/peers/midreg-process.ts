import { readFileSync } from "node:fs";
import { Inspector } from "./inspector.ts";
import { parseMetrics, total } from "./metrics.ts";
import type { Stage, StageProcess } from "./stage.ts";
import { until } from "./wait.ts";

export interface MidregOptions {
  readonly port: number;
  readonly adminPort: number;
  readonly upstreamPort: number;
  readonly outgoingExpiresSec: number;
  /** Contact throttling unless it is given. */
  readonly mode?: "mirror" | "contact" | "aor";
  /** URI of the main registrar where it is not reached by UDP on the loopback. */
  readonly upstreamUri?: string;
  /** Listeners besides the one on UDP. */
  readonly moreListeners?: readonly string[];
  /** File with settings that no flag has. */
  readonly configPath?: string;
  /** Tells its data from those of others on the same stage; the mode when left out. */
  readonly name?: string;
}

/** What midreg says about itself, added up since its start. */
export interface MidregCounters {
  readonly absorbed: number;
  readonly forwarded: number;
  readonly rejected: number;
  readonly failed: number;
  readonly contacts: number;
}

const MAIN = new URL("../../../dist/main.js", import.meta.url).pathname;
const READY_WITHIN_MS = 10_000;
const DRAINED_WITHIN_MS = 10_000;
const INSPECTED_WITHIN_MS = 5000;
/** Where the inspector listens once it is asked to, so that it disturbs nobody until then. */
const NODE_FLAGS = ["--inspect-port=127.0.0.1:0"];

/** midreg as an operator runs it: a process of its own, seen only through its ports. */
export class MidregProcess {
  readonly #stage: Stage;
  readonly #options: MidregOptions;
  #process: StageProcess | undefined;

  constructor(stage: Stage, options: MidregOptions) {
    this.#stage = stage;
    this.#options = options;
  }

  get metricsUrl(): string {
    return `http://127.0.0.1:${this.#options.adminPort}/metrics`;
  }

  /** Starts it on the data it left behind, if any, and waits until it is ready. */
  async start(): Promise<void> {
    const args = [...NODE_FLAGS, MAIN, ...this.#flags()];
    const started = this.#stage.spawn("midreg", process.execPath, args);
    this.#process = started;
    await until("midreg is ready", READY_WITHIN_MS, async () => {
      if (!started.isRunning) throw new Error(`midreg ended: ${String(await started.exited)}`);
      return (await this.#isReady()) ? true : undefined;
    });
  }

  /** Process id, for what the system says about it; throws when it does not run. */
  get pid(): number {
    const pid = this.#process?.child.pid;
    if (pid === undefined) throw new Error("midreg was never started");
    return pid;
  }

  /** Opens the inspector of V8 in it; once in a run. */
  async inspect(): Promise<Inspector> {
    const started = this.#process;
    if (started === undefined) throw new Error("midreg was never started");
    const log = (): string => readFileSync(started.logPath, "latin1");
    const { length } = log();
    started.child.kill("SIGUSR1");
    const url = await until("the inspector listens", INSPECTED_WITHIN_MS, () => {
      const [, found] = /^Debugger listening on (ws:\S+)$/mu.exec(log().slice(length)) ?? [];
      return found;
    });
    return Inspector.open(url);
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    await this.#process?.end("SIGKILL", DRAINED_WITHIN_MS);
  }

  /** Asks it to drain; returns its exit code. */
  async stop(): Promise<number | string | undefined> {
    return this.#process?.end("SIGTERM", DRAINED_WITHIN_MS);
  }

  async counters(): Promise<MidregCounters> {
    const samples = parseMetrics(await (await fetch(this.metricsUrl)).text());
    const registers = (result: string): number =>
      total(samples, "midreg_registers_total", { result });
    return {
      absorbed: registers("absorbed"),
      forwarded: registers("forwarded"),
      rejected: registers("rejected"),
      failed: registers("error"),
      contacts: total(samples, "midreg_usrloc_contacts"),
    };
  }

  #flags(): string[] {
    const { port, adminPort, outgoingExpiresSec, mode = "contact", name = mode } = this.#options;
    const { upstreamPort, upstreamUri = `sip:127.0.0.1:${upstreamPort}` } = this.#options;
    const { moreListeners = [], configPath } = this.#options;
    return [
      ...(configPath === undefined ? [] : ["run", `--config=${configPath}`]),
      `--upstream=${upstreamUri}`,
      `--listen=udp:127.0.0.1:${port}`,
      ...moreListeners.map((place) => `--listen=${place}`),
      `--admin=127.0.0.1:${adminPort}`,
      `--data=${this.#stage.path(name === "contact" ? "data" : `data-${name}`)}`,
      `--outgoing-expires=${outgoingExpiresSec}`,
      "--absorb=proven",
      `--mode=${mode}`,
    ];
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await fetch(new URL("/readyz", this.metricsUrl))).status === 200;
    } catch {
      return false;
    }
  }
}
