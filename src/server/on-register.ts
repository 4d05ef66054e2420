import type { AorRecord } from "../location/binding.ts";
import type { AorChange } from "../location/change.ts";
import type { RegisterDecision } from "../registrar/decide-register.ts";
import { FOREIGN_PATH } from "../registrar/path.ts";
import { type RegisterAsk, readRegister } from "../registrar/read-register.ts";
import { retryAfterLine } from "../registrar/register-answer.ts";
import type { RegisterPolicy } from "../registrar/register-policy.ts";
import { policyFor } from "../registrar/rules.ts";
import { buildResponse, statelessTag } from "../sip/build-response.ts";
import type { SipRequest } from "../sip/message.ts";
import type { SipError } from "../sip/sip-error.ts";
import type { AorTask } from "./aor-queue.ts";
import { type Arrival, sendResponse } from "./arrival.ts";
import { decideInTurn } from "./decide-in-turn.ts";
import type { GateVerdict } from "./digest-gate.ts";
import { expectKeepAlive } from "./expect-keep-alive.ts";
import { ForwardedRegisterRun } from "./forwarded-register.ts";
import { BUSY_RETRY_AFTER_SEC, MAX_REGISTERS_IN_FLIGHT, MAX_WAIT_MS } from "./limits.ts";
import type { RegisterContext } from "./register-context.ts";
import { type DecidedRegister, recordAbsorbed, recordRefused } from "./register-decisions.ts";
import type { ServerTransaction } from "./server-transaction.ts";

/** Handles a REGISTER that belongs to no live transaction. */
export function onRegister(request: SipRequest, arrival: Arrival, context: RegisterContext): void {
  const { registerRules, registerPolicy } = context.options;
  const chosen = policyFor(request, arrival, registerRules, registerPolicy);
  const policy = context.outgoing.applyTo(chosen);
  const ask = readRegister(request, policy, arrival.address, context.isOwnHost);
  if ("status" in ask) return refuseUnread(request, arrival, { policy, error: ask }, context);
  const verdict = policy.absorb === "digest" ? context.gate?.check(request, arrival) : undefined;
  if (verdict !== undefined && verdict.kind !== "pass") {
    if (context.log.isDebug)
      logDecision(request, arrival, { aor: ask.aor, rule: policy.rule, ...verdict }, context);
    return refuse(request, arrival, verdict, context);
  }
  const run = new RegisterRun(request, arrival, ask, context);
  const entered = context.queue.enter(ask.aor, run);
  if (entered === "waiting") run.wait();
  if (entered === "full") {
    context.tallies.count("rejected", "queue-full");
    const record = context.store.lookup(ask.aor);
    const why = { reason: "queue-full", status: 503 };
    recordRefused(context, { ask, arrival, record }, why, arrival.atMs);
    answerBusy(context, arrival, request);
  }
  return undefined;
}

/** What cannot be read, or must not be asked for, ends before anything is looked up. */
function refuseUnread(
  request: SipRequest,
  arrival: Arrival,
  { policy, error }: { readonly policy: RegisterPolicy; readonly error: SipError },
  context: RegisterContext,
): void {
  const reason = error === FOREIGN_PATH ? "foreign-path" : (REFUSALS[error.status] ?? "malformed");
  context.tallies.count("rejected", reason);
  if (error === FOREIGN_PATH) noteForeignPath(arrival, context);
  if (context.log.isDebug) {
    const { address, port } = arrival;
    const call = { rule: policy.rule, call_id: request.callId, address, port };
    context.log.debug({ kind: "reject", reason, detail: error.reason, ...call }, "register");
  }
  if (context.errors.allows(arrival.address, arrival.atMs)) {
    answer(context, arrival, request, error);
  }
}

/** An edge proxy that has to be listed is the operator's business, and a phone that tries is too. */
function noteForeignPath({ address, port, atMs }: Arrival, context: RegisterContext): void {
  const leftOut = context.foreignPaths.take(atMs);
  if (leftOut === undefined) return;
  context.log.warn(
    { address, port, left_out: leftOut, setting: "mid_registrar.path_from" },
    "REGISTER refused: its Path leads to somebody else than its sender, who is not listed",
  );
}

