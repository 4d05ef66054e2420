import type { AorChange } from "../location/change.ts";
import type { Commit, Log, Metrics, Timing } from "../ports.ts";
import { Batch } from "./batch.ts";
import { CredentialLink } from "./credential-link.ts";
import type { CredentialChange } from "./credential-rows.ts";
import { JournalLink } from "./journal-link.ts";
import type { FromJournal, JournalOptions } from "./journal-protocol.ts";
import { StoreError } from "./store-error.ts";
import type { WorkingCopy } from "./working-copy.ts";

/**
 * How safe a change is when it is acknowledged. commit: it survives the end of the process, however
 * sudden. fsync: it survives a power failure too. relaxed: the last second may be lost.
 */
export type Durability = "commit" | "fsync" | "relaxed";

/** Changes that wait for the disk before further ones fail at once: half a second of a storm. */
const MAX_PENDING_CHANGES = 32_768;
/** Least time between two journal rows, so that a row holds many refreshes under load. */
const BATCH_INTERVAL_MS: Record<Durability, number> = { commit: 1, fsync: 1, relaxed: 1000 };
/** Time between two attempts while writing fails. */
const RETRY_MS = 250;
/** How long the disk may take before new changes fail instead of waiting for it. */
const STALL_MS = 5000;
const STALL_CHECK_MS = 1000;
/** Bounds the wait for the thread at start. */
const OPEN_TIMEOUT_MS = 30_000;
/** Bounds the wait for the last changes at close. */
const DRAIN_TIMEOUT_MS = 10_000;

export interface JournalWriterOptions {
  readonly worker: URL;
  readonly durability: Durability;
  readonly journal: JournalOptions;
  /** The last row in the journal. */
  readonly lastSeq: number;
}

export interface JournalWriterModules {
  readonly copy: WorkingCopy;
  readonly log: Log;
  readonly metrics: Metrics;
}

const CLOSED = "the store is closed";

/** Of the journal's thread. */
type State = "starting" | "ready" | "down" | "closed";

/**
 * Group commit, seen from the main thread: collects changes while the journal's thread commits those
 * before, applies them to the working copy when they are committed, and tells who waits.
 */
export class JournalWriter {
  readonly #isRelaxed: boolean;
  readonly #intervalMs: number;
  readonly #log: Log;
  readonly #commitTiming: Timing;
  readonly #foldTiming: Timing;
  readonly #link: JournalLink;
  readonly #credentials = new CredentialLink((message) => this.#link.post(message));
  readonly #upkeep = new Map<string, string>();
  readonly #stallTimer: NodeJS.Timeout;
  #state: State = "starting";
  /** Collects what is saved now. */
  #pending: Batch;
  /** What is written next or being written; kept over a failure only when acknowledged already. */
  #current: Batch | undefined;
  #spare: Batch;
  #lastSeq: number;
  /** When the row that has not been answered yet was posted. */
  #postedAtMs: number | undefined;
  #notBeforeMs = 0;
  /** Why changes are not being written; empty while they are. */
  #trouble = "";
  #isStalled = false;
  #isTurnEndDue = false;
  #timer: NodeJS.Timeout | undefined;
  #opened: { resolve: () => void; reject: (error: StoreError) => void } | undefined;
  #closed: Promise<void> | undefined;
  /** Set by close: called when nothing is left to write. */
  #drained: (() => void) | undefined;

