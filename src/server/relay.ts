import type { Tally } from "../ports.ts";
import { bestResponse } from "../proxy/best-response.ts";
import { decideResponse } from "../proxy/decide-response.ts";
import type { RelayBranch } from "../proxy/proxy-input.ts";
import type { SipRequest, SipResponse } from "../sip/message.ts";
import { type Arrival, flowOf } from "./arrival.ts";
import { findHops } from "./hops.ts";
import {
  type HeldBranch,
  type HeldUser,
  Leg,
  type LegFailure,
  type LegModules,
  type LegUser,
  type OverReason,
  withBreadth,
} from "./leg.ts";
import { MAX_WAIT_MS } from "./limits.ts";
import type { ServerTransaction, ServerTransactionUser } from "./server-transaction.ts";
import type { Timer, TimerOwner } from "./timer-queue.ts";
import { withMark, withVia } from "./transactions.ts";

/** What relaying takes. */
export interface RelayModules extends LegModules {
  /** Counts how relayed requests ended, by direction and result. */
  readonly tally: (direction: Direction, result: string) => Tally;
}

type Direction = "to-device" | "to-upstream";

/** A request ready to go on, by one way or by several. */
export interface Relayed {
  readonly direction: Direction;
  /**
   * Groups of branches to try one after another when those before have failed (RFC 3261 section 16.6); none where
   * branches are held.
   */
  readonly groups: ReadonlyArray<readonly RelayBranch[]>;
  /** How long a group may ring before the next one is tried; 0 for as long as it likes. */
  readonly ringMs: number;
  /** How many branches there may be at once, here and further on (RFC 5393 section 5.3.3). */
  readonly breadth: number;
  /** Goes into the branches of midreg's Vias, to detect loops. */
  readonly mark: string;
  /** Whether its sender is told when the flow is gone (ProxyDecision). */
  readonly isEdge?: boolean | undefined;
  /** Has the device of a branch woken; undefined where branches are sent as they are. */
  readonly wake?: ((held: HeldBranch, branch: RelayBranch) => HeldUser) | undefined;
  /** Told once of the final response that goes back; of 408 where none does. */
  readonly onEnd?: ((status: number, phrase: string) => void) | undefined;
}

interface AckPlan extends RelayBranch, Pick<Relayed, "breadth" | "mark"> {}

/**
 * Passes an ACK for a 2xx on, without a transaction (RFC 3261 section 16.11): its branch follows from the
 * one it came with, so that a repeated ACK looks the same at the next hop.
 */
export function relayAck(
  ack: SipRequest,
  arrival: Arrival,
  { text, nextHop, breadth, mark }: AckPlan,
  modules: RelayModules,
): void {
  const seed = `${flowOf(arrival)}\0${ack.via.sentBy}\0${ack.via.branch ?? ""}\0${ack.callId}`;
  const branch = withMark(`z9hG4bK${modules.ids.mac(`${seed}\0${ack.cseq.number}`)}`, mark);
  const { transport, largeRequests } = modules;
  const sent = withBreadth(text, breadth);
  findHops(nextHop, modules, ({ targets, listenerFor, isFlow }) => {
    const target = targets[0];
    const listener = target === undefined ? undefined : listenerFor(target);
    if (target === undefined || listener === undefined) return;
    const send = (): void => transport.send(withVia(sent, listener, branch), listener, target);
    const way = { text: sent, listener, target };
    const byTcp = isFlow ? undefined : largeRequests.byTcp(way, listenerFor);
    if (byTcp === undefined) return send();
    return transport.send(
      withVia(sent, byTcp.listener, branch),
      byTcp.listener,
      byTcp.target,
      () => {
        largeRequests.refused(target);
        send();
      },
    );
  });
}

/** How a leg has ended: with a response that may be passed back, or with none. */
interface Ending {
  readonly status: number;
  /** What is counted: the class of the status, or the failure. */
  readonly result: string;
  readonly response: SipResponse | undefined;
}

/** What a request ends with that found no device, and none that was waited for. */
const NOBODY: Ending = { status: 480, result: "given-up", response: undefined };

const PHRASES: Readonly<Record<number, string>> = {
  408: "Request Timeout",
  430: "Flow Failed",
  440: "Max-Breadth Exceeded",
  480: "Temporarily Unavailable",
  487: "Request Terminated",
  500: "Server Internal Error",
  503: "Service Unavailable",
};

/**
 * One request on its way through: a server transaction and its legs, the response context of RFC 3261
 * section 16.7. The first 2xx goes back at once and ends the others, so does a 6xx; anything else waits
 * until all have ended, later groups included, and the best goes back.
 */
