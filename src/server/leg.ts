import type { RelayBranch } from "../proxy/proxy-input.ts";
import type { SipResponse } from "../sip/message.ts";
import { Branch, type BranchFailure, type BranchModules, type BranchUser } from "./branch.ts";
import type { FlowEnds } from "./flow-ends.ts";
import { findHops } from "./hops.ts";
import { FAIL_OVER_MS, MAX_WAIT_MS, TIMER_C_MS } from "./limits.ts";
import type { Timer, TimerOwner } from "./timer-queue.ts";

/** Why a leg is not wanted any more. */
export type OverReason =
  /** Another one was answered with a 2xx. */
  | "answered"
  /** Another one was declined for all of them (6xx). */
  | "declined"
  /** The caller has given up. */
  | "cancelled"
  /** It has been waiting or ringing for as long as it may. */
  | "timeout";

/** Hears when a branch that is being held is not wanted any more; after that it cannot be resolved. */
export interface HeldUser {
  onOver(reason: OverReason): void;
  /** The device that was waited for has answered, provisionally or finally. */
  onResponse?(status: number): void;
}

/** A branch of a relay that is to come: it counts as not ended until it is resolved or given up. */
export interface HeldBranch {
  /** Sends it on like any other; false, and nothing is sent, when it was resolved before or is over. */
  resolve(branch: RelayBranch): boolean;
  /** There will be no branch: counts as a device that is away (480). Does nothing when it is over. */
  giveUp(): void;
}

export interface LegModules extends BranchModules {
  /** Told of flows that do not lead to their devices. */
  readonly flows: Pick<FlowEnds, "failed" | "disowned" | "flowOf">;
}

/** How a leg has ended without an answer. */
export type LegFailure = BranchFailure | "given-up" | "breadth" | "flow-failed";

/** Hears how a leg fares. */
export interface LegUser {
  onLegResponse(leg: Leg, response: SipResponse): void;
  onLegFailure(leg: Leg, failure: LegFailure): void;
  /** How much of Max-Breadth the leg may use, now that it is sent; 0 for none (RFC 5393 section 5.3.3). */
  breadthFor(leg: Leg): number;
  /** Its device is asleep: the leg is held, and whoever wakes the device sees to it; undefined for nobody. */
  wake(leg: Leg, branch: RelayBranch): HeldUser | undefined;
}

export interface LegPlan {
  /** Undefined for one that is held. */
  readonly branch: RelayBranch | undefined;
  readonly method: string;
  /** Goes into the branches of its Vias to detect loops. */
  readonly mark: string;
  /** Whether its sender is told when the flow is gone (ProxyDecision). */
  readonly isEdge: boolean;
}

type State = "new" | "held" | "live" | "over" | "ended";

/**
 * One device that a request is relayed to: its branch, and the next flow of the same device when one turns
 * out to be dead (RFC 5626 section 7), one at a time; or a place held for a branch that is to come.
 */
export class Leg implements BranchUser, HeldBranch, TimerOwner {
  readonly #plan: LegPlan;
  readonly #user: LegUser;
  readonly #modules: LegModules;
  /** The binding that the present branch leads to; undefined for none. */
  #ctid: string | undefined;
  #held: HeldUser | undefined;
  #holdTimer: Timer | undefined;
  #silenceTimer: Timer | undefined;
  /** Whether its device has been woken because its flows were dead, which is done once. */
  #hasWoken = false;
  #left: readonly RelayBranch[] = [];
  #branch: Branch | undefined;
  #breadth = 0;
  #state: State = "new";

  constructor(plan: LegPlan, user: LegUser, modules: LegModules) {
    this.#plan = plan;
    this.#user = user;
    this.#modules = modules;
  }

  /** The way its request went last; undefined before it was sent. */
  get branch(): Branch | undefined {
    return this.#branch;
  }

  get hasEnded(): boolean {
    return this.#state === "ended";
  }

  /** Whether it has yet to be sent. */
  get isToCome(): boolean {
    return this.#state === "new" || this.#state === "held";
  }

  /** Max-Breadth that it takes up now. */
  get breadth(): number {
    return this.hasEnded ? 0 : this.#breadth;
  }

  /** Waits for its branch, for no longer than the sender of the request does. */
  hold(user: HeldUser): void {
    this.#held = user;
    this.#wait();
  }

