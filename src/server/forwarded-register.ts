import type { AorRecord } from "../location/binding.ts";
import {
  type AnswerReason,
  decideRegisterAnswer,
  type RegisterAnswer,
} from "../registrar/decide-register-answer.ts";
import { type LongerRegister, registerLonger } from "../registrar/interval-too-brief.ts";
import type { RegisterAsk } from "../registrar/read-register.ts";
import type { RegisterPolicy } from "../registrar/register-policy.ts";
import type { ForwardedRegister } from "../registrar/rewrite-register.ts";
import { castsDoubt, type IdentityEvent, identityAfter } from "../registrar/upstream-identity.ts";
import type { SipRequest, SipResponse } from "../sip/message.ts";
import { type Arrival, flowOf } from "./arrival.ts";
import type { AttemptFailure, AttemptUser } from "./attempt.ts";
import { BUSY_RETRY_AFTER_SEC } from "./limits.ts";
import type { RegisterContext } from "./register-context.ts";
import type { ServerTransaction } from "./server-transaction.ts";

/** A REGISTER that is on its way upstream. */
export interface ForwardedRun {
  readonly request: SipRequest;
  readonly arrival: Arrival;
  readonly ask: RegisterAsk;
  readonly forward: ForwardedRegister;
  readonly record: AorRecord | undefined;
  readonly transaction: ServerTransaction;
}

/** Counted results of the answers of the main registrar. */
const RESULT: Readonly<Record<AnswerReason, "forwarded" | "rejected" | "error">> = {
  accepted: "forwarded",
  challenged: "forwarded",
  refused: "rejected",
  failed: "error",
  timeout: "error",
  "contact-missing": "error",
};

/** What an answer means for the identity to go on with; an acceptance, when it changes nothing. */
const EVENT: Readonly<Record<AnswerReason, IdentityEvent>> = {
  accepted: "unchanged",
  challenged: "challenged",
  refused: "refused",
  failed: "refused",
  timeout: "timeout",
  "contact-missing": "unlisted",
};

/**
 * One forwarded REGISTER: nothing changes here until its final answer, and what that changes is durable
 * before the phone hears of it.
 */
export class ForwardedRegisterRun implements AttemptUser {
  readonly #run: ForwardedRun;
  readonly #context: RegisterContext;
  #forward: ForwardedRegister;
  /** As it was when the request was decided. */
  #policy: RegisterPolicy;
  #isRetried = false;
  #sentAtMs = 0;
  #answer: RegisterAnswer | undefined;

  constructor(run: ForwardedRun, context: RegisterContext) {
    this.#run = run;
    this.#context = context;
    this.#forward = run.forward;
    this.#policy = context.policy.current;
  }

  start(): void {
    this.#context.inFlight.n += 1;
    this.#send();
  }

  onResponse(response: SipResponse): void {
    if (response.status < 200) return;
    const longer = registerLonger(this.#forward, response, this.#policy.outgoingExpiresSec);
    if (longer === undefined) return this.#finish(response);
    this.#learn(longer.outgoingExpiresSec);
    // Once: a main registrar that raises its demand each time must not be asked for ever.
    return this.#isRetried ? this.#finish(response) : this.#retry(longer);
  }

  onFailure(failure: AttemptFailure): void {
    this.#context.log.debug({ aor: this.#run.ask.aor, failure }, "main registrar gave no answer");
    this.#finish(undefined);
  }

  /** The change is durable: the phone may be told. */
  committed(): void {
    const { outbox, sweep, identities } = this.#context;
    const { identity, affected } = this.#forward;
    const change = this.#answer?.change;
    // The store knows everything now, but for numbers that other contacts have used by themselves.
    identities.delete(identity.key);
    for (const ctid of affected) identities.trust(ctid);
    if (change !== undefined) {
      for (const ctid of change.remove) identities.delete(ctid);
      sweep.watch(change);
      outbox.owe(change.enqueue);
    }
    this.#tell();
  }

  /** The main registrar has accepted what midreg cannot store, so it is taken back there. */
  failed(reason: string): void {
    const { log, outbox, tallies } = this.#context;
    log.error({ aor: this.#run.ask.aor, reason }, "registration not stored");
    tallies.count("error", "store");
    this.#keepIdentity("unstored");
    outbox.undo(this.#answer?.undo ?? []);
    const headers = `Retry-After: ${BUSY_RETRY_AFTER_SEC}\r\n`;
    this.#run.transaction.reply(503, "Service Unavailable", headers);
    this.#leave();
  }

  #send(): void {
    this.#sentAtMs = this.#context.clock.nowMs();
    this.#context.upstream.send(this.#forward.text, "REGISTER", this, true);
  }

  /** The next REGISTERs ask for that much at once. */
  #learn(outgoingExpiresSec: number): void {
    const { policy, log } = this.#context;
    if (!policy.raise(outgoingExpiresSec)) return;
    log.warn({ outgoingExpiresSec }, "main registrar wants longer lifetimes than outgoing_expires");
  }

  #retry({ forward, outgoingExpiresSec }: LongerRegister): void {
    this.#isRetried = true;
    this.#forward = forward;
    this.#policy = { ...this.#policy, outgoingExpiresSec };
    this.#send();
  }

  #finish(response: SipResponse | undefined): void {
    const { clock, store, inFlight, ids, tallies, outbox, upstream } = this.#context;
    const nowMs = clock.nowMs();
    inFlight.n -= 1;
    tallies.upstream.observe((nowMs - this.#sentAtMs) / 1000);
    const { request, ask, record, arrival } = this.#run;
    const answer = decideRegisterAnswer({
      request,
      ask,
      forward: this.#forward,
      record,
      response,
      source: flowOf(arrival),
      sentAtMs: Math.floor(this.#sentAtMs),
      nowMs: Math.floor(nowMs),
      policy: this.#policy,
      toTag: ids.tag(),
      ids,
      upstreamSentBy: upstream.sentBy,
    });
    this.#answer = answer;
    if (answer.reason !== "accepted" && answer.reason !== "challenged") {
      tallies.count(RESULT[answer.reason], answer.reason);
    }
    if (answer.change !== undefined) return store.save(answer.change, this);
    this.#keepIdentity(EVENT[answer.reason]);
    if (answer.undo.length > 0) outbox.undo(answer.undo);
    return this.#tell();
  }

  /** The next REGISTER of this registration goes on from here, since the store does not know. */
  #keepIdentity(event: IdentityEvent): void {
    const { identities, ids } = this.#context;
    const { identity, affected, isProven } = this.#forward;
    identities.set(identityAfter(identity, event, ids.callId()));
    if (!castsDoubt(event, isProven)) return;
    for (const ctid of affected) identities.doubt(ctid);
  }

  #tell(): void {
    const answer = this.#answer;
    const { transaction, arrival } = this.#run;
    const { tallies, clock } = this.#context;
    if (answer !== undefined) {
      transaction.respond(answer.status, answer.text, "");
      tallies.observe(RESULT[answer.reason], clock.nowMs() - arrival.atMs);
    }
    this.#leave();
  }

  #leave(): void {
    this.#context.queue.leave(this.#run.ask.aor);
  }
}
