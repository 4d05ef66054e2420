import type { Binding } from "../location/binding.ts";
import type { AorChange } from "../location/change.ts";
import { type PushDevice, parsePush } from "../location/push-device.ts";
import type {
  LocationStore,
  Log,
  Metrics,
  PushGateway,
  PushOutcome,
  PushResult,
} from "../ports.ts";
import { type RefreshTries, refreshDueMs } from "../push/decide-refresh.ts";
import type { DecisionLog } from "./decision-log.ts";
import {
  MAX_REFRESH_LOOKS_PER_TICK,
  MAX_REFRESH_PUSHES_IN_FLIGHT,
  REFRESH_TICK_MS,
} from "./limits.ts";
import type { PushOptions } from "./push-options.ts";
import { recordWake } from "./register-decisions.ts";
import type { TimerOwner, TimerQueue } from "./timer-queue.ts";

export interface PushRefresherModules {
  readonly gateway: PushGateway;
  readonly store: LocationStore;
  readonly timers: TimerQueue;
  readonly ids: { mac(text: string): string };
  readonly log: Log;
  readonly metrics: Metrics;
  readonly nowMs: () => number;
  readonly decisions: DecisionLog;
  /** The provider says that the token of a binding is dead. */
  readonly onDeadToken: (aor: string, push: string, deadSinceMs: number | undefined) => void;
}

/** What is remembered of a registration that a push has not refreshed yet. */
interface Trying extends RefreshTries {
  /** The end of the registration that is meant; another one starts anew. */
  readonly expiresAtMs: number;
}

/**
 * Wakes devices so that they stay registered. As in the sweep, a timing wheel with a slot per second holds each device at
 * or before its time; a refresh moves nothing, the slot just finds that nothing is due yet. It holds one entry for each
 * binding with a push resource, and as many pushes leave in a second as the operator allows, so that whatever comes due
 * together, as after a restart, is spread.
 */
export class PushRefresher implements TimerOwner {
  readonly #options: PushOptions;
  readonly #modules: PushRefresherModules;
  readonly #slots = new Map<number, string[]>();
  /** The slot that counts of each device; entries in others are left over. */
  readonly #secOf = new Map<string, number>();
  readonly #trying = new Map<string, Trying>();
  /** The first second that is not done with. */
  #nextSec = 0;
  /** Pushes under way, by provider: one that does not answer holds up no other. */
  readonly #inFlight = new Map<string, number>();
  #isStopped = false;

