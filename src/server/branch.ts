import type { Ids, Resolver, Transport } from "../ports.ts";
import type { RelayBranch } from "../proxy/proxy-input.ts";
import { buildCancel } from "../sip/build-ack.ts";
import type { SipResponse } from "../sip/message.ts";
import { Attempt, type AttemptFailure, type AttemptModules, type AttemptUser } from "./attempt.ts";
import type { ClientTransaction } from "./client-transaction.ts";
import { findHops, type Hops } from "./hops.ts";
import { CANCEL_WAIT_MS, TIMER_C_MS } from "./limits.ts";
import type { Timer, TimerOwner } from "./timer-queue.ts";
import type { Upstreams } from "./upstreams.ts";

/** What sending a request on takes. */
export interface BranchModules extends AttemptModules {
  readonly transport: Transport;
  readonly upstreams: Upstreams;
  readonly ids: Ids;
  readonly resolver: Resolver;
}

interface BranchPlan extends RelayBranch {
  readonly method: string;
  /** Goes into the branches of its Vias, to detect loops. */
  readonly mark: string;
}

/** Why a branch ended without an answer. */
export type BranchFailure = AttemptFailure | "timer-c" | "cancelled";

/** Hears how a branch fares. */
export interface BranchUser {
  /** A response; final ones may be followed by more of them after a 2xx to an INVITE. */
  onBranchResponse(branch: Branch, response: SipResponse): void;
  onBranchFailure(branch: Branch, failure: BranchFailure): void;
  /** Its CANCEL could not leave where its INVITE did. */
  onCancelLost(branch: Branch, cancel: string): void;
}

/** One branch of a relayed request (RFC 3261 section 16.6): an attempt, its Timer C and its CANCEL. */
export class Branch implements AttemptUser, TimerOwner {
  readonly plan: BranchPlan;
  readonly #user: BranchUser;
  readonly #modules: BranchModules;
  #attempt: Attempt | undefined;
  #timer: Timer | undefined;
  /** The transaction that a provisional response has come for; it may not be the present one. */
  #heard: ClientTransaction | undefined;
  #isCancelled = false;
  #isCancelSent = false;
  #isDone = false;

  constructor(plan: BranchPlan, user: BranchUser, modules: BranchModules) {
    this.plan = plan;
    this.#user = user;
    this.#modules = modules;
  }

  start(): void {
    findHops(this.plan.nextHop, this.#modules, (hops) => this.#send(hops));
  }

  /** The branch is not wanted any more (RFC 3261 section 16.10). */
  cancel(): void {
    if (this.#isDone || this.#isCancelled) return;
    this.#isCancelled = true;
    this.#attempt?.stay();
    this.#sendCancel();
  }

  /** Whether the target that has the request now has said anything. */
  get #hasProvisional(): boolean {
    return this.#heard !== undefined && this.#heard === this.#attempt?.transaction;
  }

  /** Nothing is expected from it any more; nobody hears of it. */
  abandon(): void {
    this.#attempt?.transaction?.abandon();
    this.#end();
  }

  onResponse(response: SipResponse): void {
    if (response.status < 200) this.#provisional(response.status);
    else this.#end();
    this.#user.onBranchResponse(this, response);
  }

  onFailure(failure: AttemptFailure): void {
    this.#fail(failure);
  }

  onTimer(what: string): void {
    if (this.#isDone) return;
    if (what === "timer-c" && this.#hasProvisional) return this.cancel();
    // Nothing more is to be expected from this branch.
    this.#attempt?.transaction?.abandon();
    return this.#fail(what === "timer-c" ? "timer-c" : "cancelled");
  }

  #send({ targets, listenerFor, isFlow }: Hops): void {
    if (this.#isCancelled) return this.#fail("cancelled");
    const { text, method, mark } = this.plan;
    const plan = { text, method, mark, targets, listenerFor, isFlow, limitMs: undefined };
    if (method === "INVITE") this.#startTimerC();
    this.#attempt = new Attempt(plan, this, this.#modules);
    return this.#attempt.start();
  }

  #provisional(status: number): void {
    this.#heard = this.#attempt?.transaction;
    if (this.#isCancelled) return this.#sendCancel();
    // RFC 3261 section 16.7 step 2: every other provisional response sets Timer C back.
    if (this.plan.method === "INVITE" && status !== 100) this.#startTimerC();
    return undefined;
  }

  #startTimerC(): void {
    this.#timer?.cancel();
    this.#timer = this.#modules.timers.start(TIMER_C_MS, this, "timer-c");
  }

  /** A CANCEL may only follow a provisional response (RFC 3261 section 9.1), and only to an INVITE. */
  #sendCancel(): void {
    const request = this.#attempt?.transaction?.request;
    if (this.plan.method !== "INVITE" || !this.#hasProvisional) return;
    if (this.#isCancelSent || request === undefined) return;
    this.#isCancelSent = true;
    this.#timer?.cancel();
    this.#timer = this.#modules.timers.start(CANCEL_WAIT_MS, this, "cancelled");
    const cancel = buildCancel(request.text);
    this.#modules.transactions.sendCancel(cancel, request, {
      // Nobody waits for the answer: the INVITE's own tells how it went.
      onResponse: () => undefined,
      onFailure: (failure) => {
        if (failure === "transport-error") this.#user.onCancelLost(this, cancel);
      },
    });
  }

  #fail(failure: BranchFailure): void {
    if (this.#isDone) return;
    this.#end();
    this.#user.onBranchFailure(this, failure);
  }

  #end(): void {
    this.#timer?.cancel();
    this.#isDone = true;
  }
}
