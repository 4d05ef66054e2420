import type { Ids, Listener, Metrics, Target, Transport } from "../ports.ts";
import { defaultPortOf } from "../sip/default-port.ts";
import type { SipRequest, SipResponse } from "../sip/message.ts";
import {
  ackKeys,
  cancelledKey,
  clientKey,
  isAckOf,
  type RequestIdentity,
  serverKey,
} from "../transaction/transaction-key.ts";
import type { Arrival } from "./arrival.ts";
import {
  type ClientRequest,
  ClientTransaction,
  type ClientTransactionUser,
} from "./client-transaction.ts";
import {
  MAX_BYTES_BEFORE_REGISTER,
  MAX_COMPLETED_REGISTERS,
  MAX_SERVER_TRANSACTIONS,
  MAX_TRANSACTION_BYTES,
} from "./limits.ts";
import { ServerTransaction } from "./server-transaction.ts";
import { SlotMap } from "./slot-map.ts";
import type { TimerQueue } from "./timer-queue.ts";

import type { TransactionModules } from "./transaction-modules.ts";

/** The live transactions, by key. */
export class Transactions {
  readonly #servers = new SlotMap<ServerTransaction>();
  readonly #clients = new SlotMap<ClientTransaction>();
  readonly #modules: TransactionModules;
  /** Those of REGISTERs, oldest first. */
  readonly #registers = new Set<ServerTransaction>();
  /** What the server transactions hold. */
  #bytes = 0;

