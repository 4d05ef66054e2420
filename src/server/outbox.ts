import type { CredentialTable } from "../auth/credential-table.ts";
import type { DeRegistration } from "../location/binding.ts";
import { buildChange } from "../location/change.ts";
import type { Ids, LocationStore, Log, Metrics, Tally } from "../ports.ts";
import { afterAttempt, buildDeRegister, decideDeRegister } from "../registrar/de-register.ts";
import type { SipResponse } from "../sip/message.ts";
import type { AorQueue, AorTask } from "./aor-queue.ts";
import type { AttemptUser } from "./attempt.ts";
import type { DecisionLog } from "./decision-log.ts";
import { MAX_DEREGISTRATIONS_IN_FLIGHT, OUTBOX_TICK_MS } from "./limits.ts";
import { recordDeRegister } from "./register-decisions.ts";
import type { TimerOwner, TimerQueue } from "./timer-queue.ts";
import { UpstreamLogin } from "./upstream-login.ts";
import type { Upstreams } from "./upstreams.ts";

export interface OutboxModules {
  readonly store: LocationStore;
  readonly queue: AorQueue;
  readonly upstreams: Upstreams;
  readonly credentials: CredentialTable;
  readonly timers: TimerQueue;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly ids: Ids;
  readonly nowMs: () => number;
  readonly userAgent: string;
  readonly decisions: DecisionLog;
}

/** Undoing is best effort when the store has failed already, and is bounded like everything else. */
const MAX_UNDO = 10_000;

/**
 * The de-registrations midreg owes the main registrar. They are in the store, so they survive a restart;
 * each is tried in its turn within the queue of its address-of-record, so that it never races a REGISTER.
 */
export class Outbox implements TimerOwner {
  readonly #modules: OutboxModules;
  readonly #results: Readonly<Record<"done" | "given-up" | "retry", Tally>>;
  /** ctids by the second in which they are due; a ctid may stand in more than one. */
  readonly #slots = new Map<number, string[]>();
  /** Due, but not started yet. */
  readonly #ready = new Set<string>();
  /** Under way. */
  readonly #running = new Set<string>();
  /** What the store could not keep. */
  readonly #undo = new Map<string, DeRegistration>();
  #nextSec = 0;
  #isStopped = false;

  constructor(modules: OutboxModules) {
    this.#modules = modules;
    const { metrics } = modules;
    const result = (name: string): Tally =>
      metrics.counter("deregistrations_total", { result: name });
    this.#results = {
      done: result("done"),
      "given-up": result("given-up"),
      retry: result("retry"),
    };
    metrics.gauge("deregistrations_pending", {}, () => this.#pending);
  }

