/**
 * The thread that owns the database while midreg runs: it commits journal rows and folds the journal
 * in between. It never answers a query; reads are served from memory.
 */
import type { MessagePort } from "node:worker_threads";
import { parentPort } from "node:worker_threads";
import Database from "better-sqlite3";
import { Checkpoints } from "./checkpoints.ts";
import { type CredentialChange, changeCredentials } from "./credential-rows.ts";
import { JournalFold } from "./journal-fold.ts";
import type { FromJournal, JournalEntry, JournalOptions, ToJournal } from "./journal-protocol.ts";
import { toStoreError } from "./store-error.ts";

/** Bounds the wait for another program's write lock; commits wait behind it. */
const BUSY_TIMEOUT_MS = 500;
const CACHE_KIB = 2048;
const PAGE_BYTES = 4096;
/** Only reached when the checkpointing thread cannot keep up or has died. */
const OWN_CHECKPOINT_PAGES = 65_536;
const MAX_IDLE_WAL_BYTES = 64 * 1024 * 1024;
/** What a closing store spends on folding; the journal keeps the rest. */
const FOLD_AT_CLOSE_MS = 3000;
/** Pause after folding has failed. */
const FOLD_RETRY_MS = 1000;

class JournalThread {
  readonly #db: Database.Database;
  readonly #options: JournalOptions;
  readonly #send: (message: FromJournal) => void;
  readonly #insert: Database.Statement;
  readonly #fold: JournalFold;
  readonly #checkpoints: Checkpoints;
  readonly #ageTimer: NodeJS.Timeout;
  #pass: Generator<undefined, number> | undefined;
  #passBusyMs = 0;
  #bytesSinceFold: number;
  /** The last row that the main thread knows to be committed. Later ones might still be undone. */
  #acknowledgedSeq: number;
  #foldNotBeforeMs = 0;

  constructor(options: JournalOptions, lastSeq: number, send: (message: FromJournal) => void) {
    this.#options = options;
    this.#send = send;
    this.#acknowledgedSeq = lastSeq;
    this.#db = openJournal(options);
    this.#db.prepare("DELETE FROM journal WHERE seq > ?").run(lastSeq);
    this.#bytesSinceFold = measureJournal(this.#db);
    this.#insert = this.#db.prepare("INSERT INTO journal VALUES (?, ?, ?)");
    this.#fold = new JournalFold(this.#db);
    this.#checkpoints = new Checkpoints(options.path, (reason) => {
      send({ kind: "upkeep", task: "checkpoint", reason });
    });
    this.#ageTimer = setInterval(() => this.#startPass(), options.foldAfterMs);
    this.#startPassWhenLarge();
  }

  write(seq: number, { touches, changes }: JournalEntry): void {
    const blob = touches === undefined ? null : Buffer.from(touches.buffer);
    try {
      this.#insert.run(seq, blob, changes ?? null);
    } catch (cause) {
      const { message } = toStoreError(this.#options.path, cause);
      this.#send({ kind: "failed", seq, reason: message });
      return;
    }
    this.#send({ kind: "written", seq });
    this.#acknowledgedSeq = seq - 1;
    this.#bytesSinceFold += (blob?.length ?? 0) + (changes?.length ?? 0);
    this.#checkpoints.countCommit();
    this.#startPassWhenLarge();
  }

  changeCredentials(change: CredentialChange): void {
    let reason = "";
    try {
      changeCredentials(this.#db, change);
    } catch (cause) {
      reason = toStoreError(this.#options.path, cause).message;
    }
    this.#send({ kind: "credentials", reason });
    this.#checkpoints.countCommit();
  }

  /** Everything is acknowledged by now. */
  async close(): Promise<void> {
    clearInterval(this.#ageTimer);
    await this.#checkpoints.close();
    const untilMs = performance.now() + FOLD_AT_CLOSE_MS;
    try {
      for (const pass of [this.#pass, this.#fold.run(Number.MAX_SAFE_INTEGER)]) {
        while (performance.now() < untilMs && pass?.next().done === false);
      }
      this.#db.pragma("wal_checkpoint(TRUNCATE)");
    } catch (cause) {
      this.#reportFold(cause);
    }
    this.#pass = undefined;
    this.#db.close();
  }

  #startPassWhenLarge(): void {
    if (this.#bytesSinceFold >= this.#options.foldAfterBytes) this.#startPass();
  }

  #startPass(): void {
    if (this.#pass !== undefined || performance.now() < this.#foldNotBeforeMs) return;
    this.#pass = this.#fold.run(this.#acknowledgedSeq);
    this.#passBusyMs = 0;
    this.#bytesSinceFold = 0;
    setImmediate(this.#step);
  }

  /** One slice of the pass. Messages that have come in meanwhile are served before the next one. */
  readonly #step = (): void => {
    if (this.#pass === undefined) return;
    const startedMs = performance.now();
    try {
      const step = this.#pass.next();
      this.#passBusyMs += performance.now() - startedMs;
      this.#checkpoints.countCommit();
      if (step.done !== true) {
        setImmediate(this.#step);
        return;
      }
      this.#pass = undefined;
      this.#send({ kind: "folded", rows: step.value, busySec: this.#passBusyMs / 1000 });
      this.#startPassWhenLarge();
    } catch (cause) {
      this.#pass = undefined;
      this.#foldNotBeforeMs = performance.now() + FOLD_RETRY_MS;
      this.#bytesSinceFold = this.#options.foldAfterBytes;
      this.#reportFold(cause);
    }
  };

  #reportFold(cause: unknown): void {
    const { message } = toStoreError(this.#options.path, cause);
    this.#send({ kind: "upkeep", task: "fold", reason: message });
  }
}

function openJournal(options: JournalOptions): Database.Database {
  const db = new Database(options.path, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  db.pragma(`synchronous = ${options.isFsynced ? "FULL" : "NORMAL"}`);
  db.pragma(`cache_size = -${CACHE_KIB}`);
  db.pragma(`wal_autocheckpoint = ${OWN_CHECKPOINT_PAGES}`);
  db.pragma(`journal_size_limit = ${MAX_IDLE_WAL_BYTES}`);
  if (options.maxSizeBytes !== undefined) {
    db.pragma(`max_page_count = ${Math.ceil(options.maxSizeBytes / PAGE_BYTES)}`);
  }
  return db;
}

function measureJournal(db: Database.Database): number {
  const size = db
    .prepare("SELECT total(length(touches)) + total(length(changes)) FROM journal")
    .pluck(true)
    .get();
  return typeof size === "number" ? size : 0;
}

function serve(port: MessagePort): void {
  const send = (message: FromJournal): void => port.postMessage(message);
  let thread: JournalThread | undefined;
  const open = (options: JournalOptions, lastSeq: number): void => {
    try {
      thread = new JournalThread(options, lastSeq, send);
      send({ kind: "ready" });
    } catch (cause) {
      const { code, message } = toStoreError(options.path, cause);
      send({ kind: "unusable", code, reason: message });
      port.close();
    }
  };
  port.on("message", (message: ToJournal) => {
    switch (message.kind) {
      case "open":
        return open(message.options, message.lastSeq);
      case "write":
        return thread?.write(message.seq, message.entry);
      case "credentials":
        return thread?.changeCredentials(message.change);
      case "close":
        void thread?.close().finally(() => port.close());
        return;
      default:
        message satisfies never;
    }
  });
}

if (parentPort !== null) serve(parentPort);
