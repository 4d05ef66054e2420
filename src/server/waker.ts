import type { Binding } from "../location/binding.ts";
import { parsePush } from "../location/push-device.ts";
import type { Ids, LocationStore, Log, Metrics, Push, PushGateway, PushOutcome } from "../ports.ts";
import type { RelayBranch } from "../proxy/proxy-input.ts";
import { isAsleep, type WakePurpose } from "../push/decide-wake.ts";
import { flowsSince, isOfDevice } from "../push/sleeping-device.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { HeldBranch, HeldUser } from "./leg.ts";
import { CALL_OVER_MS, JUST_HEARD_MS, MAX_WAITING_PER_WAKE, MAX_WAKES } from "./limits.ts";
import type { PushOptions } from "./push-options.ts";
import { recordWake } from "./register-decisions.ts";
import type { TimerQueue } from "./timer-queue.ts";
import { Waiter, Wake, type WakeAsk, type WakeUser } from "./wake.ts";
import { WakeBudget } from "./wake-budget.ts";
import { WakeMetrics, type WakeResult } from "./wake-metrics.ts";
import type { WakePush } from "./wake-push.ts";

export interface WakerModules {
  readonly gateway: PushGateway;
  readonly store: LocationStore;
  readonly timers: TimerQueue;
  readonly ids: Ids;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly decisions: DecisionLog;
  readonly nowMs: () => number;
  readonly isOpen: (flow: string) => boolean;
  /** The provider says that the token of a binding is dead. */
  readonly onDeadToken: (aor: string, push: string, deadSinceMs: number | undefined) => void;
}

/** Who is called back when a request need not wait. */
const NOBODY: HeldUser = { onOver: () => undefined };

/**
 * The requests that wait for devices that are asleep (the bucket of RFC 8599 section 5.2): has the devices pushed to,
 * and sends the requests on when they have registered. What waits is bounded by live transactions.
 */
export class Waker implements WakeUser {
  readonly #options: PushOptions;
  readonly #modules: WakerModules;
  readonly #metrics: WakeMetrics;
  readonly #budget: WakeBudget;
  /** By address-of-record; there are none in it that nobody waits for. */
  readonly #wakes = new Map<string, Wake[]>();
  #count = 0;