  constructor(options: JournalWriterOptions, { copy, log, metrics }: JournalWriterModules) {
    this.#isRelaxed = options.durability === "relaxed";
    this.#intervalMs = BATCH_INTERVAL_MS[options.durability];
    this.#log = log;
    this.#commitTiming = metrics.timing("storage_op_duration_seconds", { op: "commit" });
    this.#foldTiming = metrics.timing("storage_op_duration_seconds", { op: "fold" });
    this.#lastSeq = options.lastSeq;
    this.#pending = new Batch(copy);
    this.#spare = new Batch(copy);
    this.#link = new JournalLink(options.worker, options.journal, {
      heard: (message) => this.#hear(message),
      died: (reason) => this.#die(reason),
      lastSeq: () => this.#lastSeq,
    });
    this.#stallTimer = setInterval(() => this.#checkStall(), STALL_CHECK_MS);
    this.#stallTimer.unref();
  }

  get isWritable(): boolean {
    return this.#state === "ready" && this.#trouble === "";
  }

  /** In plain words; empty while all is well. */
  get problem(): string {
    if (this.#trouble !== "") return this.#trouble;
    return [...this.#upkeep.values()].find((reason) => reason !== "") ?? "";
  }

  /** Starts the thread. Rejects with a StoreError when it cannot work. */
  async open(): Promise<void> {
    const timer = setTimeout(
      () => this.#die("the database takes too long to open"),
      OPEN_TIMEOUT_MS,
    );
    try {
      await new Promise<void>((resolve, reject) => {
        this.#opened = { resolve, reject };
        this.#link.start();
      });
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  save(change: AorChange, commit: Commit): void {
    const refusal = this.#refusal();
    if (refusal !== undefined) refuse(commit, refusal);
    else if (this.#pending.add(change, commit)) this.#awaitTurnEnd();
    else refuse(commit, "the change holds a value of a wrong type");
  }

  writeMeta(key: string, value: string, commit: Commit): void {
    const refusal = this.#refusal();
    if (refusal !== undefined) return refuse(commit, refusal);
    this.#pending.addMeta(key, value, commit);
    this.#awaitTurnEnd();
  }

  /** Changes the table of credentials, on the disk itself whatever the durability; not part of a batch. */
  writeCredentials(change: CredentialChange, commit: Commit): void {
    const refusal = this.#refusal();
    if (refusal !== undefined) queueMicrotask(() => commit.failed(refusal));
    else this.#credentials.write(change, commit);
  }

  /** Writes what is pending, as far as the disk lets it, and ends the thread. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, DRAIN_TIMEOUT_MS);
      this.#drained = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#state === "ready") this.#endTurn();
      else this.#drained();
    });
    this.#state = "closed";
    clearInterval(this.#stallTimer);
    clearTimeout(this.#timer);
    this.#current?.fail(CLOSED);
    this.#pending.fail(CLOSED);
    await this.#link.close();
  }

  #awaitTurnEnd(): void {
    if (this.#isTurnEndDue) return;
    this.#isTurnEndDue = true;
    setImmediate(() => this.#endTurn());
  }

  #refusal(): string | undefined {
    if (this.#state === "closed" || this.#drained !== undefined) return CLOSED;
    if (this.#state !== "ready" || this.#isStalled) return this.#trouble;
    if (this.#pending.size < MAX_PENDING_CHANGES) return undefined;
    return this.#trouble === "" ? "too many changes wait for the disk" : this.#trouble;
  }

  #endTurn(): void {
    this.#isTurnEndDue = false;
    if (this.#isRelaxed) this.#pending.settle();
    this.#pump();
  }

  /** Posts the next row when there is one and its time has come. */
  #pump(): void {
    if (this.#state !== "ready" || this.#postedAtMs !== undefined) return;
    const hasContent = this.#current !== undefined || this.#pending.size > 0;
    if (!hasContent) this.#drained?.();
    // An empty row is written when writing has failed, to see whether it works again.
    if (!hasContent && this.#trouble === "") return;
    const waitMs = this.#isUrgent() ? 0 : this.#notBeforeMs - performance.now();
    if (waitMs <= 0) return this.#post();
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#pump();
    }, waitMs);
  }

  #isUrgent(): boolean {
    if (this.#trouble !== "") return false;
    return this.#drained !== undefined || this.#pending.size >= MAX_PENDING_CHANGES / 2;
  }

  #post(): void {
    if (this.#current === undefined) {
      this.#current = this.#pending;
      this.#pending = this.#spare;
    }
    // What was saved in this very turn is acknowledged before anything can go wrong with it.
    if (this.#isRelaxed) this.#current.settle();
    this.#postedAtMs = performance.now();
    this.#notBeforeMs = this.#postedAtMs + this.#intervalMs;
    this.#link.post({ kind: "write", seq: this.#lastSeq + 1, entry: this.#current.entry() });
  }

  #hear(message: FromJournal): void {
    switch (message.kind) {
      case "ready":
        this.#state = "ready";
        this.#opened?.resolve();
        this.#opened = undefined;
        return this.#pump();
      case "unusable":
        this.#setTrouble(message.reason);
        this.#opened?.reject(new StoreError(message.code, message.reason));
        return;
      case "written":
        return this.#confirm(message.seq);
      case "failed":
        return this.#fail(message.reason);
      case "credentials":
        return this.#credentials.hear(message);
      case "folded":
        this.#foldTiming.observe(message.busySec);
        this.#log.debug({ rows: message.rows, busySec: message.busySec }, "journal folded");
        return this.#setUpkeep("fold", "");
      case "upkeep":
        return this.#setUpkeep(message.task, message.reason);
      default:
        message satisfies never;
    }
  }

  #confirm(seq: number): void {
    this.#lastSeq = seq;
    this.#commitTiming.observe((performance.now() - (this.#postedAtMs ?? 0)) / 1000);
    this.#postedAtMs = undefined;
    this.#setTrouble("");
    this.#link.settle();
    this.#finishCurrent((batch) => batch.settle());
  }

  #fail(reason: string): void {
    this.#postedAtMs = undefined;
    this.#notBeforeMs = performance.now() + RETRY_MS;
    this.#setTrouble(reason);
    // What is acknowledged already is tried again until it is written.
    if (this.#isRelaxed) this.#pump();
    else this.#finishCurrent((batch) => batch.fail(reason));
  }

  #finishCurrent(finish: (batch: Batch) => void): void {
    const batch = this.#current;
    this.#current = undefined;
    try {
      if (batch !== undefined) finish(batch);
    } finally {
      batch?.clear();
      this.#spare = batch ?? this.#spare;
      this.#pump();
    }
  }

  #die(reason: string): void {
    this.#state = "down";
    this.#opened?.reject(new StoreError("STORE_IO", reason));
    this.#opened = undefined;
    this.#fail(this.#trouble === "" ? reason : this.#trouble);
    this.#failPending();
    this.#credentials.fail(reason);
    this.#drained?.();
  }

  #failPending(): void {
    if (this.#isRelaxed) return;
    this.#pending.fail(this.#trouble);
    this.#pending.clear();
  }

  #checkStall(): void {
    if (this.#postedAtMs === undefined || this.#isStalled) return;
    if (performance.now() - this.#postedAtMs < STALL_MS) return;
    this.#setTrouble("the disk has not answered for seconds");
    this.#isStalled = true;
    this.#failPending();
  }

  #setTrouble(reason: string): void {
    if (reason === "" && this.#trouble !== "") this.#log.info({}, "store can be written again");
    if (reason !== "" && this.#trouble === "") {
      this.#log.error({ problem: reason }, "store cannot be written");
    }
    this.#trouble = reason;
    this.#isStalled = false;
  }

  #setUpkeep(task: string, reason: string): void {
    if (reason !== "" && reason !== this.#upkeep.get(task)) {
      this.#log.warn({ task, problem: reason }, "store upkeep fails");
    }
    this.#upkeep.set(task, reason);
  }
}

/** A refusal comes after save has returned, like every other answer. */
function refuse(commit: Commit, reason: string): void {
  queueMicrotask(() => commit.failed(reason));
}
