/**
 * The compiled midreg as a process of its own: on free ports of the loopback, with a data directory of
 * its own, to be started, stopped, killed and started again with everything in its place.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { waitUntil } from "./wait-until.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Lines of output kept for error messages. */
const OUTPUT_LINES = 200;
const HTTP_TIMEOUT_MS = 2_000;

export interface RealProcessOptions {
  /** URI of the main registrar: "sip:127.0.0.1:5070". */
  readonly upstream: string;
  /** Compiled entry point; dist/main.js of this tree when absent. */
  readonly entry?: string;
  /** Kept afterwards when given; otherwise a temporary directory that `dispose` removes. */
  readonly dataDir?: string;
  /** Further flags of midreg, after the ones for upstream, listener, admin and data. */
  readonly args?: readonly string[];
  /** Flags of Node itself, before the entry point. */
  readonly nodeArgs?: readonly string[];
}

/** How a process ended: one of the two is null. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Finds a port of 127.0.0.1 that nobody uses at the moment. */
async function findFreePort(protocol: "udp" | "tcp"): Promise<number> {
  const socket = protocol === "udp" ? createSocket("udp4") : createServer();
  if ("listen" in socket) socket.listen(0, "127.0.0.1");
  else socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const address = socket.address();
  socket.close();
  await once(socket, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** A scrape of /metrics: the series by name and labels as written. */
export class Metrics {
  readonly #series = new Map<string, number>();

  /** Reads the Prometheus text format; comments are skipped, time stamps are not expected. */
  constructor(text: string) {
    for (const line of text.split("\n")) {
      const cut = line.lastIndexOf(" ");
      if (cut > 0 && !line.startsWith("#")) {
        this.#series.set(line.slice(0, cut), Number(line.slice(cut + 1)));
      }
    }
  }

  /** Sum of all series of that name that carry all these labels; 0 when there is none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    let sum = 0;
    for (const [series, value] of this.#series) {
      const brace = series.indexOf("{");
      const own = brace < 0 ? series : series.slice(0, brace);
      const has = brace < 0 ? [] : series.slice(brace + 1, -1).split(",");
      if (own === name && wanted.every((label) => has.includes(label))) sum += value;
    }
    return sum;
  }
}

export class RealProcess {
  readonly sipPort: number;
  readonly adminPort: number;
  readonly dataDir: string;
  readonly #options: RealProcessOptions;
  readonly #output: string[] = [];
  #child: ChildProcess | undefined;
  #exited: Promise<Exit> | undefined;
  readonly #endWithUs = (): void => {
    this.#child?.kill("SIGKILL");
    this.#removeData();
  };

  private constructor(options: RealProcessOptions, sipPort: number, adminPort: number) {
    this.#options = options;
    this.sipPort = sipPort;
    this.adminPort = adminPort;
    this.dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "midreg-data-"));
    process.once("exit", this.#endWithUs);
  }

  /** Chooses ports and the data directory; nothing runs yet. */
  static async prepare(options: RealProcessOptions): Promise<RealProcess> {
    const ports = await Promise.all([findFreePort("udp"), findFreePort("tcp")]);
    return new RealProcess(options, ...ports);
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Process id while it runs; throws when it does not. */
  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error("midreg does not run");
    return pid;
  }

  /** The last lines of standard output and standard error, of all runs. */
  get output(): string {
    return this.#output.join("\n");
  }

  /** Starts it and waits until /readyz says 200. Gives the milliseconds that took. */
  async start(timeoutMs = 30_000): Promise<number> {
    if (this.#child !== undefined) throw new Error("midreg runs already");
    const startedAtMs = performance.now();
    const child = spawn(process.execPath, this.#commandLine(), {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.#exited = this.#watch(child);
    await waitUntil(
      "midreg ready",
      async () => {
        if (this.#child !== child) throw new Error(`midreg ended at start:\n${this.output}`);
        return this.isReady();
      },
      { timeoutMs, everyMs: 10 },
    );
    return performance.now() - startedAtMs;
  }

  /** Whether /readyz answers 200 now. */
  async isReady(): Promise<boolean> {
    try {
      const response = await this.get("/readyz");
      await response.arrayBuffer();
      return response.status === 200;
    } catch {
      return false;
    }
  }

  /** Asks the admin listener; bounded in time. */
  async get(path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.adminPort}${path}`, {
      signal: AbortSignal.timeout(HTTP_TIMEOUT_MS),
    });
  }

  /** Scrapes /metrics. */
  async metrics(): Promise<Metrics> {
    const response = await this.get("/metrics");
    return new Metrics(await response.text());
  }

  /** SIGTERM, then waits for the end. When the time is up it is killed and this throws. */
  async stop(timeoutMs = 20_000): Promise<Exit> {
    this.#child?.kill("SIGTERM");
    try {
      await waitUntil("midreg stopped", () => !this.isRunning, { timeoutMs, everyMs: 10 });
    } catch (error) {
      await this.kill();
      throw error;
    }
    return this.#end();
  }

  /** SIGKILL, then waits until the process is gone. */
  async kill(): Promise<Exit> {
    this.#child?.kill("SIGKILL");
    return this.#end();
  }

  /** Kills what still runs and removes the data directory unless it was given. */
  async dispose(): Promise<void> {
    if (this.#child !== undefined) await this.kill();
    process.off("exit", this.#endWithUs);
    this.#removeData();
  }

  #removeData(): void {
    if (this.#options.dataDir === undefined) rmSync(this.dataDir, { recursive: true, force: true });
  }

  #commandLine(): string[] {
    const {
      nodeArgs = [],
      entry = join(ROOT, "dist/main.js"),
      upstream,
      args = [],
    } = this.#options;
    const listen = `udp:127.0.0.1:${this.sipPort}`;
    const admin = `127.0.0.1:${this.adminPort}`;
    const own = ["--upstream", upstream, "--listen", listen, "--admin", admin];
    return [...nodeArgs, entry, ...own, "--data", this.dataDir, ...args];
  }

  async #end(): Promise<Exit> {
    if (this.#exited === undefined) throw new Error("midreg was never started");
    return this.#exited;
  }

  async #watch(child: ChildProcess): Promise<Exit> {
    child.stdout?.on("data", (chunk) => this.#keep(String(chunk)));
    child.stderr?.on("data", (chunk) => this.#keep(String(chunk)));
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => {
        this.#child = undefined;
        resolve({ code, signal });
      });
    });
  }

  #keep(chunk: string): void {
    this.#output.push(...chunk.trimEnd().split("\n"));
    this.#output.splice(0, this.#output.length - OUTPUT_LINES);
  }
}
