import type { Binding } from "../location/binding.ts";
import { isDead, type PingHealth } from "../location/ping-health.ts";
import type { LocationStore, Log, Metrics, Tally, Timing } from "../ports.ts";
import { isMassLoss, isPong, type PingChoice, wantsPing } from "../registrar/decide-ping.ts";
import type { AttemptFailure } from "./attempt.ts";
import { MAX_PING_RECORDS_PER_TICK, MAX_PINGS_IN_FLIGHT, PING_TICK_MS } from "./limits.ts";
import { LineLimiter } from "./line-limiter.ts";
import { LossWindow } from "./loss-window.ts";
import type { PingOptions } from "./ping-options.ts";
import { PingRound } from "./ping-round.ts";
import {
  PingRun,
  type PingRunModules,
  type PingUser,
  type SentPing,
  sendKeepAlive,
} from "./ping-run.ts";
import { PingTable } from "./ping-table.ts";
import { PingWalk } from "./ping-walk.ts";
import type { TimerOwner } from "./timer-queue.ts";

export interface PingerModules extends PingRunModules {
  readonly store: LocationStore;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly nowMs: () => number;
  readonly ids: PingRunModules["ids"] & { fraction(): number };
  /** Whether the device of a binding is pinged, going by the rules. */
  readonly choiceOf: (aor: string, binding: Binding) => PingChoice;
  /** Removes a binding, here and upstream, in its turn and if that is still wanted by then. */
  readonly remove: (aor: string, ctid: string, isWanted: (binding: Binding) => boolean) => void;
}

type PingResult = "answered" | "not-counted" | "timeout" | "failed" | "closed" | "sent";

/**
 * Pings devices (OpenSIPS' nathelper): one after another, in a walk through the store that takes an interval, and no
 * more than so many a second. Who stays silent is passed over by calls, or removed.
 */
export class Pinger implements TimerOwner, PingUser {
  readonly #options: PingOptions;
  readonly #modules: PingerModules;
  readonly #table = new PingTable();
  readonly #window: LossWindow;
  readonly #results: Readonly<Record<PingResult, Tally>>;
  readonly #duration: Timing;
  readonly #round: PingRound;
  readonly #deathLines = new LineLimiter();
  #walk: PingWalk | undefined;
  /** Pings that may be sent. */
  #allowance = 0;
  #inFlight = 0;
  /** Dead devices that the present round has come by so far, and those of the round before. */
  #dead = 0;
  #deadBefore = 0;
  #isFaulty = false;
  #isStopped = false;

