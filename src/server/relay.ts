import type { Tally } from "../ports.ts";
import { bestResponse } from "../proxy/best-response.ts";
import { decideResponse } from "../proxy/decide-response.ts";
import type { RelayBranch } from "../proxy/proxy-input.ts";
import type { SipRequest, SipResponse } from "../sip/message.ts";
import { type Arrival, flowOf } from "./arrival.ts";
import { Branch, type BranchFailure, type BranchModules, type BranchUser } from "./branch.ts";
import { findHops } from "./hops.ts";
import type { ServerTransaction, ServerTransactionUser } from "./server-transaction.ts";
import { withVia } from "./transactions.ts";

/** What relaying takes. */
export interface RelayModules extends BranchModules {
  /** Counts how relayed requests ended, by direction and result. */
  readonly tally: (direction: Direction, result: string) => Tally;
}

type Direction = "to-device" | "to-upstream";

/** A request ready to go on, by one way or by several at once. */
export interface Relayed {
  readonly direction: Direction;
  readonly branches: readonly RelayBranch[];
}

/**
 * Passes an ACK for a 2xx on, without a transaction (RFC 3261 section 16.11): its branch follows from the
 * one it came with, so that a repeated ACK looks the same at the next hop.
 */
export function relayAck(
  ack: SipRequest,
  arrival: Arrival,
  { text, nextHop }: RelayBranch,
  modules: RelayModules,
): void {
  const seed = `${flowOf(arrival)}\0${ack.via.sentBy}\0${ack.via.branch ?? ""}\0${ack.callId}`;
  const branch = `z9hG4bK${modules.ids.mac(`${seed}\0${ack.cseq.number}`)}`;
  findHops(nextHop, modules, ({ targets, listenerFor }) => {
    const target = targets[0];
    const listener = target === undefined ? undefined : listenerFor(target);
    if (target === undefined || listener === undefined) return;
    modules.transport.send(withVia(text, listener, branch), listener, target);
  });
}

/** How a branch has ended: with a response that may be passed back, or with none. */
interface Ending {
  readonly status: number;
  /** What is counted: the class of the status, or the failure. */
  readonly result: string;
  readonly response: SipResponse | undefined;
}

const PHRASES: Readonly<Record<number, string>> = {
  408: "Request Timeout",
  480: "Temporarily Unavailable",
  487: "Request Terminated",
  503: "Service Unavailable",
};

/**
 * One request on its way through: a server transaction and its branches, the response context of RFC 3261
 * section 16.7. The first 2xx goes back at once and ends the others, so does a 6xx; anything else waits
 * until all have ended, and the best goes back.
 */
export class Relay implements BranchUser, ServerTransactionUser {
  readonly #relayed: Relayed;
  readonly #transaction: ServerTransaction;
  readonly #modules: RelayModules;
  readonly #isInvite: boolean;
  readonly #branches: readonly Branch[];
  readonly #endings = new Map<Branch, Ending>();
  /** The branch whose answer went back. */
  #answered: Branch | undefined;
  #isCancelled = false;
  #isAnswered = false;

  constructor(relayed: Relayed, transaction: ServerTransaction, modules: RelayModules) {
    this.#relayed = relayed;
    this.#transaction = transaction;
    this.#modules = modules;
    const { method } = transaction;
    this.#isInvite = method === "INVITE";
    this.#branches = relayed.branches.map((one) => new Branch({ ...one, method }, this, modules));
    if (this.#isInvite) transaction.user = this;
  }

  start(): void {
    // RFC 3261 section 16.2: a proxy answers an INVITE with 100 so that it is not sent again.
    if (this.#isInvite) this.#transaction.reply(100, "Trying");
    for (const branch of this.#branches) branch.start();
  }

  onBranchResponse(branch: Branch, response: SipResponse): void {
    const { status } = response;
    if (status < 200) return this.#isAnswered ? undefined : this.#pass(response);
    // Section 16.7 step 5: every 2xx to an INVITE goes back, as its sender waits for an ACK.
    if (status < 300 && (this.#isInvite || !this.#isAnswered))
      return this.#succeed(branch, response);
    const result = String(Math.floor(status / 100));
    if (status >= 600) this.#cancelAll();
    return this.#ended(branch, { status, result, response });
  }

  onBranchFailure(branch: Branch, failure: BranchFailure): void {
    const status = this.#statusOf(failure);
    this.#ended(branch, { status, result: failure, response: undefined });
  }

  /** The caller has given up (RFC 3261 section 16.10). */
  onCancel(): void {
    if (this.#isAnswered) return;
    this.#isCancelled = true;
    this.#cancelAll();
  }

  /** Only RFC 2543 clients acknowledge a 2xx with the branch of the INVITE; it goes where that went. */
  onAck(ack: SipRequest, arrival: Arrival): void {
    const plan = (this.#answered ?? this.#branches[0])?.plan;
    if (plan === undefined) return;
    relayAck(ack, arrival, { text: ack.text, nextHop: plan.nextHop }, this.#modules);
  }

  #succeed(branch: Branch, response: SipResponse): void {
    this.#finish("2");
    this.#answered ??= branch;
    this.#endings.set(branch, { status: response.status, result: "2", response });
    this.#pass(response);
    this.#cancelAll();
  }

  #cancelAll(): void {
    for (const branch of this.#branches) branch.cancel();
  }

  #ended(branch: Branch, ending: Ending): void {
    this.#endings.set(branch, ending);
    if (this.#isAnswered || this.#endings.size < this.#branches.length) return;
    this.#answerBest();
  }

  #answerBest(): void {
    const endings = [...this.#endings.values()];
    const best = bestResponse(endings);
    if (best === undefined) return;
    this.#finish(best.result);
    if (best.response !== undefined) {
      const others = endings.flatMap(({ response }) => response ?? []);
      return this.#pass(best.response, others);
    }
    // RFC 4320 section 4.2: no 408 to anything but an INVITE, since it would come too late to help.
    if (best.status === 408 && !this.#isInvite) return this.#transaction.abandon();
    return this.#transaction.reply(best.status, PHRASES[best.status] ?? "");
  }

  /** A device that cannot be reached is away; a main registrar that cannot is out of service. */
  #statusOf(failure: BranchFailure): number {
    if (failure === "cancelled") return 487;
    if (failure === "timer-c") return this.#isCancelled ? 487 : 408;
    if (failure === "timeout") return 408;
    return this.#relayed.direction === "to-device" ? 480 : 503;
  }

  #pass(response: SipResponse, others: readonly SipResponse[] = []): void {
    const relayed = decideResponse(response, this.#relayed.direction, others);
    if (relayed.kind === "stop") return;
    this.#transaction.respond(relayed.status, relayed.text, response.toTag);
  }

  #finish(result: string): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#modules.tally(this.#relayed.direction, result).n += 1;
  }
}
