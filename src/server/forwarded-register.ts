import { credentialRealms } from "../auth/verify-digest.ts";
import type { DeRegistration } from "../location/binding.ts";
import { buildChange } from "../location/change.ts";
import {
  type AnswerReason,
  decideRegisterAnswer,
  type RegisterAnswer,
} from "../registrar/decide-register-answer.ts";
import { type LongerRegister, registerLonger } from "../registrar/interval-too-brief.ts";
import type { RegisterPolicy } from "../registrar/register-policy.ts";
import { retryRegister } from "../registrar/retry-register.ts";
import type { ForwardedRegister } from "../registrar/rewrite-register.ts";
import { castsDoubt, type IdentityEvent, identityAfter } from "../registrar/upstream-identity.ts";
import type { SipRequest, SipResponse } from "../sip/message.ts";
import { deviceFlow } from "./arrival.ts";
import type { AttemptFailure, AttemptUser } from "./attempt.ts";
import type { DigestGate } from "./digest-gate.ts";
import { expectKeepAlive } from "./expect-keep-alive.ts";
import { BUSY_RETRY_AFTER_SEC } from "./limits.ts";
import type { RegisterContext } from "./register-context.ts";
import { type ForwardedOn, recordForwarded } from "./register-decisions.ts";
import type { ServerTransaction } from "./server-transaction.ts";
import { asksOnlyFor, type LoginModules, UpstreamLogin } from "./upstream-login.ts";

/** A REGISTER that is on its way upstream. */
export interface ForwardedRun extends ForwardedOn {
  readonly request: SipRequest;
  /** How whoever sent it is answered. */
  readonly transaction: Pick<ServerTransaction, "respond" | "reply">;
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
  /** Answers challenges in the phone's place; undefined where they are the phone's own business. */
  #login: UpstreamLogin | undefined;
  /** What is asked for, without any answers to challenges. */
  #asked: ForwardedRegister;
  /** As it was sent last. */
  #forward: ForwardedRegister;
  /** As it was when the request was decided. */
  #policy: RegisterPolicy;
  /** Answers to challenges since #asked was sent. */
  #answers = 0;
  #isLonger = false;
  #sentAtMs = 0;
  #durationMs = 0;
  #answer: RegisterAnswer | undefined;

  constructor(run: ForwardedRun, context: RegisterContext) {
    this.#run = run;
    this.#context = context;
    this.#asked = run.forward;
    this.#forward = run.forward;
    this.#policy = run.ask.policy;
    this.#login = loginFor(run, context);
  }

  start(): void {
    this.#context.inFlight.n += 1;
    this.#send();
  }