/** What the gate has not let through ends here, at no cost to its address-of-record. */
function refuse(
  request: SipRequest,
  arrival: Arrival,
  verdict: Exclude<GateVerdict, { kind: "pass" }>,
  context: RegisterContext,
): void {
  const { tallies } = context;
  switch (verdict.kind) {
    case "challenge": {
      const { reason, headers } = verdict;
      tallies.count("rejected", reason);
      return answer(context, arrival, request, { status: 401, reason: "Unauthorized", headers });
    }
    case "forbid":
      tallies.count("rejected", "forbidden");
      return answer(context, arrival, request, { status: 403, reason: "Forbidden" });
    case "ignore":
      return tallies.count("rejected", "slowed");
    default:
      return verdict satisfies never;
  }
}

/** Reasons of refusals before anything is looked up; the others are about malformed requests. */
const REFUSALS: Readonly<Record<number, string>> = {
  420: "bad-extension",
  421: "outbound-demanded",
  423: "too-brief",
  439: "first-hop-lacks-outbound",
};

function answer(
  { transport, ids }: RegisterContext,
  arrival: Arrival,
  request: SipRequest,
  { status, reason, headers }: { status: number; reason: string; headers?: string },
): void {
  const toTag = statelessTag(request, ids);
  const text = buildResponse(request, status, reason, { toTag, headers: headers ?? "" });
  sendResponse(transport, arrival, request, text);
}

/** A 503 that tells when to come back, for what midreg cannot store or hold right now. */
function answerBusy(context: RegisterContext, arrival: Arrival, request: SipRequest): void {
  const { options, ids } = context;
  const retryAfterSec = Math.max(BUSY_RETRY_AFTER_SEC, options.registerPolicy.retryAfterSec);
  const headers = retryAfterLine({ retryAfterSec }, ids.fraction());
  answer(context, arrival, request, { status: 503, reason: "Service Unavailable", headers });
}

/** One REGISTER from the moment its address-of-record is free until it is answered. */
class RegisterRun implements AorTask {
  readonly request: SipRequest;
  readonly arrival: Arrival;
  readonly ask: RegisterAsk;
  readonly bytes: number;
  readonly #context: RegisterContext;
  #answerText = "";
  #hasWaited = false;
  /** A change that brings an expiry forward, which the sweep has to know of. */
  #shortened: AorChange | undefined;

  constructor(request: SipRequest, arrival: Arrival, ask: RegisterAsk, context: RegisterContext) {
    this.request = request;
    this.arrival = arrival;
    this.ask = ask;
    this.bytes = request.text.length;
    this.#context = context;
  }

  /** A retransmission that waits beside its original adds nothing. */
  isSame(other: AorTask): boolean {
    return (
      other instanceof RegisterRun &&
      other.request.callId === this.request.callId &&
      other.request.cseq.number === this.request.cseq.number &&
      other.request.via.branch === this.request.via.branch
    );
  }

  /** Its turn comes later. */
  wait(): void {
    this.#hasWaited = true;
  }

