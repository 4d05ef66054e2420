import { Worker } from "node:worker_threads";
import type { FromJournal, JournalOptions, ToJournal } from "./journal-protocol.ts";

/** Pauses before a dead thread is started again: doubled each time, back to the first by `settle`. */
const FIRST_RESTART_MS = 100;
const LAST_RESTART_MS = 5000;
/** Bounds what a close may take; folding at close has its own, shorter limit. */
const CLOSE_TIMEOUT_MS = 10_000;

/** Keeps the thread's garbage from occupying 50 MB. Its tables and big batches live elsewhere. */
const WORKER_MEMORY = { maxYoungGenerationSizeMb: 8 };

/** Hears from the journal's thread. */
export interface JournalListener {
  heard(message: FromJournal): void;
  /** The thread has ended without being asked to. It is started again after a pause. */
  died(reason: string): void;
  /** The last row known to be committed: a thread that starts undoes what comes after. */
  lastSeq(): number;
}

/** Keeps one journal thread alive. */
export class JournalLink {
  readonly #url: URL;
  readonly #options: JournalOptions;
  readonly #listener: JournalListener;
  #worker: Worker | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #restartMs = FIRST_RESTART_MS;
  #isClosing = false;
  #ended: () => void = () => undefined;

  constructor(url: URL, options: JournalOptions, listener: JournalListener) {
    this.#url = url;
    this.#options = options;
    this.#listener = listener;
  }

  start(): void {
    const worker = new Worker(this.#url, { resourceLimits: WORKER_MEMORY });
    let reason = "the thread that writes the database has ended";
    worker.on("message", (message: FromJournal) => this.#listener.heard(message));
    worker.on("error", ({ message }) => {
      reason = `the thread that writes the database has failed: ${message}`;
    });
    worker.on("exit", () => this.#end(worker, reason));
    this.#worker = worker;
    this.post({ kind: "open", options: this.#options, lastSeq: this.#listener.lastSeq() });
  }

  post(message: ToJournal): void {
    this.#worker?.postMessage(message);
  }

  /** The thread works: the next restart comes without a long pause. */
  settle(): void {
    this.#restartMs = FIRST_RESTART_MS;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#restartTimer);
    const worker = this.#worker;
    if (worker === undefined) return;
    const ended = new Promise<void>((resolve) => {
      this.#ended = resolve;
    });
    const timer = setTimeout(() => void worker.terminate(), CLOSE_TIMEOUT_MS);
    this.post({ kind: "close" });
    await ended;
    clearTimeout(timer);
  }

  #end(worker: Worker, reason: string): void {
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    if (this.#isClosing) return this.#ended();
    this.#restartTimer = setTimeout(() => this.start(), this.#restartMs);
    this.#restartMs = Math.min(this.#restartMs * 2, LAST_RESTART_MS);
    this.#listener.died(reason);
  }
}