  constructor(options: PingOptions, modules: PingerModules) {
    this.#options = options;
    this.#modules = modules;
    this.#window = new LossWindow(Math.max(1, options.policy.intervalMs));
    const { metrics } = modules;
    const tally = (result: PingResult): Tally => metrics.counter("pings_total", { result });
    this.#results = {
      answered: tally("answered"),
      "not-counted": tally("not-counted"),
      timeout: tally("timeout"),
      failed: tally("failed"),
      closed: tally("closed"),
      sent: tally("sent"),
    };
    this.#duration = metrics.timing("ping_duration_seconds");
    const { policy, rate } = options;
    this.#round = new PingRound({ intervalMs: policy.intervalMs, rate }, modules);
    metrics.gauge("pings_in_flight", {}, () => this.#inFlight);
    metrics.gauge("pinged_contacts", {}, () => this.#table.size);
    metrics.gauge("dead_contacts", {}, () => this.#deadBefore);
    metrics.gauge("ping_mass_loss", {}, () => (this.#isFaulty ? 1 : 0));
  }

  start(): void {
    const { intervalMs } = this.#options.policy;
    if (intervalMs === 0) return;
    const { store, ids, timers, nowMs } = this.#modules;
    const onRound = (): void => this.#turn();
    this.#round.start(nowMs());
    this.#walk = new PingWalk(intervalMs, nowMs(), { store, ids, onRound });
    timers.start(PING_TICK_MS, this, "ping");
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** What is known of the device of a binding; undefined when its present flow was never pinged. */
  healthOf(binding: Pick<Binding, "ctid" | "source">): PingHealth | undefined {
    return this.#table.of(binding);
  }

  /** Whether the device has stayed silent for too long, and has not refreshed since. */
  isDead(binding: Binding): boolean {
    return isDead(this.#table.of(binding), binding, this.#options.policy.maxLost);
  }

  onTimer(): void {
    if (this.#isStopped) return;
    const nowMs = this.#modules.nowMs();
    const { rate } = this.#options;
    const share = (rate * PING_TICK_MS) / 1000;
    this.#allowance = Math.min(this.#allowance + share, Math.max(1, share));
    for (let looked = 0; looked < MAX_PING_RECORDS_PER_TICK; looked += 1) {
      if (this.#allowance < 1 || this.#inFlight >= MAX_PINGS_IN_FLIGHT) break;
      const record = this.#walk?.next(nowMs);
      if (record === undefined) break;
      for (const binding of record.bindings) this.#visit(record.aor, binding, nowMs);
    }
    this.#noteRound(nowMs);
    this.#modules.timers.start(PING_TICK_MS, this, "ping");
  }

  onPingAnswer(ping: SentPing, status: number): void {
    const { policy } = this.#options;
    if (!isPong(status, ping.binding, policy)) return this.#lost(ping, "not-counted");
    const { entry, sentAtMs } = ping;
    const nowMs = this.#modules.nowMs();
    this.#inFlight -= 1;
    this.#results.answered.n += 1;
    this.#duration.observe((nowMs - sentAtMs) / 1000);
    this.#window.count("answered", nowMs);
    this.#noteFault(nowMs);
    entry.lost = 0;
    entry.answeredAtMs = nowMs;
    entry.latencyMs = nowMs - sentAtMs;
    return undefined;
  }

  onPingFailure(ping: SentPing, failure: AttemptFailure): void {
    this.#lost(ping, failure === "timeout" ? "timeout" : "failed");
  }

  #noteRound(nowMs: number): void {
    // Nothing to ping makes no round.
    if (this.#modules.store.status().aors === 0) this.#round.start(nowMs);
    else if (this.#walk?.isDue(nowMs) === true) this.#round.fellShort();
  }

  #turn(): void {
    this.#round.end(this.#modules.nowMs());
    this.#table.turn();
    this.#deadBefore = this.#dead;
    this.#dead = 0;
  }

  #visit(aor: string, binding: Binding, nowMs: number): void {
    const { choiceOf, transport } = this.#modules;
    const { policy } = this.#options;
    const health = this.#table.keep(binding);
    if (isDead(health, binding, policy.maxLost)) this.#dead += 1;
    const choice = choiceOf(aor, binding);
    if (!wantsPing(binding, policy, { choice, health, nowMs })) return undefined;
    this.#allowance -= 1;
    this.#round.sent();
    const entry = this.#table.begin(binding, nowMs);
    const ping = { aor, binding, entry, sentAtMs: nowMs };
    this.#inFlight += 1;
    const isClosed = binding.path === "" && !transport.isOpen(binding.source);
    return isClosed ? this.#lost(ping, "closed") : this.#send(ping);
  }

  #send(ping: SentPing): void {
    const { method, from, policy } = this.#options;
    if (method === "CRLF") {
      this.#inFlight -= 1;
      this.#results.sent.n += 1;
      return sendKeepAlive(ping.binding, this.#modules);
    }
    const { thresholdMs } = policy;
    return new PingRun(ping, this).start(method, { from, thresholdMs }, this.#modules);
  }

  /** No answer, or none that counts. While too many are lost at once, nothing is held against the devices. */
  #lost({ aor, binding: { ctid, push }, entry }: SentPing, result: PingResult): void {
    const nowMs = this.#modules.nowMs();
    const { maxLost } = this.#options.policy;
    this.#inFlight -= 1;
    this.#results[result].n += 1;
    const binding = this.#modules.store.lookupCtid(ctid)?.binding;
    if (binding?.source !== entry.flow || binding.updatedAtMs > entry.pingedAtMs) return undefined;
    if (entry.lost < maxLost) this.#window.count("lost", nowMs);
    this.#noteFault(nowMs);
    // A device that can be woken is asleep, not dead.
    if (this.#isFaulty || push !== "") return undefined;
    entry.lost += 1;
    if (entry.lost < maxLost) return undefined;
    return this.#died(aor, binding, entry.lost === maxLost);
  }

  #died(aor: string, { ctid, source }: Binding, isNews: boolean): void {
    const { log, remove, nowMs } = this.#modules;
    const { removesDead } = this.#options;
    const leftOut = isNews ? this.#deathLines.take(nowMs()) : undefined;
    if (leftOut !== undefined) {
      const device = { aor, ctid, source, removed: removesDead };
      log.info({ ...device, left_out: leftOut }, "device answers no pings");
    }
    if (!removesDead) return;
    remove(aor, ctid, (binding) => !this.#isFaulty && this.isDead(binding));
  }

  #noteFault(nowMs: number): void {
    const tally = this.#window.at(nowMs);
    const isFaulty = isMassLoss(tally, this.#options.policy);
    if (isFaulty === this.#isFaulty) return;
    this.#isFaulty = isFaulty;
    const { log } = this.#modules;
    if (isFaulty) log.warn(tally, "many devices answer no pings at once, none is held dead");
    else log.info(tally, "devices answer pings again");
  }
}