  constructor(options: PushOptions, modules: WakerModules) {
    this.#options = options;
    this.#modules = modules;
    this.#metrics = new WakeMetrics(modules.metrics);
    this.#metrics.watch(
      () => this.#count,
      () => this.#all().reduce((sum, wake) => sum + wake.waiting, 0),
    );
    this.#budget = new WakeBudget(options.budget);
  }

  /** Holds a request until its device is awake, and sees to it that it wakes. */
  wake(ask: WakeAsk, held: HeldBranch, branch: RelayBranch): HeldUser {
    const { asleep } = branch;
    const aor = asleep && this.#modules.store.lookupCtid(asleep.flows[0].ctid)?.aor;
    if (asleep === undefined || aor === undefined) return this.#sendNow(ask, held, branch);
    const found = this.#find(aor, asleep.flows);
    const wake = found ?? new Wake(aor, asleep, Math.floor(this.#modules.nowMs()), this);
    const resource = resourceOf(asleep.flows);
    const refusal = this.#refusalOf(wake, ask, resource);
    // Who waits already is not hurt by one more that costs no push of its own.
    if (refusal !== undefined && (refusal === "full" || found === undefined)) {
      this.#refused(wake, ask, refusal);
      return this.#sendNow(ask, held, branch);
    }
    if (found === undefined) this.#add(wake);
    const waiter = new Waiter({ ask, held, branch }, wake);
    wake.add(waiter);
    waiter.startTimer((durationMs, owner) => this.#modules.timers.start(durationMs, owner, "wake"));
    if (refusal === undefined) this.#pushFor(wake, ask, resource);
    return waiter;
  }

  #pushFor(wake: Wake, ask: WakeAsk, resource: string): void {
    if (!wake.needsPush(resource, ask.purpose)) return;
    wake.pushFor(ask, { resource, topic: this.#topicOf(ask), nowMs: this.#modules.nowMs() });
  }

  /**
   * A REGISTER of the address-of-record has been accepted and committed. One that is refused ends no wait, with 403
   * neither: anybody can have such a REGISTER refused, and so would end other people's calls; a device that wakes up with
   * stale credentials, or from two places at once, may be let in by its next; and what is refused is the REGISTER, while
   * the registration that the call was sent to stands (RFC 3261 section 10.3 changes nothing then). A device that is
   * refused for good costs its caller no more than one that does not wake up: pn_refresh_timeout.
   */
  registered(aor: string): void {
    const wakes = this.#wakes.get(aor);
    if (wakes === undefined) return;
    const bindings = this.#modules.store.lookup(aor)?.bindings ?? [];
    const nowMs = this.#modules.nowMs();
    const isAwake = (binding: Binding): boolean => !this.isAsleep(binding);
    for (const wake of wakes) {
      const flows = flowsSince(wake.device, bindings, {
        sinceMs: wake.startedAtMs,
        nowMs,
        isAwake,
      });
      if (flows !== undefined) wake.resolve(flows);
    }
  }

  /** Whether requests wait for a device of the address-of-record. */
  awaits(aor: string): boolean {
    return this.#wakes.has(aor);
  }

  isAsleep(binding: Binding, purpose?: WakePurpose): boolean {
    const { nowMs, isOpen } = this.#modules;
    const skipMs = Math.max(this.#options.skipMs, purpose === "request" ? JUST_HEARD_MS : 0);
    return isAsleep(binding, { nowMs: nowMs(), skipMs, isOpen });
  }

  send: PushGateway["send"] = (push, done) => this.#modules.gateway.send(push, done);

  onOutcome({ aor }: Wake, { resource, purpose }: WakePush, outcome: PushOutcome): void {
    const { result, reason, deadSinceMs } = outcome;
    const { log, onDeadToken } = this.#modules;
    if (log.isDebug) {
      const provider = parsePush(resource)?.provider;
      log.debug({ aor, provider, purpose, result, reason }, "push");
    }
    if (result === "dead-token") onDeadToken(aor, resource, deadSinceMs);
  }

  onRing({ pushedAtMs }: Wake): void {
    this.#metrics.ring.observe((this.#modules.nowMs() - pushedAtMs) / 1000);
  }

  onEnd(wake: Wake, result: WakeResult): void {
    this.#remove(wake);
    if (result === "registered") {
      this.#metrics.register.observe((this.#modules.nowMs() - wake.pushedAtMs) / 1000);
    }
    this.#ended(wake, result);
  }

  /** The phone may show a call by now that will never reach it. */
  onToldInVain(call: Push): void {
    if (!this.#options.callOver.includes(call.device.provider)) return;
    const deadlineMs = this.#modules.nowMs() + CALL_OVER_MS;
    this.#modules.gateway.send({ ...call, purpose: "call-over", deadlineMs }, () => undefined);
  }

  #ended(wake: Wake, result: WakeResult): void {
    const { log, decisions, nowMs } = this.#modules;
    const { aor, ctid, startedAtMs, purpose = "request", requests } = wake;
    const durationMs = Math.round(nowMs() - startedAtMs);
    this.#metrics.count(result, purpose);
    recordWake({ decisions, nowMs }, aor, { ctid, purpose, result, requests, durationMs });
    if (log.isDebug) log.debug({ aor, ctid, purpose, result, requests, durationMs }, "wake");
  }

  /** `resource` is what a push would go to. */
  #refusalOf(wake: Wake, ask: WakeAsk, resource: string): WakeResult | undefined {
    const isNew = wake.waiting === 0;
    if (wake.waiting >= MAX_WAITING_PER_WAKE || (isNew && this.#count >= MAX_WAKES)) return "full";
    if (!wake.needsPush(resource, ask.purpose)) return undefined;
    const over = this.#budget.take(ask.caller, resource, this.#modules.nowMs());
    return over === undefined ? undefined : `budget-${over}`;
  }

  #refused({ aor, ctid }: Wake, { purpose }: WakeAsk, result: WakeResult): void {
    const { log, decisions, nowMs } = this.#modules;
    this.#metrics.count(result, purpose);
    const facts = { ctid, purpose, result, requests: 1, durationMs: undefined };
    recordWake({ decisions, nowMs }, aor, facts);
    if (log.isDebug) log.debug({ aor, ctid, purpose, result }, "wake");
  }

  /** midreg stops: nothing waits any longer. */
  stop(): void {
    for (const wake of this.#all()) wake.giveUp("timeout");
  }

  /** Without a push: the way there was may lead to the device still. */
  #sendNow({ goesOnAnyway }: WakeAsk, held: HeldBranch, branch: RelayBranch): HeldUser {
    const { asleep } = branch;
    const expiresAtMs = asleep?.flows[0].expiresAtMs ?? 0;
    const isThere = expiresAtMs > this.#modules.nowMs() && asleep?.isLost !== true;
    if (goesOnAnyway || isThere) held.resolve(branch);
    else held.giveUp();
    return NOBODY;
  }

  /** The same for all pushes about one call, and for nobody else to link to it. */
  #topicOf({ callId }: WakeAsk): string {
    return this.#modules.ids.mac(`push\0${callId}`);
  }

  #find(aor: string, flows: readonly Binding[]): Wake | undefined {
    return this.#wakes
      .get(aor)
      ?.find(({ device }) => flows.some((flow) => isOfDevice(device, flow)));
  }

  #add(wake: Wake): void {
    this.#count += 1;
    const wakes = this.#wakes.get(wake.aor);
    if (wakes === undefined) this.#wakes.set(wake.aor, [wake]);
    else wakes.push(wake);
  }

  #remove(wake: Wake): void {
    const wakes = this.#wakes.get(wake.aor) ?? [];
    const left = wakes.filter((other) => other !== wake);
    this.#count -= wakes.length - left.length;
    if (left.length === 0) this.#wakes.delete(wake.aor);
    else this.#wakes.set(wake.aor, left);
  }

  #all(): readonly Wake[] {
    return [...this.#wakes.values()].flat();
  }
}

/** What the device is pushed to by; that of the flow that it has refreshed last. */
function resourceOf(flows: readonly Binding[]): string {
  return flows.find(({ push }) => push !== "")?.push ?? "";
}