  onResponse(response: SipResponse): void {
    if (response.status < 200) return undefined;
    const credentials = this.#login?.answer(response, this.#forward);
    if (credentials !== undefined) return this.#retry(credentials);
    const longer = this.#longerFor(response);
    if (longer !== undefined) return this.#retryLonger(longer);
    const gate = gateOf(this.#run, this.#context);
    const isHopeless = gate !== undefined && asksOnlyFor(gate.realmOf(this.#run.request), response);
    return isHopeless ? this.#refuse() : this.#finish(response);
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
      outbox.forget(change.dequeue);
      sweep.watch(change);
      outbox.owe(change.enqueue);
    }
    this.#record("accepted");
    this.#tell();
    const { ask, arrival } = this.#run;
    if (ask.isOutbound) {
      expectKeepAlive(this.#context.transport, arrival, ask, this.#answer?.text ?? "");
    }
    this.#context.waker?.registered(ask.aor);
  }

  /** The main registrar has accepted what midreg cannot store, so it is taken back there. */
  failed(reason: string): void {
    const { log, outbox, tallies } = this.#context;
    log.error({ aor: this.#run.ask.aor, reason }, "registration not stored");
    tallies.count("error", "store");
    this.#record("store");
    this.#keepIdentity("unstored");
    outbox.undo(this.#answer?.undo ?? []);
    const headers = `Retry-After: ${BUSY_RETRY_AFTER_SEC}\r\n`;
    this.#run.transaction.reply(503, "Service Unavailable", headers);
    this.#leave();
  }

  #send(): void {
    const { clock, upstreams } = this.#context;
    this.#sentAtMs = clock.nowMs();
    upstreams.of(this.#policy.upstream).send(this.#forward.text, "REGISTER", this, true);
  }

  #retry(credentials: string): void {
    this.#answers += 1;
    this.#forward = retryRegister(this.#asked, credentials, this.#answers);
    this.#send();
  }

  /** What to send in answer to a 423; the next REGISTERs ask for that much at once. */
  #longerFor(response: SipResponse): LongerRegister | undefined {
    // The answer to a challenge is good for one request: its nonce count may not come twice (RFC 7616 section 3.4).
    const plain = { ...this.#forward, text: this.#asked.text };
    const longer = registerLonger(plain, response, this.#policy.outgoingExpiresSec);
    if (longer === undefined) return undefined;
    const { outgoing, log } = this.#context;
    const { outgoingExpiresSec } = longer;
    if (outgoing.raise(this.#policy.upstream, outgoingExpiresSec)) {
      const text = "main registrar wants longer lifetimes than outgoing_expires";
      log.warn({ outgoingExpiresSec }, text);
    }
    // Once: a main registrar that raises its demand each time must not be asked for ever.
    return this.#isLonger ? undefined : longer;
  }

  /** From here on it is another request, which the main registrar may challenge anew. */
  #retryLonger({ forward, outgoingExpiresSec }: LongerRegister): void {
    this.#isLonger = true;
    this.#asked = forward;
    this.#forward = forward;
    this.#policy = { ...this.#policy, outgoingExpiresSec };
    this.#answers = 0;
    this.#login = loginFor(this.#run, this.#context);
    this.#send();
  }

  /**
   * The main registrar wants credentials that midreg does not have, or not the right ones. The phone has the same
   * realm and password for midreg, so a challenge would only send it in circles.
   */
  #refuse(): void {
    const { log, tallies } = this.#context;
    this.#ended();
    log.warn({ aor: this.#run.ask.aor }, "main registrar does not accept the stored credentials");
    tallies.count("rejected", "upstream-login");
    this.#keepIdentity("challenged");
    this.#run.transaction.reply(403, "Forbidden", "");
    this.#leave();
  }

  /** The main registrar has spoken, or will not any more. Returns the time. */
  #ended(): number {
    const { clock, inFlight, tallies } = this.#context;
    const nowMs = clock.nowMs();
    inFlight.n -= 1;
    this.#durationMs = nowMs - this.#sentAtMs;
    tallies.upstream.observe(this.#durationMs / 1000);
    return nowMs;
  }

  #finish(response: SipResponse | undefined): void {
    const { store, ids, tallies, upstreams } = this.#context;
    const nowMs = this.#ended();
    const { request, ask, record, arrival } = this.#run;
    const answer = decideRegisterAnswer({
      request,
      ask,
      forward: this.#forward,
      record,
      response,
      source: deviceFlow(arrival, ask),
      sentAtMs: Math.floor(this.#sentAtMs),
      nowMs: Math.floor(nowMs),
      policy: this.#policy,
      toTag: ids.tag(),
      ids,
      upstreamSentBy: upstreams.of(this.#policy.upstream).sentBy,
    });
    this.#answer = answer;
    if (answer.reason !== "accepted" && answer.reason !== "challenged") {
      tallies.count(RESULT[answer.reason], answer.reason);
    }
    if (answer.change !== undefined) return store.save(answer.change, this);
    this.#record(answer.reason);
    this.#keepIdentity(EVENT[answer.reason]);
    return answer.undo.length > 0 ? this.#takeBack(answer.undo) : this.#tell();
  }

  /** Takes back upstream what the main registrar holds and the phone is not told of; owed even if midreg is killed now. */
  #takeBack(undo: readonly DeRegistration[]): void {
    const { store, outbox } = this.#context;
    store.save(buildChange(this.#run.ask.aor, { enqueue: undo }), {
      committed: () => {
        outbox.owe(undo);
        this.#tell();
      },
      failed: () => {
        outbox.undo(undo);
        this.#tell();
      },
    });
  }

  /** The next REGISTER of this registration goes on from here, since the store does not know. */
  #keepIdentity(event: IdentityEvent): void {
    const { identities, ids } = this.#context;
    const { identity, affected, isProven, mode } = this.#forward;
    // A mirrored registration goes on under the phone's own name and numbers.
    if (mode !== "mirror") identities.set(identityAfter(identity, event, ids.callId()));
    if (!castsDoubt(event, isProven)) return;
    for (const ctid of affected) identities.doubt(ctid);
  }

  #record(outcome: string): void {
    const answer = this.#answer;
    if (answer === undefined) return;
    const end = { answer, outcome, durationMs: this.#durationMs };
    recordForwarded(this.#context, this.#run, end, this.#context.clock.nowMs());
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

/** What has checked the sender of a REGISTER; undefined where the rule that it hits does not ask for it. */
function gateOf({ ask }: ForwardedRun, { gate }: RegisterContext): DigestGate | undefined {
  return ask.policy.absorb === "digest" ? gate : undefined;
}

/**
 * Only a request whose sender midreg has made sure of may be sent in the user's name, and only under a name of
 * midreg's own: an answer takes a CSeq, and those of a mirrored REGISTER are the phone's.
 */
function loginFor(run: ForwardedRun, context: RegisterContext): UpstreamLogin | undefined {
  const gate = run.forward.mode === "mirror" ? undefined : gateOf(run, context);
  return gate === undefined ? undefined : buildLogin(run, gate, context);
}

/** The phone's credentials for realms other than midreg's own go on, and what they are asked for is theirs. */
function buildLogin(
  { request }: ForwardedRun,
  gate: DigestGate,
  modules: LoginModules,
): UpstreamLogin {
  const own = gate.realmOf(request);
  return new UpstreamLogin(
    modules,
    credentialRealms(request).filter((realm) => realm !== own),
  );
}