  constructor(modules: { transport: Transport; timers: TimerQueue; ids: Ids; metrics: Metrics }) {
    const { metrics } = modules;
    this.#modules = {
      transport: modules.transport,
      timers: modules.timers,
      ids: modules.ids,
      retransmitsIn: metrics.counter("sip_retransmits_total", { direction: "in" }),
      retransmitsOut: metrics.counter("sip_retransmits_total", { direction: "out" }),
      forgetServer: (key) => this.#forgetServer(key),
      holdServer: (bytes) => {
        this.#bytes += bytes;
      },
      forgetClient: (key) => this.#clients.delete(key),
    };
    metrics.gauge("sip_transactions", { kind: "server" }, () => this.#servers.size);
    metrics.gauge("sip_transactions", { kind: "client" }, () => this.#clients.size);
  }

  /** Requests not answered yet and requests of midreg's own under way: what a drain waits for. */
  get openCount(): number {
    let open = 0;
    for (const transaction of this.#servers.values()) if (!transaction.isAnswered) open += 1;
    return open;
  }

  /** The transaction a request repeats; undefined for a new one. */
  find(request: SipRequest): ServerTransaction | undefined {
    if (this.#servers.size === 0) return undefined;
    return this.#servers.get(serverKey(identify(request)));
  }

  /** The INVITE transaction an ACK belongs to; undefined for the ACK of a 2xx. */
  findAcknowledged(ack: SipRequest): ServerTransaction | undefined {
    const identity = identify(ack);
    for (const key of ackKeys(identity)) {
      const found = this.#servers.get(key);
      if (found !== undefined && isAckOf(identity, found.responseToTag)) return found;
    }
    return undefined;
  }

  /** The INVITE transaction a CANCEL is for (RFC 3261 section 9.2). */
  findCancelled(cancel: SipRequest): ServerTransaction | undefined {
    return this.#servers.get(cancelledKey(identify(cancel)));
  }

  /** Opens a server transaction; undefined when there are too many. */
  open(request: SipRequest, arrival: Arrival): ServerTransaction | undefined {
    const isRegister = request.method === "REGISTER";
    const mostBytes = isRegister ? MAX_BYTES_BEFORE_REGISTER : MAX_TRANSACTION_BYTES;
    const isHeavy = (): boolean => this.#bytes + request.text.length > mostBytes;
    if (isHeavy() || this.#servers.size >= MAX_COMPLETED_REGISTERS) this.#makeRoom();
    if (isHeavy() || this.#servers.size >= MAX_SERVER_TRANSACTIONS) return undefined;
    const key = serverKey(identify(request));
    const transaction = new ServerTransaction(key, request, arrival, this.#modules);
    this.#servers.set(key, transaction);
    if (isRegister) this.#registers.add(transaction);
    return transaction;
  }

  #forgetServer(key: string): void {
    const transaction = this.#servers.get(key);
    if (transaction !== undefined) this.#registers.delete(transaction);
    this.#servers.delete(key);
  }

  /** Oldest first: a repeated REGISTER decided anew gets the same answer, so only work is lost. */
  #makeRoom(): void {
    let looked = 0;
    for (const transaction of this.#registers) {
      if (transaction.isAnswered) transaction.evict();
      looked += 1;
      if (looked === 8) return;
    }
  }

  /**
   * Sends a request that has no Via of midreg's yet, with a new branch (RFC 3261 section 16.6 step 8),
   * and watches over it.
   */
  send(request: OutgoingRequest, user: ClientTransactionUser): ClientTransaction {
    const { method, listener, target, mark = "" } = request;
    const branch = withMark(this.#modules.ids.branch(), mark);
    const key = clientKey({ branch, cseqMethod: method });
    const text = withVia(request.text, listener, branch);
    const transaction = new ClientTransaction(
      { key, text, method, listener, target },
      user,
      this.#modules,
    );
    this.#clients.set(key, transaction);
    transaction.start();
    return transaction;
  }

  /** Sends the CANCEL of an INVITE under way; it has that one's branch, and its own transaction. */
  sendCancel(text: string, invite: ClientRequest, user: ClientTransactionUser): void {
    const { listener, target } = invite;
    // The key of the INVITE ends with its method.
    const key = `${invite.key.slice(0, -"INVITE".length)}CANCEL`;
    const request = { key, text, method: "CANCEL", listener, target };
    const transaction = new ClientTransaction(request, user, this.#modules);
    this.#clients.set(key, transaction);
    transaction.start();
  }

  /**
   * Gives a response to the transaction it belongs to; false when there is none, or when the top Via is not the
   * one that midreg has put there (RFC 3261 section 18.1.2).
   */
  receive(response: SipResponse): boolean {
    const { branch, sentBy } = response.via;
    const key = clientKey({ branch, cseqMethod: response.cseq.method });
    const transaction = this.#clients.get(key);
    if (transaction === undefined) return false;
    const { listener } = transaction.request;
    const own = listener.sentBy.toLowerCase();
    // Some peers leave the default port out when they copy a Via.
    if (sentBy !== own && `${sentBy}:${defaultPortOf(listener.protocol)}` !== own) return false;
    transaction.receive(response);
    return true;
  }
}

/** A request of midreg's own or relayed, without its Via. */
export interface OutgoingRequest {
  readonly text: string;
  readonly method: string;
  readonly listener: Listener;
  readonly target: Target;
  /** Goes into the branch of the Via, to detect loops; undefined for none. */
  readonly mark?: string;
}

/** A branch with the part that tells loops from spirals (RFC 5393 section 4.2.1). */
export function withMark(branch: string, mark: string): string {
  return mark === "" ? branch : `${branch}.${mark}`;
}

/** The request with midreg's Via on top. rport asks for the answer on the same flow (RFC 3581). */
export function withVia(text: string, listener: Listener, branch: string): string {
  const headersAt = text.indexOf("\r\n") + 2;
  const protocol = listener.protocol.toUpperCase();
  const via = `Via: SIP/2.0/${protocol} ${listener.sentBy};branch=${branch};rport\r\n`;
  return text.slice(0, headersAt) + via + text.slice(headersAt);
}

function identify(request: SipRequest): RequestIdentity {
  return {
    method: request.method,
    uri: request.uri,
    branch: request.via.branch,
    sentBy: request.via.sentBy,
    topVia: request.via.text,
    fromTag: request.fromTag,
    toTag: request.toTag,
    callId: request.callId,
    cseqNumber: request.cseq.number,
  };
}
