import { parseFlow } from "../location/flow.ts";
import type { Ids, Listener, Resolver, Tally, Target, Transport } from "../ports.ts";
import { decideResponse } from "../proxy/decide-response.ts";
import type { NextHop } from "../proxy/proxy-input.ts";
import { buildCancel } from "../sip/build-ack.ts";
import type { SipRequest, SipResponse } from "../sip/message.ts";
import { type Arrival, flowOf } from "./arrival.ts";
import { Attempt, type AttemptFailure, type AttemptModules, type AttemptUser } from "./attempt.ts";
import { CANCEL_WAIT_MS, TIMER_C_MS } from "./limits.ts";
import type { ServerTransaction, ServerTransactionUser } from "./server-transaction.ts";
import type { Timer, TimerOwner } from "./timer-queue.ts";
import { withVia } from "./transactions.ts";
import type { Upstream } from "./upstream.ts";

/** What relaying takes. */
export interface RelayModules extends AttemptModules {
  readonly transport: Transport;
  readonly upstream: Upstream;
  readonly ids: Ids;
  readonly resolver: Resolver;
  /** Counts how relayed requests ended, by direction and result. */
  readonly tally: (direction: Direction, result: string) => Tally;
}

type Direction = "to-device" | "to-upstream";

/** A request ready to go on: its text without midreg's Via, and where to. */
export interface Relayed {
  readonly text: string;
  readonly direction: Direction;
  readonly nextHop: NextHop;
}

/** The listener a flow belongs to, or one of the same family when that one is gone. */
function listenerOfFlow(transport: Transport, flow: string): Listener | undefined {
  const parsed = parseFlow(flow);
  if (parsed === undefined) return undefined;
  const family = parsed.address.includes(":") ? 6 : 4;
  return (
    transport.listeners.find(({ id }) => id === parsed.listener) ??
    transport.listeners.find((listener) => listener.family === family)
  );
}

interface Hops {
  readonly targets: readonly Target[];
  readonly listenerFor: (target: Target) => Listener | undefined;
}

/** Finds the targets of a next hop; calls back at once where no name has to be looked up. */
function findHops(nextHop: NextHop, modules: RelayModules, done: (hops: Hops) => void): void {
  const { transport, upstream, resolver } = modules;
  if (nextHop.kind === "upstream") {
    done({ targets: upstream.targets, listenerFor: (target) => upstream.listenerFor(target) });
    return;
  }
  const flow = nextHop.flow === undefined ? undefined : listenerOfFlow(transport, nextHop.flow);
  const listenerFor = (target: Target): Listener | undefined => {
    const family = target.address.includes(":") ? 6 : 4;
    return flow?.family === family ? flow : upstream.listenerFor(target);
  };
  if (nextHop.kind === "flow") {
    const parsed = parseFlow(nextHop.flow);
    const { address = "", port = 0 } = parsed ?? {};
    const targets = parsed === undefined ? [] : [{ protocol: "udp" as const, address, port }];
    done({ targets, listenerFor });
    return;
  }
  resolver.resolve(nextHop.uri, (targets) => done({ targets, listenerFor }));
}

/**
 * Passes an ACK for a 2xx on, without a transaction (RFC 3261 section 16.11): its branch follows from the
 * one it came with, so that a repeated ACK looks the same at the next hop.
 */
