import { type ChildProcess, fork, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const TAIL_LINES = 20;
const TAIL_COLUMNS = 400;

/** A process of the stage. Its output goes to a file in the directory of the stage. */
export class StageProcess {
  readonly name: string;
  readonly logPath: string;
  readonly child: ChildProcess;
  /** Resolves with the exit code, or with the signal that ended it. */
  readonly exited: Promise<number | string>;
  #shown = 0;

  constructor(name: string, logPath: string, child: ChildProcess) {
    this.name = name;
    this.logPath = logPath;
    this.child = child;
    this.exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        resolve(code ?? String(signal));
      });
      // A program that is not there never exits.
      child.once("error", (error) => {
        resolve(error.message);
      });
    });
  }

  get isRunning(): boolean {
    const { pid, exitCode, signalCode } = this.child;
    return pid !== undefined && exitCode === null && signalCode === null;
  }

  /** Sends a signal and waits for the end. Rejects when it is still running after `limitMs`. */
  async end(signal: NodeJS.Signals, limitMs: number): Promise<number | string> {
    this.child.kill(signal);
    return this.exitWithin(limitMs);
  }

  async exitWithin(limitMs: number): Promise<number | string> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`${this.name} is still running after ${limitMs} ms`));
      }, limitMs);
    });
    return Promise.race([this.exited, late]).finally(() => {
      clearTimeout(timer);
    });
  }

  /** The last lines of what it has written since the last time it was asked. */
  tail(): string {
    const written = readFileSync(this.logPath, "latin1");
    const lines = written.slice(this.#shown).trimEnd().split("\n").slice(-TAIL_LINES);
    this.#shown = written.length;
    return lines.map((line) => line.slice(0, TAIL_COLUMNS)).join("\n");
  }
}

/**
 * A temporary directory and the processes that work in it. Both go away when this process ends, however
 * it ends: by return, exception, Ctrl-C or SIGTERM.
 */
export class Stage {
  readonly directory: string;
  readonly #processes: StageProcess[] = [];
  #isKept = false;

  constructor(prefix: string) {
    this.directory = mkdtempSync(join(tmpdir(), `${prefix}-`));
    process.once("exit", () => {
      this.#clear();
    });
    process.once("SIGINT", () => process.exit(130));
    process.once("SIGTERM", () => process.exit(143));
  }

  /** The last process started under each name. */
  get latest(): ReadonlyMap<string, StageProcess> {
    return new Map(this.#processes.map((one) => [one.name, one]));
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Leaves the directory, with all logs, in place. */
  keep(): void {
    this.#isKept = true;
  }

  /** Starts a program in the directory of the stage. */
  spawn(name: string, command: string, args: readonly string[]): StageProcess {
    const options = { cwd: this.directory, detached: true };
    return this.#add(name, (log) =>
      spawn(command, args, { ...options, stdio: ["ignore", log, log] }),
    );
  }

  /** Starts a program that takes commands on its standard input, with a home of its own. */
  spawnShell(name: string, command: string, args: readonly string[], home: string): StageProcess {
    const env = { ...process.env, HOME: home };
    return this.#add(name, (log) =>
      spawn(command, args, { cwd: home, detached: true, env, stdio: ["pipe", log, log] }),
    );
  }

  /** Starts a TypeScript module of the repository, with a message channel. */
  fork(name: string, module: URL, args: readonly string[]): StageProcess {
    return this.#add(name, (log) =>
      fork(module, args, { detached: true, stdio: ["ignore", log, log, "ipc"] }),
    );
  }

  #add(name: string, start: (log: number) => ChildProcess): StageProcess {
    const logPath = this.path(`${name}.log`);
    const log = openSync(logPath, "a");
    try {
      const started = new StageProcess(name, logPath, start(log));
      this.#processes.push(started);
      return started;
    } finally {
      closeSync(log);
    }
  }

  #clear(): void {
    for (const { isRunning, child } of this.#processes)
      if (isRunning && child.pid !== undefined) killGroup(child.pid);
    if (!this.#isKept) rmSync(this.directory, { recursive: true, force: true });
  }
}

// Every process is started detached and leads a group: its own children go with it (Kamailio has some).
function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // It may have ended by itself a moment ago.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