  run(): void {
    const context = this.#context;
    const nowMs = context.clock.nowMs();
    if (this.#hasWaited && this.#isOver(nowMs)) return this.#leave();
    const record = context.store.lookup(this.ask.aor);
    const decision = decideInTurn(context, this, record, nowMs);
    if (context.log.isDebug) this.#log(decision);
    switch (decision.kind) {
      case "absorb":
        recordAbsorbed(context, this.#decided(record), decision, nowMs);
        return this.#absorb(decision, record);
      case "reject":
        context.tallies.count("rejected", decision.reason);
        recordRefused(context, this.#decided(record), decision, nowMs);
        if (context.errors.allows(this.arrival.address, nowMs)) this.#send(decision.answer);
        return this.#leave();
      case "forward":
        return this.#forward(decision, record);
      default:
        return decision satisfies never;
    }
  }

  /** The change is durable: now the device may be told. */
  committed(): void {
    this.#send(this.#answerText);
    const { tallies, clock, sweep, transport } = this.#context;
    if (this.ask.isOutbound) expectKeepAlive(transport, this.arrival, this.ask, this.#answerText);
    if (this.#shortened !== undefined) sweep.watch(this.#shortened);
    tallies.observe("absorbed", clock.nowMs() - this.arrival.atMs);
    this.#context.waker?.registered(this.ask.aor);
    this.#leave();
  }

  /** A refresh that cannot be stored is not acknowledged; the binding stays as it was. */
  failed(reason: string): void {
    const { log, tallies, store, clock } = this.#context;
    log.debug({ aor: this.ask.aor, reason }, "refresh not stored");
    tallies.count("error", "store");
    const record = store.lookup(this.ask.aor);
    const why = { reason: "store", status: 503 };
    recordRefused(this.#context, this.#decided(record), why, clock.nowMs());
    answerBusy(this.#context, this.arrival, this.request);
    this.#leave();
  }

  #absorb(
    { reason, change, answer: text }: Extract<RegisterDecision, { kind: "absorb" }>,
    record: AorRecord | undefined,
  ): void {
    const { tallies, store } = this.#context;
    tallies.count("absorbed", reason);
    this.#answerText = text;
    if (change === undefined) return this.committed();
    if (isShortening(change, record)) this.#shortened = change;
    return store.save(change, this);
  }

  #forward(
    { reason, forward }: Extract<RegisterDecision, { kind: "forward" }>,
    record: AorRecord | undefined,
  ): void {
    const context = this.#context;
    const transaction = this.#openTransaction();
    if (transaction === undefined) {
      context.tallies.count("rejected", "overload");
      const why = { reason: "overload", status: 503 };
      recordRefused(context, this.#decided(record), why, context.clock.nowMs());
      answerBusy(context, this.arrival, this.request);
      return this.#leave();
    }
    context.tallies.count("forwarded", reason);
    const run = new ForwardedRegisterRun(
      {
        request: this.request,
        arrival: this.arrival,
        ask: this.ask,
        reason,
        forward,
        record,
        transaction,
      },
      context,
    );
    return run.start();
  }

  #decided(record: AorRecord | undefined): DecidedRegister {
    return { ask: this.ask, arrival: this.arrival, record };
  }

  #openTransaction(): ServerTransaction | undefined {
    const { inFlight, transactions } = this.#context;
    if (inFlight.n >= MAX_REGISTERS_IN_FLIGHT) return undefined;
    return transactions.open(this.request, this.arrival);
  }

  #send(text: string): void {
    sendResponse(this.#context.transport, this.arrival, this.request, text);
  }

  /** While it waited, the same request may have been answered, or its sender may have given up. */
  #isOver(nowMs: number): boolean {
    const known = this.#context.transactions.find(this.request);
    known?.repeat();
    return known !== undefined || nowMs - this.arrival.atMs > MAX_WAIT_MS;
  }

  #leave(): void {
    this.#context.queue.leave(this.ask.aor);
  }

  #log({ kind, reason }: RegisterDecision): void {
    const { aor, policy } = this.ask;
    logDecision(
      this.request,
      this.arrival,
      { aor, kind, reason, rule: policy.rule },
      this.#context,
    );
  }
}

interface Decided {
  readonly aor: string;
  readonly kind: string;
  readonly reason?: string;
  readonly rule: string;
}

/** What was decided and why; never what was in the request besides. */
function logDecision(
  request: SipRequest,
  { address, port }: Arrival,
  { aor, kind, reason, rule }: Decided,
  { log }: RegisterContext,
): void {
  log.debug({ aor, kind, reason, rule, call_id: request.callId, address, port }, "register");
}

/** Whether a refresh ends a binding sooner than the last one had promised. */
function isShortening({ touch, put }: AorChange, record: AorRecord | undefined): boolean {
  return [...touch, ...put].some(({ ctid, expiresAtMs }) => {
    const before = record?.bindings.find((binding) => binding.ctid === ctid);
    return before !== undefined && expiresAtMs < before.expiresAtMs;
  });
}