  /** Takes up what the store holds and starts working on it. */
  start(): void {
    this.#nextSec = toSec(this.#modules.nowMs());
    this.#warnOfTheGone();
    this.owe(this.#modules.store.deRegistrations());
    this.#modules.timers.start(OUTBOX_TICK_MS, this, "tick");
  }

  /** De-registrations have been committed to the store. */
  owe(owed: Iterable<DeRegistration>): void {
    for (const { ctid, dueAtMs } of owed) this.#add(ctid, dueAtMs);
  }

  /** Takes back what the main registrar holds and the store could not keep. */
  undo(owed: readonly DeRegistration[]): void {
    for (const entry of owed) {
      if (this.#undo.size < MAX_UNDO) this.#undo.set(entry.ctid, entry);
    }
    this.owe(owed);
  }

  /** Registrations have been made again: what could not be stored of their end is settled too. */
  forget(ctids: readonly string[]): void {
    for (const ctid of ctids) this.#undo.delete(ctid);
  }

  stop(): void {
    this.#isStopped = true;
  }

  onTimer(): void {
    if (this.#isStopped) return;
    const nowMs = this.#modules.nowMs();
    for (const nowSec = toSec(nowMs); this.#nextSec <= nowSec; this.#nextSec += 1) {
      for (const ctid of this.#slots.get(this.#nextSec) ?? []) this.#ready.add(ctid);
      this.#slots.delete(this.#nextSec);
    }
    for (const ctid of this.#ready) {
      if (this.#running.size >= MAX_DEREGISTRATIONS_IN_FLIGHT) break;
      this.#ready.delete(ctid);
      this.#start(ctid, nowMs);
    }
    this.#modules.timers.start(OUTBOX_TICK_MS, this, "tick");
  }

  /** What is still owed for a ctid: nothing once the device has registered again. */
  owed(ctid: string): DeRegistration | undefined {
    const { store } = this.#modules;
    const undone = this.#undo.get(ctid);
    // What could not be stored is the later of the two, where an earlier one is still owed.
    if (undone !== undefined && !isHeldAgain(store, undone)) return undone;
    this.#undo.delete(ctid);
    return store.deRegistration(ctid);
  }

  /** An attempt has ended; `status` is undefined when there was no answer. */
  ended(entry: DeRegistration, status: number | undefined): void {
    const { store, log, nowMs } = this.#modules;
    const outcome = decideDeRegister(entry, status, Math.floor(nowMs()));
    this.#results[outcome.kind].n += 1;
    recordDeRegister(this.#modules, entry, { outcome: outcome.kind, status });
    if (outcome.kind === "given-up") {
      log.warn({ aor: entry.aor, ctid: entry.ctid, status }, "de-registration given up");
    }
    const next = outcome.kind === "retry" ? [outcome.next] : [];
    const isUndo = this.#undo.delete(entry.ctid);
    if (isUndo && outcome.kind !== "retry" && store.deRegistration(entry.ctid) === undefined) {
      return this.left(entry);
    }
    const done = (): void => {
      this.owe(next);
      this.left(entry);
    };
    const change =
      outcome.kind === "retry"
        ? buildChange(entry.aor, { enqueue: next })
        : buildChange(entry.aor, { dequeue: [entry.ctid] });
    const failed = (): void => {
      // What could not be stored before may be stored by now, and must not be forgotten if not.
      if (isUndo) this.undo(next);
      // Nor must what the store still holds, be it this entry or one of the same contact from before.
      if (store.deRegistration(entry.ctid) !== undefined) {
        this.#add(entry.ctid, nowMs() + STORE_RETRY_MS);
      }
      this.left(entry);
    };
    return store.save(change, { committed: done, failed });
  }

  /** The address-of-record is free again. */
  left({ ctid, aor }: DeRegistration): void {
    this.#running.delete(ctid);
    this.#modules.queue.leave(aor);
  }

  /** What is owed to a main registrar that the configuration no longer has can go nowhere. */
  dropped(entry: DeRegistration): void {
    this.#results["given-up"].n += 1;
    recordDeRegister(this.#modules, entry, { outcome: "given-up", status: undefined });
    this.#undo.delete(entry.ctid);
    const left = (): void => this.left(entry);
    const change = buildChange(entry.aor, { dequeue: [entry.ctid] });
    const failed = (): void => {
      this.#add(entry.ctid, this.#modules.nowMs() + STORE_RETRY_MS);
      this.left(entry);
    };
    this.#modules.store.save(change, { committed: left, failed });
  }

  #warnOfTheGone(): void {
    const { store, upstreams, log } = this.#modules;
    const counts = new Map<string, number>();
    for (const { upstream } of store.deRegistrations()) {
      const name = upstream.upstream;
      if (upstreams.named(name) === undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    for (const [upstream, dropped] of counts) {
      const text = "main registrar is not configured any more; de-registrations at it are dropped";
      log.warn({ upstream, dropped }, text);
    }
  }

  get #pending(): number {
    return this.#modules.store.status().deRegistrations + this.#undo.size;
  }

  #add(ctid: string, dueAtMs: number): void {
    const sec = Math.max(toSec(dueAtMs), this.#nextSec);
    const slot = this.#slots.get(sec);
    if (slot === undefined) this.#slots.set(sec, [ctid]);
    else slot.push(ctid);
  }

  #start(ctid: string, nowMs: number): void {
    const entry = this.owed(ctid);
    if (entry === undefined || this.#running.has(ctid)) return;
    if (entry.dueAtMs > nowMs) return this.#add(ctid, entry.dueAtMs);
    this.#running.add(ctid);
    const run = new DeRegisterRun(entry, this, this.#modules);
    const entered = this.#modules.queue.enter(entry.aor, run);
    if (entered !== "full" && entered !== "joined") return undefined;
    this.#running.delete(ctid);
    return this.#add(ctid, nowMs + STORE_RETRY_MS);
  }
}

/** Whether the contact has been registered again at the same main registrar. */
function isHeldAgain(store: LocationStore, { ctid, upstream }: DeRegistration): boolean {
  const { upstream: name } = upstream;
  const key = name === "" ? ctid : ctid.slice(0, -(name.length + 1));
  return store.lookupCtid(key)?.binding.upstream.upstream === name;
}

/** When the store or a queue had no room, the next try follows this much later. */
const STORE_RETRY_MS = 5000;

function toSec(ms: number): number {
  return Math.floor(ms / 1000);
}

/** One attempt to de-register. */
class DeRegisterRun implements AorTask, AttemptUser {
  #entry: DeRegistration;
  readonly #outbox: Outbox;
  readonly #modules: OutboxModules;
  readonly #login: UpstreamLogin;

  constructor(entry: DeRegistration, outbox: Outbox, modules: OutboxModules) {
    this.#entry = entry;
    this.#outbox = outbox;
    this.#modules = modules;
    this.#login = new UpstreamLogin(modules, []);
  }

  isSame(other: AorTask): boolean {
    return other instanceof DeRegisterRun && other.#entry.ctid === this.#entry.ctid;
  }

  run(): void {
    // While it waited, the device may have registered again, and even have expired again.
    const entry = this.#outbox.owed(this.#entry.ctid);
    if (entry === undefined) return this.#outbox.left(this.#entry);
    this.#entry = entry;
    const { upstream } = entry.upstream;
    if (this.#modules.upstreams.named(upstream) === undefined) return this.#outbox.dropped(entry);
    return this.#send("");
  }

  onResponse(response: SipResponse): void {
    if (response.status < 200) return undefined;
    const credentials = this.#login.answer(response, this.#entry.upstream);
    if (credentials === undefined) return this.#outbox.ended(this.#entry, response.status);
    this.#entry = afterAttempt(this.#entry);
    return this.#send(`${credentials}\r\n`);
  }

  onFailure(): void {
    this.#outbox.ended(this.#entry, undefined);
  }

  #send(credentials: string): void {
    const { upstreams, userAgent } = this.#modules;
    const text = buildDeRegister(this.#entry, userAgent, credentials);
    upstreams.of(this.#entry.upstream.upstream).send(text, "REGISTER", this, true);
  }
}