export function relayAck(
  ack: SipRequest,
  arrival: Arrival,
  { text, nextHop }: Relayed,
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

/** One request on its way through: a server transaction, a branch, and what keeps the two together. */
export class Relay implements AttemptUser, ServerTransactionUser, TimerOwner {
  readonly #relayed: Relayed;
  readonly #transaction: ServerTransaction;
  readonly #modules: RelayModules;
  readonly #isInvite: boolean;
  #attempt: Attempt | undefined;
  #timer: Timer | undefined;
  #hasProvisional = false;
  #isCancelled = false;
  #isCancelSent = false;
  #isAnswered = false;

  constructor(relayed: Relayed, transaction: ServerTransaction, modules: RelayModules) {
    this.#relayed = relayed;
    this.#transaction = transaction;
    this.#modules = modules;
    this.#isInvite = transaction.method === "INVITE";
    if (this.#isInvite) transaction.user = this;
  }

  start(): void {
    // RFC 3261 section 16.2: a proxy answers an INVITE with 100 so that it is not sent again.
    if (this.#isInvite) this.#transaction.reply(100, "Trying");
    findHops(this.#relayed.nextHop, this.#modules, (hops) => this.#send(hops));
  }

  onResponse(response: SipResponse): void {
    if (response.status < 200) this.#provisional(response.status);
    const relayed = decideResponse(response, this.#relayed.direction);
    if (relayed.kind === "stop") return;
    if (relayed.status >= 200) this.#final(String(Math.floor(relayed.status / 100)));
    this.#transaction.respond(relayed.status, relayed.text, response.toTag);
  }

  onFailure(failure: AttemptFailure): void {
    if (this.#isAnswered) return;
    this.#final(failure);
    if (failure !== "timeout") return this.#unreachable();
    // RFC 4320 section 4.2: no 408 to anything but an INVITE, since it would come too late to help.
    if (!this.#isInvite) return this.#transaction.abandon();
    return this.#transaction.reply(408, "Request Timeout");
  }

  /** The caller has given up (RFC 3261 section 16.10). */
  onCancel(): void {
    if (this.#isAnswered) return;
    this.#isCancelled = true;
    this.#sendCancel();
  }

  /** Only RFC 2543 clients acknowledge a 2xx with the branch of the INVITE; it goes where that went. */
  onAck(ack: SipRequest, arrival: Arrival): void {
    relayAck(ack, arrival, { ...this.#relayed, text: ack.text }, this.#modules);
  }

  onTimer(what: string): void {
    if (this.#isAnswered) return;
    if (what === "timer-c" && this.#hasProvisional) return this.onCancel();
    // Nothing more is to be expected from this branch.
    this.#attempt?.transaction?.abandon();
    this.#final(what);
    const [status, reason] = this.#isCancelled
      ? ([487, "Request Terminated"] as const)
      : ([408, "Request Timeout"] as const);
    return this.#transaction.reply(status, reason);
  }

  #send({ targets, listenerFor }: Hops): void {
    if (this.#isCancelled) {
      this.#final("cancelled");
      return this.#transaction.reply(487, "Request Terminated");
    }
    const { method } = this.#transaction;
    const plan = { text: this.#relayed.text, method, targets, listenerFor, limitMs: undefined };
    if (this.#isInvite) this.#timer = this.#modules.timers.start(TIMER_C_MS, this, "timer-c");
    this.#attempt = new Attempt(plan, this, this.#modules);
    return this.#attempt.start();
  }

  #provisional(status: number): void {
    this.#hasProvisional = true;
    if (this.#isCancelled) return this.#sendCancel();
    if (!this.#isInvite || status === 100) return undefined;
    // RFC 3261 section 16.7 step 2: every other provisional response sets Timer C back.
    this.#timer?.cancel();
    this.#timer = this.#modules.timers.start(TIMER_C_MS, this, "timer-c");
    return undefined;
  }

  /** A CANCEL may only follow a provisional response (RFC 3261 section 9.1). */
  #sendCancel(): void {
    const request = this.#attempt?.transaction?.request;
    if (!this.#hasProvisional || this.#isCancelSent || request === undefined) return;
    this.#isCancelSent = true;
    this.#timer?.cancel();
    this.#timer = this.#modules.timers.start(CANCEL_WAIT_MS, this, "cancelled");
    this.#modules.transactions.sendCancel(buildCancel(request.text), request);
  }

  #final(result: string): void {
    this.#timer?.cancel();
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#modules.tally(this.#relayed.direction, result).n += 1;
  }

  /** A device that cannot be reached is away; a main registrar that cannot is out of service. */
  #unreachable(): void {
    if (this.#relayed.direction === "to-device") {
      return this.#transaction.reply(480, "Temporarily Unavailable");
    }
    return this.#transaction.reply(503, "Service Unavailable");
  }
}
