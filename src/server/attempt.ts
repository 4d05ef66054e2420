import type { Listener, Resolver, Target } from "../ports.ts";
import type { SipResponse } from "../sip/message.ts";
import type { ClientTransaction, ClientTransactionUser } from "./client-transaction.ts";
import type { LargeRequests } from "./large-requests.ts";
import { FAIL_OVER_MS } from "./limits.ts";
import type { Timer, TimerOwner, TimerQueue } from "./timer-queue.ts";
import type { Transactions } from "./transactions.ts";

/** How sending a request ended without an answer. */
export type AttemptFailure = "timeout" | "transport-error" | "unresolved";

export interface AttemptUser {
  onResponse(response: SipResponse): void;
  onFailure(failure: AttemptFailure): void;
}

export interface AttemptModules {
  readonly transactions: Transactions;
  readonly timers: TimerQueue;
  readonly resolver: Resolver;
  readonly largeRequests: LargeRequests;
}

/** What is sent, where to, and from which listener for each kind of target. */
export interface AttemptPlan {
  /** The request without midreg's Via. */
  readonly text: string;
  readonly method: string;
  /** Best first. */
  readonly targets: readonly Target[];
  readonly listenerFor: (target: Target) => Listener | undefined;
  /** Whether it goes where a device was heard, and by no other transport: NATs let nothing else through. */
  readonly isFlow?: boolean;
  /** Goes into the branches of its Vias, to detect loops. */
  readonly mark?: string;
  /** Gives the whole attempt up after this long; undefined leaves it to the transaction's own timers. */
  readonly limitMs: number | undefined;
}

/**
 * Sends a request to the first target that answers (RFC 3263 section 4.3): a target that stays silent,
 * cannot be reached or says 503 is put behind the others, and the next one gets the request in a
 * transaction of its own.
 */
export class Attempt implements ClientTransactionUser, TimerOwner {
  readonly #modules: AttemptModules;
  readonly #plan: AttemptPlan;
  readonly #user: AttemptUser;
  #next = 0;
  #transaction: ClientTransaction | undefined;
  #limit: Timer | undefined;
  #failOver: Timer | undefined;
  /** Whether the present target gets by TCP what is too large for UDP. */
  #isByTcp = false;
  /** Whether the present target is the last one that is tried, whatever others there are. */
  #isLast = false;
  #isDone = false;

  constructor(plan: AttemptPlan, user: AttemptUser, modules: AttemptModules) {
    this.#plan = plan;
    this.#user = user;
    this.#modules = modules;
  }

  /** The transaction of the present target, once there is one. */
  get transaction(): ClientTransaction | undefined {
    return this.#transaction;
  }

  start(): void {
    const { limitMs } = this.#plan;
    if (limitMs !== undefined) this.#limit = this.#modules.timers.start(limitMs, this, "limit");
    this.#tryNext("unresolved");
  }

  /** The request is not wanted any more: nobody else gets it (RFC 3261 section 16.10). */
  stay(): void {
    this.#isLast = true;
    this.#failOver?.cancel();
  }

  onResponse(response: SipResponse): void {
    this.#failOver?.cancel();
    if (response.status === 503 && this.#hasNext() && !this.#isDone) {
      this.#markFailed();
      this.#tryNext("timeout");
      return;
    }
    if (response.status >= 200) this.#finish();
    this.#user.onResponse(response);
  }

  onFailure(failure: "timeout" | "transport-error"): void {
    if (this.#isDone) return;
    if (this.#isByTcp && failure === "transport-error" && !this.#isLast) return this.#fallBack();
    this.#markFailed();
    return this.#tryNext(failure);
  }

  onTimer(what: string): void {
    if (this.#isDone) return;
    this.#transaction?.abandon();
    if (this.#isByTcp) this.#refusedByTcp();
    this.#markFailed();
    if (what === "fail-over") return this.#tryNext("timeout");
    this.#finish();
    return this.#user.onFailure("timeout");
  }

  #hasNext(): boolean {
    return !this.#isLast && this.#next < this.#plan.targets.length;
  }

  #tryNext(failure: AttemptFailure): void {
    const { targets, listenerFor } = this.#plan;
    const target = this.#isLast ? undefined : targets[this.#next];
    const listener = target === undefined ? undefined : listenerFor(target);
    // Time that was running for the target before must not cut this one short.
    this.#failOver?.cancel();
    if (target === undefined || listener === undefined) {
      this.#finish();
      this.#user.onFailure(failure);
      return;
    }
    this.#next += 1;
    if (this.#hasNext()) {
      this.#failOver = this.#modules.timers.start(FAIL_OVER_MS, this, "fail-over");
    }
    const { text, isFlow = false } = this.#plan;
    const byTcp = isFlow
      ? undefined
      : this.#modules.largeRequests.byTcp({ text, listener, target }, listenerFor);
    this.#isByTcp = byTcp !== undefined;
    this.#send(byTcp ?? { listener, target });
  }

  /** RFC 3261 section 18.1.1: a peer without TCP gets the large request by UDP all the same. */
  #fallBack(): void {
    this.#refusedByTcp();
    const { targets, listenerFor } = this.#plan;
    const target = targets[this.#next - 1];
    const listener = target === undefined ? undefined : listenerFor(target);
    if (target !== undefined && listener !== undefined) this.#send({ listener, target });
  }

  #refusedByTcp(): void {
    this.#isByTcp = false;
    const target = this.#plan.targets[this.#next - 1];
    if (target !== undefined) this.#modules.largeRequests.refused(target);
  }

  #send({ listener, target }: { readonly listener: Listener; readonly target: Target }): void {
    const { text, method, mark = "" } = this.#plan;
    // The request is assigned before it is sent, since a send may fail at once and come back here.
    this.#transaction = undefined;
    const transaction = this.#modules.transactions.send(
      { text, method, listener, target, mark },
      this,
    );
    if (!this.#isDone && this.#transaction === undefined) this.#transaction = transaction;
  }

  #markFailed(): void {
    const target = this.#plan.targets[this.#next - 1];
    if (target !== undefined) this.#modules.resolver.markFailed(target);
  }

  #finish(): void {
    this.#isDone = true;
    this.#limit?.cancel();
    this.#failOver?.cancel();
  }
}
