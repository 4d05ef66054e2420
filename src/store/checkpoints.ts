import { Worker } from "node:worker_threads";

/** Commits between two checkpoints: some 3,000 pages, written back while commits go on. */
const COMMITS_PER_CHECKPOINT = 1024;

export type ToCheckpoints = { readonly kind: "run"; readonly path: string };
export type FromCheckpoints = { readonly kind: "done"; readonly problem: string };

/**
 * Has a thread of its own write the write-ahead log back into the database. Done on the committing
 * thread, SQLite's automatic checkpoint stalls commits for 85 ms every six seconds at 1,000 commits a
 * second; this way the longest stall seen is 8 to 20 ms, and most checkpoints cause none.
 */
export class Checkpoints {
  readonly #path: string;
  readonly #report: (problem: string) => void;
  #worker: Worker | undefined;
  #commits = 0;
  #isRunning = false;
  #problem = "";

  /** `report` hears a problem when it comes, and an empty text when it has gone. */
  constructor(path: string, report: (problem: string) => void) {
    this.#path = path;
    this.#report = report;
  }

  countCommit(): void {
    this.#commits += 1;
    if (this.#commits < COMMITS_PER_CHECKPOINT || this.#isRunning) return;
    this.#commits = 0;
    this.#isRunning = true;
    this.#worker ??= this.#start();
    const message: ToCheckpoints = { kind: "run", path: this.#path };
    this.#worker.postMessage(message, []);
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL("./checkpoint-worker.js", import.meta.url), {
      resourceLimits: { maxYoungGenerationSizeMb: 2 },
    });
    worker.on("message", ({ problem }: FromCheckpoints) => {
      this.#isRunning = false;
      this.#tell(problem);
    });
    worker.on("error", ({ message }) =>
      this.#tell(`${this.#path}: checkpoints failed: ${message}`),
    );
    worker.on("exit", () => {
      this.#worker = undefined;
      this.#isRunning = false;
    });
    return worker;
  }

  #tell(problem: string): void {
    if (problem !== this.#problem) this.#report(problem);
    this.#problem = problem;
  }
}