export class Relay implements LegUser, ServerTransactionUser, TimerOwner {
  readonly #relayed: Relayed;
  readonly #transaction: ServerTransaction;
  readonly #modules: RelayModules;
  readonly #isInvite: boolean;
  /** Groups that have not been tried. */
  #later: ReadonlyArray<readonly RelayBranch[]>;
  /** All legs so far, and those of the present group. */
  readonly #legs: Leg[] = [];
  #group: Leg[] = [];
  readonly #endings = new Map<Leg, Ending>();
  #ringTimer: Timer | undefined;
  #lateTimer: Timer | undefined;
  /** The leg whose answer went back. */
  #answered: Leg | undefined;
  /** Why no more branches are wanted. */
  #over: OverReason | undefined;
  #isStarted = false;
  #isAnswered = false;

  constructor(relayed: Relayed, transaction: ServerTransaction, modules: RelayModules) {
    this.#relayed = relayed;
    this.#transaction = transaction;
    this.#modules = modules;
    this.#isInvite = transaction.method === "INVITE";
    this.#later = relayed.groups.filter((group) => group.length > 0);
    if (this.#isInvite) transaction.user = this;
  }

  start(): void {
    // RFC 3261 section 16.2: a proxy answers an INVITE with 100 so that it is not sent again.
    if (this.#isInvite) this.#transaction.reply(100, "Trying");
    this.#isStarted = true;
    if (!this.#isInvite && this.#later.flat().length > 1) {
      this.#lateTimer = this.#modules.timers.start(MAX_WAIT_MS, this, "late");
    }
    this.#nextGroup();
    this.#proceed();
  }

  /**
   * Holds a place for a branch that is to come, in the present group: before start() in the first one.
   * Undefined when the request has been answered or cancelled.
   */
  hold(user: HeldUser): HeldBranch | undefined {
    if (this.#isAnswered || this.#over !== undefined) return undefined;
    const leg = this.#addLeg(undefined);
    leg.hold(user);
    return leg;
  }

  onLegResponse(leg: Leg, response: SipResponse): void {
    const { status } = response;
    if (status < 200) {
      if (!this.#isAnswered) this.#pass(response);
      return undefined;
    }
    // Section 16.7 step 5: every 2xx to an INVITE goes back, as its sender waits for an ACK.
    if (status < 300 && (this.#isInvite || !this.#isAnswered)) return this.#succeed(leg, response);
    const result = String(Math.floor(status / 100));
    if (status >= 600) this.#endAll("declined");
    return this.#ended(leg, { status, result, response });
  }

  onLegFailure(leg: Leg, failure: LegFailure): void {
    // Whatever has become of what the caller has cancelled, that is what it hears (RFC 3261 section 15.1.2).
    const isCancelled = this.#over === "cancelled" && failure !== "breadth";
    const status = isCancelled ? 487 : this.#statusOf(failure);
    this.#ended(leg, { status, result: failure, response: undefined });
  }

  /**
   * What is left of Max-Breadth, in equal shares for all that may have to be sent while this one lasts. A call
   * to devices keeps one share for whoever registers while it rings; devices do not fork (RFC 5393 section 5.6).
   */
  breadthFor(leg: Leg): number {
    const free = this.#freeBreadth();
    const present = this.#group.filter((other) => other === leg || other.isToCome).length;
    const isOvertaken = this.#relayed.ringMs > 0 || !this.#isStarted;
    const later = isOvertaken ? this.#later.reduce((sum, group) => sum + group.length, 0) : 0;
    const spare = this.#isInvite && this.#relayed.direction === "to-device" ? 1 : 0;
    return Math.min(free, Math.max(1, Math.floor(free / (present + later + spare))));
  }

  wake(leg: Leg, branch: RelayBranch): HeldUser | undefined {
    return this.#relayed.wake?.(leg, branch);
  }

  onTimer(what: string): void {
    if (what === "late") this.#answerInTime();
    else this.#nextHasTurn();
  }

  /**
   * What is no INVITE cannot be cancelled, and one silent device would keep what others have answered from its sender until
   * that has stopped waiting (RFC 4320 section 2.2). Nothing is answered where nothing has come.
   */
  #answerInTime(): void {
    const best = bestResponse([...this.#endings.values()]);
    if (this.#isAnswered || best === undefined || best.status === 408) return;
    this.#later = [];
    this.#answerBest();
  }

  /** The present group has rung for long enough. */
  #nextHasTurn(): void {
    const group = this.#group;
    // Without any breadth left, the next group has to wait until this one has ended.
    if (this.#freeBreadth() > 0) {
      this.#group = [];
      this.#nextGroup();
    }
    for (const leg of group) if (!leg.hasEnded) leg.cancel("timeout");
  }

  /** The caller has given up (RFC 3261 section 16.10). */
  onCancel(): void {
    if (!this.#isAnswered) this.#endAll("cancelled");
  }

  /** Only RFC 2543 clients acknowledge a 2xx with the branch of the INVITE; it goes where that went. */
  onAck(ack: SipRequest, arrival: Arrival): void {
    const plan = (this.#answered ?? this.#legs[0])?.branch?.plan;
    if (plan === undefined) return;
    const { breadth, mark } = this.#relayed;
    const { nextHop } = plan;
    relayAck(ack, arrival, { text: ack.text, nextHop, breadth, mark }, this.#modules);
  }

  #addLeg(branch: RelayBranch | undefined): Leg {
    const { method } = this.#transaction;
    const { mark, isEdge = false } = this.#relayed;
    const leg = new Leg({ branch, method, mark, isEdge }, this, this.#modules);
    this.#legs.push(leg);
    this.#group.push(leg);
    return leg;
  }

  /** Sends the next group, and as much of it as Max-Breadth allows; the rest is a group of its own. */
  #nextGroup(): void {
    this.#ringTimer?.cancel();
    const [group = [], ...later] = this.#later;
    // What is held since before start() belongs to the first group.
    this.#group = this.#group.filter((leg) => leg.isToCome);
    const room = Math.max(1, this.#freeBreadth() - this.#group.length);
    this.#later = group.length > room ? [group.slice(room), ...later] : later;
    const legs = group.slice(0, room).map((branch) => this.#addLeg(branch));
    const { ringMs } = this.#relayed;
    if (this.#isInvite && ringMs > 0 && this.#later.length > 0) {
      this.#ringTimer = this.#modules.timers.start(ringMs, this, "ring");
    }
    for (const leg of legs) leg.start();
  }

  #freeBreadth(): number {
    const used = this.#legs.reduce((sum, leg) => sum + leg.breadth, 0);
    return Math.max(0, this.#relayed.breadth - used);
  }

  #succeed(leg: Leg, response: SipResponse): void {
    const { status, reason } = response;
    const isFirst = !this.#isAnswered;
    this.#finish("2");
    this.#answered ??= leg;
    this.#endings.set(leg, { status, result: "2", response });
    this.#pass(response);
    this.#endAll("answered");
    if (isFirst) this.#relayed.onEnd?.(status, reason);
  }

  #endAll(reason: OverReason): void {
    this.#over ??= reason;
    this.#later = [];
    this.#ringTimer?.cancel();
    for (const leg of this.#legs) if (!leg.hasEnded) leg.cancel(reason);
  }

  #ended(leg: Leg, ending: Ending): void {
    this.#endings.set(leg, ending);
    this.#proceed();
  }

  /** Goes on with the next group when the present one has failed, and ends when none is left. */
  #proceed(): void {
    if (this.#isAnswered || !this.#isStarted) return;
    if (this.#later.length > 0) {
      if (this.#group.every((leg) => leg.hasEnded)) this.#nextGroup();
    } else if (this.#endings.size === this.#legs.length) {
      this.#answerBest();
    }
  }

  #answerBest(): void {
    const endings = [...this.#endings.values()];
    const best = bestResponse(endings) ?? NOBODY;
    this.#finish(best.result);
    const status = this.#answer(best, endings);
    this.#relayed.onEnd?.(status, PHRASES[status] ?? best.response?.reason ?? "");
  }

  /** The status that the sender of the request hears; 408 where it hears nothing. */
  #answer({ status, response }: Ending, endings: readonly Ending[]): number {
    if (status === 408 && !this.#isInvite) {
      // RFC 4320 section 4.2: no 408 to anything but an INVITE, since it would come too late to help.
      this.#transaction.abandon();
      return status;
    }
    if (response !== undefined) {
      const others = endings.flatMap((ending) => ending.response ?? []);
      return this.#pass(response, others) ?? status;
    }
    this.#transaction.reply(status, PHRASES[status] ?? "");
    return status;
  }

  /** A device that cannot be reached is away; a main registrar that cannot is out of service. */
  #statusOf(failure: LegFailure): number {
    const isToDevice = this.#relayed.direction === "to-device";
    switch (failure) {
      case "cancelled":
        return 487;
      case "timer-c":
      case "timeout":
        return isToDevice && this.#isInvite ? 480 : 408;
      case "given-up":
        return 480;
      case "flow-failed":
        return 430;
      case "breadth":
        return 440;
      case "transport-error":
      case "unresolved":
        return isToDevice ? 480 : 503;
      default:
        return failure satisfies never;
    }
  }

  /** Passes a response back, and gives the status that it has then; undefined where it goes no further. */
  #pass(response: SipResponse, others: readonly SipResponse[] = []): number | undefined {
    const { direction, isEdge = false } = this.#relayed;
    const relayed = decideResponse(response, direction, { others, isEdge });
    if (relayed.kind === "stop") return undefined;
    this.#transaction.respond(relayed.status, relayed.text, response.toTag);
    return relayed.status;
  }

  #finish(result: string): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#lateTimer?.cancel();
    this.#modules.tally(this.#relayed.direction, result).n += 1;
  }
}
