import { type AorRecord, readUpstreamName } from "../location/binding.ts";
import type {
  Ids,
  LocationStore,
  Log,
  Metrics,
  ResyncProgress,
  ResyncResult,
  ResyncScope,
  Tally,
} from "../ports.ts";
import type { RegisterPolicy } from "../registrar/register-policy.ts";
import {
  isRegisteredAt,
  parseUpstreamPlace,
  type Registration,
  registrationsOf,
  type UpstreamPlace,
} from "../registrar/resync.ts";
import type { AorQueue } from "./aor-queue.ts";
import type { DecisionLog } from "./decision-log.ts";
import { MAX_RESYNC_IN_FLIGHT, MAX_RESYNC_RECORDS_PER_TICK, RESYNC_TICK_MS } from "./limits.ts";
import type { OutgoingPolicy } from "./outgoing-policy.ts";
import type { PendingIdentities } from "./pending-identities.ts";
import { recordResync } from "./register-decisions.ts";
import { type NotedResync, ResyncNote } from "./resync-note.ts";
import { type ResyncEnd, ResyncRun } from "./resync-run.ts";
import type { Sweep } from "./sweep.ts";
import type { TimerOwner, TimerQueue } from "./timer-queue.ts";
import type { Upstreams } from "./upstreams.ts";

export interface ResyncOptions {
  /** REGISTERs a second unless the scope says otherwise. */
  readonly rate: number;
  readonly policy: RegisterPolicy;
  readonly userAgent: string;
}

export interface ResyncModules {
  readonly store: LocationStore;
  readonly queue: AorQueue;
  readonly upstreams: Upstreams;
  readonly identities: PendingIdentities;
  readonly sweep: Sweep;
  readonly outgoing: OutgoingPolicy;
  readonly timers: TimerQueue;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly decisions: DecisionLog;
  readonly ids: Ids;
  readonly nowMs: () => number;
}

const NOTHING_WANTED: ResyncScope = { aor: undefined, upstream: undefined, rate: undefined };

/**
 * Makes registrations anew at a main registrar that has lost its memory: walks the store as it is, and sends a
 * REGISTER for each registration whose device is still registered here, at a bounded rate and one at a time
 * for each address-of-record. That it runs is stored, so that it goes on after a restart: from the beginning, but
 * without the registrations that can only have been made since it began.
 */
export class Resync implements TimerOwner {
  readonly #options: ResyncOptions;
  readonly #modules: ResyncModules;
  readonly #note: ResyncNote;
  readonly #tallies = new Map<ResyncResult, Tally>();
  /** The policy for each main registrar that registrations are made anew at, by its name. */
  readonly #policies = new Map<string, RegisterPolicy>();
  #walk: Walk | undefined;
  #isTicking = false;

  constructor(options: ResyncOptions, modules: ResyncModules) {
    this.#options = options;
    this.#modules = modules;
    this.#note = new ResyncNote(modules);
    modules.metrics.gauge("resync_remaining", {}, () => {
      const { state, total, seen } = this.progress();
      return state === "running" ? Math.max(0, total - seen) : 0;
    });
  }

  /** Begins with the whole store, an address-of-record (canonical), or what went to one upstream. */
  start(scope: ResyncScope): "started" | "running" | "not-found" | "invalid" {
    if (this.#walk?.state === "running") return "running";
    const { nowMs, outgoing } = this.#modules;
    const startedAtMs = Math.floor(nowMs());
    const outcome = this.#begin({ scope, startedAtMs, longestSec: outgoing.longestSec }, false);
    if (outcome === "started") {
      this.#note.write({ scope, startedAtMs, longestSec: outgoing.longestSec });
    }
    return outcome;
  }

  /** Goes on with what was under way when the process before this one ended. */
  resume(): void {
    const noted = this.#note.read();
    if (noted === undefined) return;
    const outcome = this.#begin(noted, true);
    if (outcome === "started") return;
    this.#modules.log.warn({ ...noted.scope, outcome }, "resync not continued");
    this.#note.clear();
  }

  #begin(
    { scope, startedAtMs, longestSec }: NotedResync,
    isResumed: boolean,
  ): "started" | "not-found" | "invalid" {
    const place = this.#placeOf(scope.upstream);
    if (place === "invalid") return "invalid";
    const range = this.#rangeOf(scope.aor);
    if (range === undefined) return "not-found";
    const rate = scope.rate ?? this.#options.rate;
    this.#walk = new Walk({ scope, place, rate, startedAtMs, longestSec, isResumed, ...range });
    const text = isResumed ? "resync continued" : "resync started";
    this.#modules.log.info({ ...scope, rate, total: range.total }, text);
    this.#tick();
    return "started";
  }

