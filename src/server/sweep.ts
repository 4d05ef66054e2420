import type { AorRecord } from "../location/binding.ts";
import type { AorChange } from "../location/change.ts";
import type { LocationStore, Log, Metrics, Tally } from "../ports.ts";
import { decideExpiry, nextExpiryMs } from "../registrar/decide-expiry.ts";
import { sharedKey } from "../registrar/shared-contact.ts";
import type { AorQueue, AorTask } from "./aor-queue.ts";
import type { DecisionLog } from "./decision-log.ts";
import { MAX_EXPIRIES_PER_TICK, SWEEP_TICK_MS } from "./limits.ts";
import type { Outbox } from "./outbox.ts";
import type { OutgoingPolicy } from "./outgoing-policy.ts";
import type { PendingIdentities } from "./pending-identities.ts";
import type { PushRefresher } from "./push-refresher.ts";
import { recordEnded } from "./register-decisions.ts";
import type { TimerOwner, TimerQueue } from "./timer-queue.ts";

export interface SweepModules {
  readonly store: LocationStore;
  readonly queue: AorQueue;
  readonly outbox: Outbox;
  readonly identities: PendingIdentities;
  readonly timers: TimerQueue;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly nowMs: () => number;
  readonly outgoing: OutgoingPolicy;
  /** How long bindings are kept beyond their end as things are now (LookupPolicy.serveExpiredMs). */
  readonly graceMs: (record: AorRecord) => number;
  readonly decisions: DecisionLog;
  /** For how long devices that can be woken are kept beyond their end (location/reach.ts). */
  readonly afterExpiryMs: number;
  /** Wakes devices in time; undefined where none can be woken. */
  readonly refresher: PushRefresher | undefined;
}

/**
 * Ends bindings whose lifetime is over. A timing wheel with a slot per second holds addresses-of-record
 * at or before their first expiry; a refresh moves nothing, the slot just finds that nothing is due yet.
 */
export class Sweep implements TimerOwner {
  readonly #modules: SweepModules;
  readonly #slots = new Map<number, string[]>();
  readonly #expired: Tally;
  /** The first second that has not been swept. */
  #nextSec = 0;
  #isStopped = false;

  constructor(modules: SweepModules) {
    this.#modules = modules;
    this.#expired = modules.metrics.counter("usrloc_expired_total");
  }

  /** Takes up everything in the store and starts sweeping. */
  start(): void {
    this.#nextSec = toSec(this.#modules.nowMs());
    for (const record of this.#modules.store.records()) this.#schedule(record);
    this.#modules.timers.start(SWEEP_TICK_MS, this, "sweep");
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Bindings have been committed that may expire before anything else of their address-of-record. */
  watch(change: AorChange): void {
    const { aor, put, touch } = change;
    this.#modules.refresher?.watch(change);
    for (const { expiresAtMs } of put) this.#add(aor, expiresAtMs);
    for (const { expiresAtMs } of touch) this.#add(aor, expiresAtMs);
  }

  onTimer(): void {
    if (this.#isStopped) return;
    const nowSec = toSec(this.#modules.nowMs());
    let budget = MAX_EXPIRIES_PER_TICK;
    while (this.#nextSec <= nowSec && budget > 0) {
      const slot = this.#slots.get(this.#nextSec) ?? [];
      // Entries of one address-of-record end up in the same slot sooner or later, and become one there.
      for (const aor of new Set(slot.splice(0, budget))) {
        budget -= 1;
        this.#look(aor);
      }
      if (slot.length === 0) {
        this.#slots.delete(this.#nextSec);
        this.#nextSec += 1;
      }
    }
    this.#modules.timers.start(budget > 0 ? SWEEP_TICK_MS : BUSY_TICK_MS, this, "sweep");
  }

  /** Ends what has expired of one address-of-record, and puts the rest back on the wheel. */
  expire(aor: string): void {
    const { store, queue, log } = this.#modules;
    const record = store.lookup(aor);
    const change = record === undefined ? undefined : this.#decide(record);
    if (change === undefined) {
      if (record !== undefined) this.#schedule(record);
      return queue.leave(aor);
    }
    return store.save(change, {
      committed: () => {
        if (record !== undefined) recordEnded(this.#modules, record, change, "expire");
        this.#expired.n += change.remove.length;
        log.debug({ aor, expired: change.remove.length }, "bindings expired");
        for (const ctid of change.remove) this.#modules.identities.delete(ctid);
        if (change.enqueue.some(({ ctid }) => ctid.startsWith(sharedKey(aor)))) {
          this.#modules.identities.delete(sharedKey(aor));
        }
        this.#modules.outbox.owe(change.enqueue);
        this.#finish(aor);
      },
      // What could not be stored is tried again on the next round.
      failed: () => this.#finish(aor),
    });
  }

  #decide(record: AorRecord): AorChange | undefined {
    const { nowMs, identities, outgoing, graceMs } = this.#modules;
    return decideExpiry(record, {
      nowMs: Math.floor(nowMs() - graceMs(record)),
      identities: identities.read,
      isDoubted: identities.isDoubted,
      outgoingExpiresSec: outgoing.longestSec,
      afterExpiryMs: this.#modules.afterExpiryMs,
    });
  }

  #finish(aor: string): void {
    const record = this.#modules.store.lookup(aor);
    if (record !== undefined) this.#schedule(record);
    this.#modules.queue.leave(aor);
  }

  #look(aor: string): void {
    const record = this.#modules.store.lookup(aor);
    const dueMs =
      record === undefined ? undefined : nextExpiryMs(record, this.#modules.afterExpiryMs);
    if (record === undefined || dueMs === undefined) return;
    const nowMs = this.#modules.nowMs();
    if (dueMs > nowMs) return this.#schedule(record);
    // What is kept for the time being is looked at again now and then.
    if (dueMs > nowMs - this.#modules.graceMs(record)) return this.#add(aor, nowMs + GRACE_TICK_MS);
    const entered = this.#modules.queue.enter(aor, new ExpiryRun(aor, this));
    if (entered === "full") this.#schedule(record);
    return undefined;
  }

  #schedule(record: AorRecord): void {
    const dueMs = nextExpiryMs(record, this.#modules.afterExpiryMs);
    if (dueMs !== undefined) this.#add(record.aor, dueMs);
  }

  /** A slot is swept once its second is over, so nothing expires early. */
  #add(aor: string, dueMs: number): void {
    const sec = Math.max(toSec(dueMs) + 1, this.#nextSec + 1);
    const slot = this.#slots.get(sec);
    if (slot === undefined) this.#slots.set(sec, [aor]);
    else slot.push(aor);
  }
}

const GRACE_TICK_MS = 5000;

/** With a backlog the next slice follows soon, but traffic comes first. */
const BUSY_TICK_MS = 20;

function toSec(ms: number): number {
  return Math.floor(ms / 1000);
}

class ExpiryRun implements AorTask {
  readonly #aor: string;
  readonly #sweep: Sweep;

  constructor(aor: string, sweep: Sweep) {
    this.#aor = aor;
    this.#sweep = sweep;
  }

  isSame(other: AorTask): boolean {
    return other instanceof ExpiryRun;
  }

  run(): void {
    this.#sweep.expire(this.#aor);
  }
}
