import type { Listener, Target } from "../ports.ts";
import { buildResponse } from "../sip/build-response.ts";
import type { SipRequest } from "../sip/message.ts";
import { INVITE_SERVER, type InviteServerAction } from "../transaction/invite-server.ts";
import { step, type Table } from "../transaction/machine.ts";
import { NON_INVITE_SERVER, type NonInviteServerAction } from "../transaction/non-invite-server.ts";
import { isTimerAction } from "../transaction/timer-action.ts";
import { type Arrival, responseTarget, sendOnConnection, targetAnew } from "./arrival.ts";
import type { TimerOwner } from "./timer-queue.ts";
import type { TransactionModules } from "./transaction-modules.ts";
import { TransactionTimers } from "./transaction-timers.ts";

type ServerAction = InviteServerAction | NonInviteServerAction;

/** What the server transaction tells the one who answers it. */
export interface ServerTransactionUser {
  /** A CANCEL for this INVITE has come. */
  onCancel(): void;
  /** An ACK for a 2xx that matched by the rules of RFC 2543. */
  onAck(ack: SipRequest, arrival: Arrival): void;
}

/** A live server transaction: carries out what its table says (src/transaction/README.md). */
export class ServerTransaction implements TimerOwner {
  readonly key: string;
  readonly method: string;
  user: ServerTransactionUser | undefined;
  readonly #modules: TransactionModules;
  readonly #table: Table<string, string, ServerAction>;
  readonly #timers: TransactionTimers;
  readonly #listener: Listener;
  readonly #target: Target;
  /** Where responses go when the connection of the request has ended; undefined for UDP. */
  readonly #anew: Target | undefined;
  /** Needed for answers of midreg's own; let go once the final one is given. */
  #request: SipRequest | undefined;
  #state: string;
  #response = "";
  #responseToTag = "";
  /** The tag in all responses of midreg's own (RFC 3261 section 8.2.6.2). */
  #ownTag = "";
  /** Bytes of request and response as they have been reported. */
  #heldBytes = 0;

  constructor(key: string, request: SipRequest, arrival: Arrival, modules: TransactionModules) {
    this.key = key;
    this.method = request.method;
    this.#request = request;
    this.#listener = arrival.listener;
    this.#target = responseTarget(arrival, request);
    this.#anew = arrival.connection === "" ? undefined : targetAnew(arrival, request);
    this.#modules = modules;
    const isReliable = arrival.listener.protocol !== "udp";
    this.#timers = new TransactionTimers(modules.timers, this, isReliable);
    const isInvite = request.method === "INVITE";
    this.#table = isInvite ? INVITE_SERVER : NON_INVITE_SERVER;
    this.#state = isInvite ? "proceeding" : "trying";
    if (!isInvite) this.#timers.order("start-timer-100");
    this.#reportHeld(request.text.length);
  }

  /** Whether a final response has been given. */
  get isAnswered(): boolean {
    return this.#state !== "proceeding" && this.#state !== "trying";
  }

  /** The tag midreg's or the peer's final response to an INVITE carried. */
  get responseToTag(): string {
    return this.#responseToTag;
  }

  /** Whether the request came from that address. */
  isFrom(address: string): boolean {
    return this.#target.address === address;
  }

  /** Gives a response, a whole message, to the client. */
  respond(status: number, text: string, toTag: string): void {
    const kind = status < 200 ? "provisional" : this.#finalKind(status);
    if (status >= 200) this.#responseToTag = toTag;
    this.#handle(kind, text);
  }

  /** Answers with a response of midreg's own. */
  reply(status: number, reason: string, headers = ""): void {
    if (this.#request === undefined) return;
    if (this.#ownTag === "") this.#ownTag = this.#modules.ids.tag();
    const toTag = this.#ownTag;
    this.respond(status, buildResponse(this.#request, status, reason, { toTag, headers }), toTag);
  }

  /** The same request again. */
  repeat(): void {
    this.#handle("request", "");
  }

  ack(ack: SipRequest, arrival: Arrival): void {
    const transition = step(this.#table, this.#state, "ack");
    this.#handle("ack", "");
    if (transition?.actions.includes("pass-ack") === true) this.user?.onAck(ack, arrival);
  }

  /** Ends a non-INVITE transaction without an answer (RFC 4320 section 4.2). */
  abandon(): void {
    this.#handle("abandon", "");
  }

  /** Forgets the transaction before its time. */
  evict(): void {
    this.#state = "terminated";
    this.#end();
  }

  onTimer(what: string): void {
    this.#timers.fired(what);
    this.#handle(what, "");
  }

  #finalKind(status: number): string {
    if (this.method !== "INVITE") return "final";
    return status < 300 ? "success" : "failure";
  }

  #handle(event: string, text: string): void {
    const transition = step(this.#table, this.#state, event);
    if (transition === undefined) return;
    this.#state = transition.to;
    if (text !== "") this.#response = text;
    for (const action of transition.actions) this.#execute(action);
    if (this.isAnswered) this.#request = undefined;
    this.#reportHeld((this.#request?.text.length ?? 0) + this.#response.length);
    if (transition.to === "terminated") this.#end();
  }

  #execute(action: ServerAction): void {
    if (isTimerAction(action)) return this.#timers.order(action);
    switch (action) {
      case "send-response":
        return this.#send();
      case "resend-response":
        this.#modules.retransmitsIn.n += 1;
        return this.#send();
      case "send-100":
        return this.#sendTrying();
      case "pass-request":
      case "pass-ack":
      case "pass-timeout":
      case "pass-transport-error":
        // Nobody waits for these: a lost answer is repeated on the next request.
        return undefined;
      default:
        return action satisfies never;
    }
  }

  #sendTrying(): void {
    if (this.#request === undefined) return;
    this.#response = buildResponse(this.#request, 100, "Trying", { toTag: "" });
    this.#send();
  }

  #send(): void {
    if (this.#response === "") return;
    const { transport } = this.#modules;
    const [listener, target, anew] = [this.#listener, this.#target, this.#anew];
    if (anew === undefined) transport.send(this.#response, listener, target);
    else sendOnConnection(transport, this.#response, { listener, target, anew });
  }

  #reportHeld(bytes: number): void {
    if (bytes === this.#heldBytes) return;
    this.#modules.holdServer(bytes - this.#heldBytes);
    this.#heldBytes = bytes;
  }

  #end(): void {
    this.#timers.clear();
    this.#reportHeld(0);
    this.#modules.forgetServer(this.key);
  }
}