  constructor(options: PushOptions, modules: PushRefresherModules) {
    this.#options = options;
    this.#modules = modules;
    modules.metrics.gauge("push_refreshes_scheduled", {}, () => this.#secOf.size);
  }

  /** Takes up everything in the store and starts. */
  start(): void {
    this.#nextSec = toSec(this.#modules.nowMs());
    for (const { bindings } of this.#modules.store.records()) {
      for (const binding of bindings) this.#schedule(binding);
    }
    this.#modules.timers.start(REFRESH_TICK_MS, this, "refresh");
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Bindings have been committed that may have to be refreshed. */
  watch({ put, touch }: AorChange): void {
    for (const binding of put) this.#schedule(binding);
    for (const { ctid } of touch) {
      const binding = this.#modules.store.lookupCtid(ctid)?.binding;
      if (binding !== undefined) this.#schedule(binding);
    }
  }

  onTimer(): void {
    if (this.#isStopped) return;
    const nowSec = toSec(this.#modules.nowMs());
    let pushes = (this.#options.refreshRate * REFRESH_TICK_MS) / 1000;
    let looks = MAX_REFRESH_LOOKS_PER_TICK;
    while (this.#nextSec <= nowSec && pushes > 0 && looks > 0) {
      const ctid = this.#slots.get(this.#nextSec)?.pop();
      looks -= 1;
      if (ctid === undefined) {
        this.#slots.delete(this.#nextSec);
        this.#nextSec += 1;
      } else if (this.#secOf.get(ctid) === this.#nextSec && this.#look(ctid)) pushes -= 1;
    }
    this.#modules.timers.start(REFRESH_TICK_MS, this, "refresh");
  }

  /** Whether the device was pushed to. */
  #look(ctid: string): boolean {
    this.#secOf.delete(ctid);
    const found = this.#modules.store.lookupCtid(ctid);
    if (found === undefined) this.#trying.delete(ctid);
    else if (this.#isDue(found.binding)) return this.#pushOrWait(found.aor, found.binding);
    else this.#schedule(found.binding);
    return false;
  }

  #isDue(binding: Binding): boolean {
    const dueMs = refreshDueMs(binding, this.#options, this.#triesOf(binding));
    return dueMs !== undefined && dueMs <= this.#modules.nowMs();
  }

  #pushOrWait(aor: string, binding: Binding): boolean {
    const device = parsePush(binding.push);
    if (device === undefined) return false;
    const isBusy = this.#inFlightBy(device.provider) >= MAX_REFRESH_PUSHES_IN_FLIGHT;
    if (isBusy) this.#enter(binding.ctid, toSec(this.#modules.nowMs()) + BUSY_WAIT_SEC);
    else this.#push(aor, binding, device);
    return !isBusy;
  }

  #inFlightBy(provider: string): number {
    return this.#inFlight.get(provider) ?? 0;
  }

  #push(aor: string, binding: Binding, device: PushDevice): void {
    const { ctid, push, expiresAtMs } = binding;
    const { gateway, ids, nowMs } = this.#modules;
    const atMs = nowMs();
    const count = (this.#triesOf(binding)?.count ?? 0) + 1;
    this.#trying.set(ctid, { count, atMs, expiresAtMs });
    this.#schedule(binding);
    const { provider } = device;
    this.#inFlight.set(provider, this.#inFlightBy(provider) + 1);
    const topic = ids.mac(`refresh ${ctid}`);
    // What has not got through by the time of the next one would wake the device twice.
    const deadlineMs = atMs + this.#options.refreshRetryMs * 2 ** (count - 1);
    gateway.send(
      { device, purpose: "refresh", topic, callId: "", caller: undefined, deadlineMs },
      (outcome) => {
        this.#inFlight.set(provider, this.#inFlightBy(provider) - 1);
        this.#ended(aor, { ctid, push, atMs }, outcome);
      },
    );
  }

  #ended(
    aor: string,
    { ctid, push, atMs }: { readonly ctid: string; readonly push: string; readonly atMs: number },
    { result, deadSinceMs }: PushOutcome,
  ): void {
    const { log, onDeadToken } = this.#modules;
    this.#count(result);
    log.debug({ aor, ctid, result }, "push to refresh");
    const durationMs = this.#modules.nowMs() - atMs;
    recordWake(this.#modules, aor, { ctid, purpose: "refresh", result, requests: 0, durationMs });
    if (result === "dead-token") onDeadToken(aor, push, deadSinceMs);
  }

  #count(result: PushResult): void {
    this.#modules.metrics.counter("push_refreshes_total", { result }).n += 1;
  }

  /** What has been tried for the present registration. */
  #triesOf({ ctid, expiresAtMs }: Binding): Trying | undefined {
    const trying = this.#trying.get(ctid);
    if (trying === undefined || trying.expiresAtMs === expiresAtMs) return trying;
    this.#trying.delete(ctid);
    return undefined;
  }

  #schedule(binding: Binding): void {
    const { ctid } = binding;
    const dueMs = refreshDueMs(binding, this.#options, this.#triesOf(binding));
    if (dueMs === undefined) {
      this.#secOf.delete(ctid);
      this.#trying.delete(ctid);
      return;
    }
    const sec = Math.max(toSec(dueMs) + 1, this.#nextSec);
    const known = this.#secOf.get(ctid);
    if (known === undefined || known > sec) this.#enter(ctid, sec);
  }

  #enter(ctid: string, sec: number): void {
    this.#secOf.set(ctid, sec);
    const slot = this.#slots.get(sec);
    if (slot === undefined) this.#slots.set(sec, [ctid]);
    else slot.push(ctid);
  }
}

/** How much later a device is looked at again whose provider has enough to do. */
const BUSY_WAIT_SEC = 5;

function toSec(ms: number): number {
  return Math.floor(ms / 1000);
}
