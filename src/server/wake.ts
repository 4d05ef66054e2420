import type { Push, PushOutcome } from "../ports.ts";
import type { RelayBranch, Sleeper } from "../proxy/proxy-input.ts";
import { isMoreUrgent, type WakePurpose } from "../push/decide-wake.ts";
import { type SleepingDevice, sleepingDevice } from "../push/sleeping-device.ts";
import type { HeldBranch, HeldUser, OverReason } from "./leg.ts";
import type { Timer, TimerOwner } from "./timer-queue.ts";
import type { WakeResult } from "./wake-metrics.ts";
import { WakePush, type WakePushUser } from "./wake-push.ts";

/** A request that is for a device that is asleep. */
export interface WakeAsk {
  readonly purpose: WakePurpose;
  readonly callId: string;
  /** The same for all branches of one request that have come here by several ways (RFC 3261 section 8.2.2.2). */
  readonly origin: string;
  /** Whom its pushes are counted under; empty for nobody in particular. */
  readonly caller: string;
  /** Who calls, where the provider may know. */
  readonly shown: Push["caller"];
  /** How long it waits. */
  readonly limitMs: number;
  /** Whether it goes on without its device, inside a dialog that has to end somehow (RFC 8599 section 6.2.3). */
  readonly goesOnAnyway: boolean;
  /** The request as it goes to the device over these flows. */
  branchTo(sleeper: Sleeper, flows: Sleeper["flows"]): RelayBranch | undefined;
  /** A provider has taken the push. */
  onPushed(): void;
}

/** Hears of what becomes of a wake. */
export interface WakeUser extends Pick<WakePushUser, "send" | "onToldInVain"> {
  onOutcome(wake: Wake, of: WakePush, outcome: PushOutcome): void;
  /** Nobody waits for the device any more. */
  onEnd(wake: Wake, result: WakeResult): void;
  /** The device has answered a request it was woken for. */
  onRing(wake: Wake): void;
}

/** A request that waits for a device. */
export class Waiter implements HeldUser, TimerOwner {
  readonly ask: WakeAsk;
  readonly held: HeldBranch;
  /** The way there was; it says whom to wake. */
  readonly branch: RelayBranch;
  readonly #wake: Wake;
  #timer: Timer | undefined;
  #hasRung = false;

  constructor(parts: Pick<Waiter, "ask" | "held" | "branch">, wake: Wake) {
    this.ask = parts.ask;
    this.held = parts.held;
    this.branch = parts.branch;
    this.#wake = wake;
  }

  startTimer(start: (durationMs: number, owner: TimerOwner) => Timer): void {
    this.#timer = start(this.ask.limitMs, this);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Nobody wants it any more. */
  onOver(reason: OverReason): void {
    this.#wake.leave(this, reason);
  }

  onResponse(status: number): void {
    if (status === 100 || this.#hasRung) return;
    this.#hasRung = true;
    this.#wake.rang();
  }

  onTimer(): void {
    this.#wake.leave(this, "timeout");
    this.end();
  }

  /** Its device will not come. */
  end(): void {
    if (this.ask.goesOnAnyway) this.held.resolve(this.branch);
    else this.held.giveUp();
  }
}

/** A device that is being woken, for one request or for several. */
export class Wake implements WakePushUser {
  readonly aor: string;
  readonly device: SleepingDevice;
  readonly ctid: string;
  readonly startedAtMs: number;
  /** The most urgent that it has been pushed to as; undefined before the first push. */
  purpose: WakePurpose | undefined;
  pushedAtMs = 0;
  /**
   * By push resource: a device whose token is a new one may have both the old and the new one bound, and only one of
   * them wakes it.
   */
  readonly #pushes = new Map<string, WakePush>();
  readonly #user: WakeUser;
  readonly #waiters = new Set<Waiter>();
  #requests = 0;
  #hasEnded = false;

  constructor(aor: string, { flows }: Sleeper, startedAtMs: number, user: WakeUser) {
    this.aor = aor;
    this.device = sleepingDevice(flows);
    this.ctid = flows[0].ctid;
    this.startedAtMs = startedAtMs;
    this.#user = user;
  }

  /** Requests that wait now, and those that have waited so far. */
  get waiting(): number {
    return this.#waiters.size;
  }

  get requests(): number {
    return this.#requests;
  }

  add(waiter: Waiter): void {
    this.#waiters.add(waiter);
    this.#requests += 1;
    if ([...this.#pushes.values()].some(({ isAccepted }) => isAccepted)) waiter.ask.onPushed();
  }

  needsPush(resource: string, purpose: WakePurpose): boolean {
    return this.#pushes.get(resource)?.needs(purpose) ?? true;
  }

  /** Has the device pushed to for a request. */
  pushFor({ purpose, callId, shown: caller, limitMs }: WakeAsk, to: PushTo): void {
    const { resource, topic, nowMs } = to;
    const push = this.#pushes.get(resource) ?? new WakePush(resource, this);
    this.#pushes.set(resource, push);
    if (this.purpose === undefined) this.pushedAtMs = nowMs;
    if (isMoreUrgent(purpose, this.purpose)) this.purpose = purpose;
    push.send({ purpose, topic, callId, caller, deadlineMs: nowMs + limitMs });
  }

  /** The device is back: every request goes to it, once. */
  resolve(flows: Sleeper["flows"]): void {
    const waiters = this.#finish("registered");
    const sent = new Set<string>();
    for (const { ask, held, branch } of waiters) {
      const way = branch.asleep === undefined ? undefined : ask.branchTo(branch.asleep, flows);
      // One call that came for two contacts of the device rings there once.
      if (way === undefined || sent.has(ask.origin)) held.giveUp();
      else if (held.resolve(way)) sent.add(ask.origin);
    }
  }

  /** The device will not come. */
  giveUp(result: WakeResult): void {
    for (const waiter of this.#finish(result)) waiter.end();
  }

  /** A request does not wait any more. */
  leave(waiter: Waiter, result: OverReason): void {
    waiter.stop();
    if (this.#waiters.delete(waiter) && this.#waiters.size === 0) this.#finish(result);
  }

  rang(): void {
    this.#user.onRing(this);
  }

  send: WakePushUser["send"] = (push, done) => this.#user.send(push, done);

  onPushed(of: WakePush, outcome: PushOutcome): void {
    this.#user.onOutcome(this, of, outcome);
    if (this.#hasEnded) return;
    if (outcome.result === "accepted") {
      for (const { ask } of this.#waiters) ask.onPushed();
    }
    const isHopeless = [...this.#pushes.values()].every((push) => push.isHopeless);
    if (isHopeless) this.giveUp(outcome.result === "dead-token" ? "dead-token" : "rejected");
  }

  onToldInVain(push: Push): void {
    this.#user.onToldInVain(push);
  }

  /** Ends the wake, and gives back who waits. */
  #finish(result: WakeResult): readonly Waiter[] {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    this.#hasEnded = true;
    for (const waiter of waiters) waiter.stop();
    this.#user.onEnd(this, result);
    for (const push of this.#pushes.values()) push.stop(result !== "registered");
    return waiters;
  }
}

/** Where a push goes, and when. */
interface PushTo {
  /** location/push-device.ts. */
  readonly resource: string;
  readonly topic: string;
  readonly nowMs: number;
}
