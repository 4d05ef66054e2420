import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Exit } from "../support/real-process.ts";
import { waitUntil } from "../support/wait-until.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
/** Generous: the machine may be busy with other things. */
const LIMITS = { timeoutMs: 30_000, everyMs: 10 };

/** A line of the log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** One run of the compiled midreg with exactly these arguments; all that it writes is kept. */
export class MidregRun {
  readonly #child: ChildProcess;
  readonly #exited: Promise<Exit>;
  #exit: Exit | undefined;
  #stdout = "";
  #stderr = "";

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const stdio = ["ignore", "pipe", "pipe"] as const;
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd: ROOT,
      stdio: [...stdio],
      env: { PATH: process.env["PATH"], ...env },
    });
    this.#child = child;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    this.#exited = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** The log so far, as objects. */
  get log(): LogLine[] {
    const lines = this.#stdout.split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as LogLine);
  }

  get isRunning(): boolean {
    return this.#exit === undefined;
  }

  /** Waits for a line of the log by its text. Throws when the process ends without it. */
  async logged(msg: string): Promise<LogLine> {
    let line: LogLine | undefined;
    await waitUntil(
      `"${msg}" in the log`,
      () => {
        line = this.log.find((entry) => entry["msg"] === msg);
        if (line === undefined && !this.isRunning) {
          throw new Error(`midreg ended:\n${this.#stdout}${this.#stderr}`);
        }
        return line !== undefined;
      },
      LIMITS,
    );
    return line ?? {};
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for the end of the process and of its output. */
  async ended(): Promise<Exit> {
    await waitUntil("midreg ended", () => !this.isRunning, LIMITS);
    return this.#exited;
  }

  /** Ends it, however it is doing. */
  async dispose(): Promise<void> {
    if (this.isRunning) this.signal("SIGKILL");
    await this.#exited;
  }
}
