import type { AorRecord } from "../location/binding.ts";
import type { Ids, LocationStore } from "../ports.ts";

/** Rounds differ at random by up to this share of the interval, so that no rhythm of the devices' own meets that of pings. */
const JITTER = 0.1;

/** What could not be walked in time is not made up for beyond this. */
const MAX_DEBT_MS = 1000;

interface WalkModules {
  readonly store: Pick<LocationStore, "records" | "status">;
  readonly ids: Pick<Ids, "fraction">;
  /** A round has ended. */
  readonly onRound: () => void;
}

/**
 * A walk through the store at an even pace, once in each interval: however many records there are, they come one
 * after another and never at once, after a restart too.
 */
export class PingWalk {
  readonly #intervalMs: number;
  readonly #modules: WalkModules;
  #records: Iterator<AorRecord, unknown>;
  #roundMs: number;
  #seenAtMs: number;
  /** Records that are due, with a fraction. */
  #due: number;

  constructor(intervalMs: number, nowMs: number, modules: WalkModules) {
    this.#intervalMs = intervalMs;
    this.#modules = modules;
    this.#records = modules.store.records()[Symbol.iterator]();
    this.#roundMs = this.#nextRoundMs();
    this.#seenAtMs = nowMs;
    this.#due = modules.ids.fraction();
  }

  /** The next record, if it is due. */
  next(nowMs: number): AorRecord | undefined {
    this.#accrue(nowMs);
    if (this.#due < 1) return undefined;
    const step = this.#records.next();
    if (step.done !== true) {
      this.#due -= 1;
      return step.value;
    }
    this.#records = this.#modules.store.records()[Symbol.iterator]();
    this.#roundMs = this.#nextRoundMs();
    this.#modules.onRound();
    return undefined;
  }

  /** Whether a record is due that has not been asked for. */
  isDue(nowMs: number): boolean {
    this.#accrue(nowMs);
    return this.#due >= 1;
  }

  #accrue(nowMs: number): void {
    const elapsedMs = nowMs - this.#seenAtMs;
    if (elapsedMs <= 0) return;
    this.#seenAtMs = nowMs;
    const pace = this.#modules.store.status().aors / this.#roundMs;
    this.#due = Math.min(this.#due + elapsedMs * pace, Math.max(1, MAX_DEBT_MS * pace));
  }

  #nextRoundMs(): number {
    const share = 1 + JITTER * (2 * this.#modules.ids.fraction() - 1);
    return this.#intervalMs * share;
  }
}