  /** A name of the configuration comes before a host of the same name. */
  #placeOf(upstream: string | undefined): Walk["place"] | "invalid" {
    if (upstream === undefined) return undefined;
    const name = readUpstreamName(upstream);
    const isNamed = this.#modules.upstreams.named(name) !== undefined;
    return isNamed ? { name } : (parseUpstreamPlace(upstream) ?? "invalid");
  }

  #rangeOf(aor: string | undefined): WalkRange | undefined {
    const { store } = this.#modules;
    if (aor === undefined) {
      const { aors, bindings } = store.status();
      // Records that come while it runs stand at the end, and need no resync.
      return { records: store.records()[Symbol.iterator](), maxRecords: aors, total: bindings };
    }
    const record = store.lookup(aor);
    if (record === undefined) return undefined;
    return { records: [record].values(), maxRecords: 1, total: record.bindings.length };
  }

  stop(): void {
    if (this.#walk?.end("stopped", this.#modules.nowMs()) === true) this.#logEnd();
  }

  /** Sends nothing more, for the process ends; the next one goes on. */
  suspend(): void {
    this.#walk?.end("stopped", this.#modules.nowMs());
  }

  progress(): ResyncProgress {
    return this.#walk?.progress() ?? noProgress(this.#options.rate);
  }

  onTimer(): void {
    this.#isTicking = false;
    this.#tick();
  }

  /** A REGISTER has ended, or its registration was gone when its turn came. */
  ended(aor: string, walk: Walk, end: ResyncEnd | undefined): void {
    walk.inFlight -= 1;
    if (end === undefined) walk.skipped += 1;
    else {
      this.#count(walk, end.result);
      recordResync(this.#modules, aor, end);
    }
    if (walk.settle(this.#modules.nowMs())) this.#logEnd();
  }

  #logEnd(): void {
    this.#note.clear();
    const { state, seen, results } = this.progress();
    this.#modules.log.info({ state, seen, ...results }, "resync ended");
  }

  #tick(): void {
    const walk = this.#walk;
    if (walk?.state !== "running") return;
    walk.allowance = Math.min(walk.allowance + walk.perTick, Math.max(1, walk.perTick));
    let budget = MAX_RESYNC_RECORDS_PER_TICK;
    while (walk.allowance >= 1 && walk.inFlight < MAX_RESYNC_IN_FLIGHT && budget > 0) {
      const next = walk.next() ?? this.#read(walk);
      if (next === "end") break;
      if (next === "none") budget -= 1;
      else this.#send(walk, next.aor, next.ctid);
    }
    if (walk.settle(this.#modules.nowMs())) this.#logEnd();
    if (this.#isTicking || walk.state !== "running") return;
    this.#isTicking = true;
    this.#modules.timers.start(RESYNC_TICK_MS, this, "resync");
  }

  /** Takes up the next record. */
  #read(walk: Walk): "none" | "end" {
    const record = walk.readRecord();
    if (record === undefined) return "end";
    // As it is by now: the one record that was asked for may have waited for its turn.
    const current = this.#modules.store.lookup(record.aor) ?? record;
    const all = registrationsOf(current, Math.floor(this.#modules.nowMs()));
    const wanted = all.filter(([{ upstream }]) => this.#isWanted(walk, upstream));
    walk.take(current, wanted);
    return "none";
  }

  #isWanted(walk: Walk, upstream: Registration[0]["upstream"]): boolean {
    const { place } = walk;
    if (walk.isMade(upstream, this.#modules.outgoing.longestSec)) return false;
    const holder = this.#modules.upstreams.named(upstream.upstream);
    // What an upstream holds that is gone from the configuration cannot be registered there anew.
    if (holder === undefined) return false;
    if (place === undefined) return true;
    if ("name" in place) return place.name === upstream.upstream;
    return isRegisteredAt(upstream, place, holder.uri);
  }

  #send(walk: Walk, aor: string, ctid: string): void {
    const { queue, outgoing, store } = this.#modules;
    walk.allowance -= 1;
    walk.inFlight += 1;
    const { userAgent } = this.#options;
    const policy = outgoing.applyTo(
      this.#policyAt(store.lookupCtid(ctid)?.binding.upstream.upstream ?? ""),
    );
    const ended = (end: ResyncEnd | undefined): void => this.ended(aor, walk, end);
    const run = new ResyncRun({ aor, ctid, policy, userAgent, ended }, this.#modules);
    const entered = queue.enter(aor, run);
    if (entered !== "full" && entered !== "joined") return;
    walk.inFlight -= 1;
    this.#count(walk, "busy");
  }

  /** The same object each time, since what a main registrar has asked for is remembered by it. */
  #policyAt(upstream: string): RegisterPolicy {
    const known = this.#policies.get(upstream);
    if (known !== undefined) return known;
    const policy = { ...this.#options.policy, upstream };
    this.#policies.set(upstream, policy);
    return policy;
  }

  #count(walk: Walk, result: ResyncResult): void {
    let tally = this.#tallies.get(result);
    if (tally === undefined) {
      tally = this.#modules.metrics.counter("resync_registers_total", { result });
      this.#tallies.set(result, tally);
    }
    tally.n += 1;
    walk.results[result] += 1;
  }
}

interface WalkRange {
  readonly records: Iterator<AorRecord>;
  readonly maxRecords: number;
  /** Bindings in it. */
  readonly total: number;
}

interface WalkPlan extends WalkRange {
  readonly scope: ResyncScope;
  readonly place: UpstreamPlace | { readonly name: string } | undefined;
  readonly rate: number;
  readonly startedAtMs: number;
  /** The longest lifetime that could be asked for when it began. */
  readonly longestSec: number;
  readonly isResumed: boolean;
}

/** One way through the store: where it is, and what has come of it. */
class Walk {
  readonly place: UpstreamPlace | { readonly name: string } | undefined;
  readonly perTick: number;
  readonly results = noResults();
  state: "running" | "finished" | "stopped" = "running";
  /** REGISTERs that may be sent now; a fraction is saved up. */
  allowance = 1;
  inFlight = 0;
  skipped = 0;
  readonly #plan: Omit<WalkPlan, "records">;
  /** Let go of at the end: an iterator holds on to the table it stands in. */
  #records: Iterator<AorRecord> | undefined;
  #seen = 0;
  #recordsLeft: number;
  #isAtEnd = false;
  #endedAtMs: number | undefined;
  /** What of the present record is still to be done. */
  #aor = "";
  readonly #ctids: string[] = [];

  constructor({ records, ...plan }: WalkPlan) {
    this.#plan = plan;
    this.#records = records;
    this.place = plan.place;
    this.perTick = (plan.rate * RESYNC_TICK_MS) / 1000;
    this.#recordsLeft = plan.maxRecords;
  }

  /** The next registration of the present record. */
  next(): { readonly aor: string; readonly ctid: string } | undefined {
    const ctid = this.#ctids.shift();
    return ctid === undefined ? undefined : { aor: this.#aor, ctid };
  }

  /** The next record; undefined at the end. */
  readRecord(): AorRecord | undefined {
    const step = this.#recordsLeft > 0 ? this.#records?.next() : undefined;
    this.#recordsLeft -= 1;
    if (step !== undefined && step.done !== true) return step.value;
    this.#isAtEnd = true;
    return undefined;
  }

  /**
   * Whether a registration was made since the walk began, before a restart: one made earlier, with the longest
   * lifetime that is asked for, would end sooner.
   */
  isMade({ expiresAtMs }: Registration[0]["upstream"], longestSec: number): boolean {
    const { isResumed, startedAtMs } = this.#plan;
    const longestMs = Math.max(longestSec, this.#plan.longestSec) * 1000;
    return isResumed && expiresAtMs - longestMs >= startedAtMs;
  }

  take({ aor, bindings }: AorRecord, wanted: readonly Registration[]): void {
    this.#aor = aor;
    this.#ctids.push(...wanted.map(([{ ctid }]) => ctid));
    this.#seen += bindings.length;
    this.skipped += bindings.length - wanted.length;
  }

  /** Ends it once there is nothing left to do; true when that is now. */
  settle(nowMs: number): boolean {
    const isDone = this.#isAtEnd && this.#ctids.length === 0 && this.inFlight === 0;
    return isDone && this.end("finished", nowMs);
  }

  /** True when it had not ended before. */
  end(state: "finished" | "stopped", nowMs: number): boolean {
    if (this.state !== "running") return false;
    this.state = state;
    this.#records = undefined;
    this.#endedAtMs = nowMs;
    return true;
  }

  progress(): ResyncProgress {
    const { scope, rate, total, startedAtMs, isResumed } = this.#plan;
    return {
      state: this.state,
      scope,
      rate,
      isResumed,
      total,
      seen: this.#seen - this.#ctids.length,
      skipped: this.skipped,
      inFlight: this.inFlight,
      results: { ...this.results },
      startedAtMs,
      endedAtMs: this.#endedAtMs,
    };
  }
}

function noProgress(rate: number): ResyncProgress {
  return {
    state: "idle",
    scope: NOTHING_WANTED,
    rate,
    isResumed: false,
    total: 0,
    seen: 0,
    skipped: 0,
    inFlight: 0,
    results: noResults(),
    startedAtMs: undefined,
    endedAtMs: undefined,
  };
}

function noResults(): Record<ResyncResult, number> {
  return {
    accepted: 0,
    challenged: 0,
    refused: 0,
    failed: 0,
    timeout: 0,
    "contact-missing": 0,
    store: 0,
    busy: 0,
  };
}
