import type { Clock } from "../ports.ts";

/** What a deadline is for: the owner gets `what` back when it is due. */
export interface TimerOwner {
  onTimer(what: string): void;
}

interface Entry {
  readonly atMs: number;
  owner: TimerOwner | undefined;
  readonly what: string;
}

/** Handle of one deadline. */
export interface Timer {
  cancel(): void;
}

class Deadline implements Timer, Entry {
  readonly atMs: number;
  readonly what: string;
  owner: TimerOwner | undefined;

  constructor(atMs: number, owner: TimerOwner, what: string) {
    this.atMs = atMs;
    this.owner = owner;
    this.what = what;
  }

  /** Lets go of the owner at once, so that a long deadline does not keep a finished transaction. */
  cancel(): void {
    this.owner = undefined;
  }
}

/** First in, first out: with one duration per queue the entries are in order of their deadlines. */
class DurationQueue {
  #entries: Deadline[] = [];
  #head = 0;

  push(entry: Deadline): void {
    this.#entries.push(entry);
  }

  /** The first deadline that is not cancelled. */
  peek(): Deadline | undefined {
    let entry = this.#entries[this.#head];
    while (entry !== undefined && entry.owner === undefined) {
      this.#drop();
      entry = this.#entries[this.#head];
    }
    return entry;
  }

  shift(): void {
    this.#drop();
  }

  #drop(): void {
    this.#head += 1;
    // Give memory back once half of the array is spent.
    if (this.#head > 64 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}

/**
 * All deadlines of the server: a queue for each duration, of which SIP has few, and one alarm of the
 * clock for the earliest. Starting and cancelling a timer cost next to nothing.
 */
export class TimerQueue {
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #queues = new Map<number, DurationQueue>();
  #alarmAtMs = Number.POSITIVE_INFINITY;
  #isStopped = false;

  /** `onError` hears of whatever an owner throws; the other deadlines are kept all the same. */
  constructor(clock: Clock, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#onError = onError;
  }

  /** Calls `owner.onTimer(what)` once, `durationMs` from now, unless it is cancelled before. */
  start(durationMs: number, owner: TimerOwner, what: string): Timer {
    const entry = new Deadline(this.#clock.nowMs() + durationMs, owner, what);
    let queue = this.#queues.get(durationMs);
    if (queue === undefined) {
      queue = new DurationQueue();
      this.#queues.set(durationMs, queue);
    }
    queue.push(entry);
    this.#arm(entry.atMs);
    return entry;
  }

  /** Forgets everything; nothing fires any more. */
  stop(): void {
    this.#isStopped = true;
    this.#queues.clear();
  }

  #arm(atMs: number): void {
    if (atMs >= this.#alarmAtMs || this.#isStopped) return;
    this.#alarmAtMs = atMs;
    this.#clock.setAlarm(atMs, this.#ring);
  }

  #fire(entry: Deadline): void {
    const { owner, what } = entry;
    entry.cancel();
    try {
      owner?.onTimer(what);
    } catch (error) {
      this.#onError(error);
    }
  }

  readonly #ring = (): void => {
    this.#alarmAtMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.nowMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const queue of this.#queues.values()) {
      let entry = queue.peek();
      while (entry !== undefined && entry.atMs <= nowMs) {
        queue.shift();
        this.#fire(entry);
        entry = queue.peek();
      }
      if (entry !== undefined && entry.atMs < nextMs) nextMs = entry.atMs;
    }
    // A timer started while ringing may be earlier than what was left in a queue seen before it.
    if (nextMs < Number.POSITIVE_INFINITY) this.#arm(nextMs);
  };
}
