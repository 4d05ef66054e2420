import type { Listener, Target } from "../ports.ts";
import { buildAck } from "../sip/build-ack.ts";
import type { SipResponse } from "../sip/message.ts";
import { INVITE_CLIENT, type InviteClientAction } from "../transaction/invite-client.ts";
import { step, type Table } from "../transaction/machine.ts";
import { NON_INVITE_CLIENT, type NonInviteClientAction } from "../transaction/non-invite-client.ts";
import { isTimerAction } from "../transaction/timer-action.ts";
import type { TimerOwner } from "./timer-queue.ts";
import type { TransactionModules } from "./transaction-modules.ts";
import { TransactionTimers } from "./transaction-timers.ts";

type ClientAction = InviteClientAction | NonInviteClientAction;

/** What a client transaction tells the one who sent the request. */
export interface ClientTransactionUser {
  /** A provisional or final response; after a 2xx to an INVITE there may be more of them. */
  onResponse(response: SipResponse): void;
  /** Nothing came in time, or the request could not leave. No response follows. */
  onFailure(failure: "timeout" | "transport-error"): void;
}

/** A request to send: its bytes with midreg's Via, its method, and where it goes. */
export interface ClientRequest {
  readonly key: string;
  readonly text: string;
  readonly method: string;
  readonly listener: Listener;
  readonly target: Target;
}

/** A live client transaction: carries out what its table says (src/transaction/README.md). */
export class ClientTransaction implements TimerOwner {
  request: ClientRequest;
  #user: ClientTransactionUser | undefined;
  readonly #modules: TransactionModules;
  readonly #table: Table<string, string, ClientAction>;
  readonly #timers: TransactionTimers;
  #state: string;
  #response: SipResponse | undefined;

  constructor(request: ClientRequest, user: ClientTransactionUser, modules: TransactionModules) {
    this.request = request;
    this.#user = user;
    this.#modules = modules;
    this.#timers = new TransactionTimers(modules.timers, this, request.target.protocol !== "udp");
    const isInvite = request.method === "INVITE";
    this.#table = isInvite ? INVITE_CLIENT : NON_INVITE_CLIENT;
    this.#state = isInvite ? "calling" : "trying";
  }

  /** Sends the request for the first time. */
  start(): void {
    const isInvite = this.request.method === "INVITE";
    this.#timers.order(isInvite ? "start-timer-a" : "start-timer-e");
    this.#timers.order(isInvite ? "start-timer-b" : "start-timer-f");
    this.#send(this.request.text);
  }

  receive(response: SipResponse): void {
    this.#response = response;
    this.#handle(this.#kindOf(response.status));
    this.#response = undefined;
  }

  /** Gives up: no timer fires and no response is passed any more. */
  abandon(): void {
    this.#handle("abandon");
  }

  onTimer(what: string): void {
    this.#timers.fired(what);
    this.#handle(what);
  }

  #kindOf(status: number): string {
    if (status < 200) return "provisional";
    if (this.request.method !== "INVITE") return "final";
    return status < 300 ? "success" : "failure";
  }

  #handle(event: string): void {
    const transition = step(this.#table, this.#state, event);
    if (transition === undefined) return;
    this.#state = transition.to;
    for (const action of transition.actions) this.#execute(action);
    if (transition.to === "completed" && this.request.method !== "INVITE") this.#release();
    if (transition.to === "terminated") this.#end();
  }

  /** What only absorbs repeated responses needs neither its request nor anybody to tell. */
  #release(): void {
    this.request = { ...this.request, text: "" };
    this.#user = undefined;
  }

  #execute(action: ClientAction): void {
    if (isTimerAction(action)) return this.#timers.order(action);
    switch (action) {
      case "send-request":
        return this.#send(this.request.text);
      case "resend-request":
        this.#modules.retransmitsOut.n += 1;
        return this.#send(this.request.text);
      case "send-ack":
        return this.#acknowledge();
      case "pass-response":
        if (this.#response !== undefined) this.#user?.onResponse(this.#response);
        return undefined;
      case "pass-timeout":
        return this.#user?.onFailure("timeout");
      case "pass-transport-error":
        return this.#user?.onFailure("transport-error");
      default:
        return action satisfies never;
    }
  }

  /** The ACK to a failure is hop by hop: it goes where the INVITE went (RFC 3261 section 17.1.1.3). */
  #acknowledge(): void {
    const ack = this.#response === undefined ? "" : buildAck(this.request.text, this.#response);
    if (ack !== "") this.#modules.transport.send(ack, this.request.listener, this.request.target);
  }

  #send(text: string): void {
    const { listener, target } = this.request;
    this.#modules.transport.send(text, listener, target, () => this.#handle("transport-error"));
  }

  #end(): void {
    this.#timers.clear();
    this.#modules.forgetClient(this.request.key);
  }
}