  #wait(): void {
    this.#state = "held";
    const limitMs = this.#plan.method === "INVITE" ? TIMER_C_MS : MAX_WAIT_MS;
    this.#holdTimer = this.#modules.timers.start(limitMs, this, "hold");
  }

  start(): void {
    const { branch } = this.#plan;
    if (this.#state !== "new" || branch === undefined) return;
    if (branch.asleep === undefined) return this.#send(branch);
    this.#wait();
    this.#held = this.#user.wake(this, branch);
    if (this.#held === undefined) this.resolve(branch);
    return undefined;
  }

  resolve(branch: RelayBranch): boolean {
    if (this.#state !== "held") return false;
    this.#holdTimer?.cancel();
    this.#send(branch);
    return true;
  }

  giveUp(): void {
    if (this.#state === "held") this.#fail("given-up");
  }

  /** It is not wanted any more: what is under way is cancelled, what is held ends at once. */
  cancel(reason: OverReason): void {
    if (this.isToCome) {
      const held = this.#held;
      this.#fail(reason === "timeout" ? "given-up" : "cancelled");
      held?.onOver(reason);
      return;
    }
    if (this.#state === "live") this.#state = "over";
    this.#branch?.cancel();
  }

  onTimer(what: string): void {
    if (what === "hold") return this.cancel("timeout");
    // A device that listens says 100 at least (RFC 3261 section 17.2.1).
    if (this.#state !== "live" || this.#left.length > 0) return undefined;
    this.#branch?.abandon();
    this.#flowFailed();
    if (!this.#wakeUp()) this.#fail(this.#plan.isEdge ? "flow-failed" : "timeout");
    return undefined;
  }

  onBranchResponse(_: Branch, response: SipResponse): void {
    const { status } = response;
    this.#silenceTimer?.cancel();
    // RFC 5626 section 7: 430, or 408, means that this flow does not lead to the device.
    if (status === 430) this.#flowFailed();
    const isAway = status === 430 || status === 408;
    if (isAway && (this.#tryNext() || this.#wakeUp())) return;
    if (status >= 200) this.#state = "ended";
    this.#held?.onResponse?.(status);
    this.#user.onLegResponse(this, response);
  }

  onBranchFailure(_: Branch, failure: BranchFailure): void {
    const isDead = failure === "transport-error" || failure === "unresolved";
    // Without a provisional response the sender of anything but an INVITE has given up by now, too.
    const isSilent = failure === "timeout" && this.#plan.method === "INVITE";
    if (isDead || isSilent) this.#flowFailed();
    if ((isDead || isSilent) && (this.#tryNext() || this.#wakeUp())) return;
    this.#fail(this.#plan.isEdge && (isDead || isSilent) ? "flow-failed" : failure);
  }

  /** A phone that has come back by another connection while it rings is told there, or it would ring on. */
  onCancelLost(_: Branch, cancel: string): void {
    const flow = this.#ctid === undefined ? undefined : this.#modules.flows.flowOf(this.#ctid);
    if (flow === undefined) return;
    findHops({ kind: "flow", flow }, this.#modules, ({ targets: [target], listenerFor }) => {
      const listener = target === undefined ? undefined : listenerFor(target);
      if (target === undefined || listener === undefined) return;
      this.#modules.transport.send(cancel, listener, target);
    });
  }

  /**
   * The connection of a phone that sleeps looks open long after nothing comes through it any more: where its flows turn
   * out to be dead, the device is woken, once. Whether somebody sees to that.
   */
  #wakeUp(): boolean {
    const { branch } = this.#plan;
    if (branch?.wakeable === undefined || this.#hasWoken || this.#state !== "live") return false;
    this.#hasWoken = true;
    this.#breadth = 0;
    this.#wait();
    this.#held = this.#user.wake(this, { ...branch, asleep: branch.wakeable });
    if (this.#held !== undefined) return true;
    this.#holdTimer?.cancel();
    this.#state = "live";
    return false;
  }

  #flowFailed(): void {
    if (this.#ctid === undefined) return;
    this.#modules.flows.failed(this.#ctid);
    if (this.#plan.isEdge) this.#modules.flows.disowned(this.#ctid);
  }

  #tryNext(): boolean {
    const [next] = this.#left;
    if (next === undefined || this.#state !== "live") return false;
    this.#left = this.#left.slice(1);
    this.#sendOne(next);
    return true;
  }

  #send(branch: RelayBranch): void {
    this.#breadth = this.#user.breadthFor(this);
    this.#state = "live";
    if (this.#breadth === 0) return this.#fail("breadth");
    this.#left = branch.others ?? [];
    return this.#sendOne(branch);
  }

  #sendOne({ text, nextHop, ctid }: RelayBranch): void {
    this.#ctid = ctid;
    const { method, mark } = this.#plan;
    const plan = { text: withBreadth(text, this.#breadth), nextHop, method, mark };
    this.#branch = new Branch(plan, this, this.#modules);
    this.#silenceTimer?.cancel();
    const isWakeable = this.#plan.branch?.wakeable !== undefined && !this.#hasWoken;
    if (isWakeable && method === "INVITE") {
      this.#silenceTimer = this.#modules.timers.start(FAIL_OVER_MS, this, "silence");
    }
    this.#branch.start();
  }

  #fail(failure: LegFailure): void {
    this.#holdTimer?.cancel();
    this.#silenceTimer?.cancel();
    this.#state = "ended";
    this.#user.onLegFailure(this, failure);
  }
}

/** The request with its Max-Breadth, which every proxied request has to have (RFC 5393 section 5.3.3). */
export function withBreadth(text: string, breadth: number): string {
  const headersAt = text.indexOf("\r\n") + 2;
  return `${text.slice(0, headersAt)}Max-Breadth: ${breadth}\r\n${text.slice(headersAt)}`;
}
