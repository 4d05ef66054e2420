/** What REGISTERs put into the record of recent decisions. */
import type { AorRecord, Binding, DeRegistration } from "../location/binding.ts";
import type { AorChange } from "../location/change.ts";
import type { DecisionFacts, Proof } from "../location/decision.ts";
import { matchContact } from "../location/match-contact.ts";
import { findFlow } from "../location/match-flow.ts";
import type { RegisterDecision } from "../registrar/decide-register.ts";
import type { RegisterAnswer } from "../registrar/decide-register-answer.ts";
import type { RegisterAsk } from "../registrar/read-register.ts";
import type { RegisterPolicy } from "../registrar/register-policy.ts";
import type { ForwardedRegister } from "../registrar/rewrite-register.ts";
import { owedKey } from "../registrar/shared-contact.ts";
import { type Arrival, flowOf } from "./arrival.ts";
import type { DecisionLog } from "./decision-log.ts";

/** A REGISTER as far as the record is concerned. */
export interface DecidedRegister {
  readonly ask: RegisterAsk;
  readonly arrival: Arrival;
  /** As it was when the decision was made. */
  readonly record: AorRecord | undefined;
}

/** What recording takes of the server. */
interface RegisterRecorder {
  readonly decisions: DecisionLog;
}

type Absorbed = Extract<RegisterDecision, { kind: "absorb" }>;

/** A REGISTER is answered here. To be called before its change is saved, which moves the binding's times. */
export function recordAbsorbed(
  { decisions }: RegisterRecorder,
  decided: DecidedRegister,
  { reason, change }: Absorbed,
  nowMs: number,
): void {
  if (!decisions.isOn) return;
  const { ask, record, arrival } = decided;
  const binding = bindingOf(decided);
  const granted = change?.touch[0] ?? change?.put[0] ?? binding;
  const proof = PROOF_BY[ask.policy.absorb];
  const facts: DecisionFacts = {
    kind: "absorb",
    reason,
    outcome: "",
    ctid: binding?.ctid ?? "",
    contacts: ask.contacts.length,
    ageSec: secondsBetween(binding?.updatedAtMs, nowMs),
    expiresSec: secondsBetween(nowMs, granted?.expiresAtMs),
    upstreamSec: upstreamLeft(binding, nowMs),
    proof,
    status: undefined,
    durationMs: undefined,
    rule: ask.policy.rule,
    // What is proven by its flow has come on that flow, and need not be written out again.
    source: proof === "flow" && binding !== undefined ? binding.source : sourceOf(arrival, binding),
  };
  decisions.record(ask.aor, record !== undefined, facts, nowMs);
}

/** A REGISTER is refused here, or cannot be stored. */
export function recordRefused(
  { decisions }: RegisterRecorder,
  decided: DecidedRegister,
  { reason, status }: { readonly reason: string; readonly status: number },
  nowMs: number,
): void {
  if (!decisions.isOn) return;
  const { ask, record, arrival } = decided;
  const binding = bindingOf(decided);
  const facts: DecisionFacts = {
    kind: "reject",
    reason,
    outcome: "",
    ctid: binding?.ctid ?? "",
    contacts: ask.contacts.length,
    ageSec: secondsBetween(binding?.updatedAtMs, nowMs),
    expiresSec: undefined,
    upstreamSec: upstreamLeft(binding, nowMs),
    proof: "none",
    status,
    durationMs: undefined,
    rule: ask.policy.rule,
    source: sourceOf(arrival, binding),
  };
  decisions.record(ask.aor, record !== undefined, facts, nowMs);
}

/** A REGISTER that was sent on for a reason. */
export interface ForwardedOn extends DecidedRegister {
  /** Why it was forwarded. */
  readonly reason: string;
  readonly forward: ForwardedRegister;
}

/** How a forwarded REGISTER ended; the outcome is not the answer's reason when it could not be stored. */
interface ForwardEnd {
  readonly answer: RegisterAnswer;
  readonly outcome: string;
  readonly durationMs: number;
}

/** A forwarded REGISTER has been answered, or has not been in time. */
export function recordForwarded(
  { decisions }: RegisterRecorder,
  { ask, arrival, record, forward, reason }: ForwardedOn,
  { answer, outcome, durationMs }: ForwardEnd,
  nowMs: number,
): void {
  if (!decisions.isOn) return;
  const [contact] = forward.contacts;
  const before = contact?.binding;
  const after = answer.change?.put.find(({ ctid }) => ctid === contact?.ctid);
  const facts: DecisionFacts = {
    kind: "forward",
    reason,
    outcome,
    ctid: contact?.ctid ?? "",
    contacts: ask.contacts.length,
    ageSec: secondsBetween(before?.updatedAtMs, nowMs),
    expiresSec: secondsBetween(nowMs, after?.expiresAtMs),
    upstreamSec: upstreamLeft(after ?? before, nowMs),
    proof: forward.isProven ? PROOF_BY[ask.policy.absorb] : "none",
    status: answer.status,
    durationMs: Math.round(durationMs),
    rule: ask.policy.rule,
    source: sourceOf(arrival, before),
  };
  const isKnown = record !== undefined || answer.change !== undefined;
  decisions.record(ask.aor, isKnown, facts, nowMs);
}

/** What recording takes where no REGISTER of a phone is at hand. */
export interface RecordModules {
  readonly decisions: DecisionLog;
  readonly nowMs: () => number;
}

/** The facts of what midreg does by itself. */
const BY_ITSELF: DecisionFacts = {
  kind: "expire",
  reason: "",
  outcome: "",
  ctid: "",
  contacts: 1,
  ageSec: undefined,
  expiresSec: undefined,
  upstreamSec: undefined,
  proof: "none",
  status: undefined,
  durationMs: undefined,
  rule: "",
  source: "",
};

/** Why bindings end by themselves or before their time, as their decision records say it. */
const END_REASONS = {
  expire: "not-refreshed",
  operator: "operator",
  ping: "pings-lost",
  "dead-flow": "dead-flow",
} as const;

export type EndReason = keyof typeof END_REASONS;

/** Bindings of the record have ended. What that leaves to be done upstream is the outcome. */
export function recordEnded(
  { decisions, nowMs }: RecordModules,
  record: AorRecord,
  { remove, enqueue }: AorChange,
  why: EndReason,
): void {
  if (!decisions.isOn) return;
  const atMs = nowMs();
  for (const { ctid, updatedAtMs, upstream } of record.bindings) {
    if (!remove.includes(ctid)) continue;
    const isOwed = enqueue.some((owed) => owed.ctid === owedKey(ctid, upstream.upstream));
    const facts: DecisionFacts = {
      ...BY_ITSELF,
      kind: why === "expire" ? "expire" : "remove",
      reason: END_REASONS[why],
      outcome: isOwed ? "de-registration-owed" : "",
      ctid,
      ageSec: secondsBetween(updatedAtMs, atMs),
      upstreamSec: secondsBetween(atMs, upstream.expiresAtMs),
    };
    decisions.record(record.aor, true, facts, atMs);
  }
}

/** The flow of a binding has ended. */
export function recordFlowEnd(
  { decisions, nowMs }: RecordModules,
  {
    aor,
    binding,
    reason,
    outcome,
  }: {
    readonly aor: string;
    readonly binding: Binding;
    readonly reason: string;
    readonly outcome: "kept" | "removed";
  },
): void {
  if (!decisions.isOn) return;
  const atMs = nowMs();
  const { ctid, updatedAtMs, expiresAtMs, source, upstream } = binding;
  const facts: DecisionFacts = {
    ...BY_ITSELF,
    kind: "flow-end",
    reason,
    outcome,
    ctid,
    ageSec: secondsBetween(updatedAtMs, atMs),
    expiresSec: secondsBetween(atMs, expiresAtMs),
    upstreamSec: secondsBetween(atMs, upstream.expiresAtMs),
    source,
  };
  decisions.record(aor, true, facts, atMs);
}

/** An attempt to de-register has ended; `status` is undefined when there was no answer. */
export function recordDeRegister(
  { decisions, nowMs }: RecordModules,
  { aor, ctid, upstream }: DeRegistration,
  { outcome, status }: { readonly outcome: string; readonly status: number | undefined },
): void {
  const atMs = nowMs();
  const upstreamSec = secondsBetween(atMs, upstream.expiresAtMs);
  const reason = status === undefined ? "no-answer" : "answered";
  const facts: DecisionFacts = {
    ...BY_ITSELF,
    kind: "de-register",
    reason,
    outcome,
    ctid,
    status,
    upstreamSec,
  };
  // Whoever it was is known, even if nothing is bound to the name any more.
  decisions.record(aor, true, facts, atMs);
}

/** A registration was made anew upstream, or was not. */
export function recordResync(
  { decisions, nowMs }: RecordModules,
  aor: string,
  end: {
    readonly result: string;
    readonly ctid: string;
    readonly upstreamExpiresAtMs: number;
    readonly status: number | undefined;
    readonly durationMs: number;
  },
): void {
  const { result, ctid, status, durationMs, upstreamExpiresAtMs } = end;
  const atMs = nowMs();
  const facts: DecisionFacts = {
    ...BY_ITSELF,
    kind: "resync",
    reason: "operator",
    outcome: result,
    ctid,
    status,
    durationMs,
    upstreamSec: secondsBetween(atMs, upstreamExpiresAtMs),
  };
  decisions.record(aor, true, facts, atMs);
}

/** A device was woken for requests, or was not. */
export function recordWake(
  { decisions, nowMs }: RecordModules,
  aor: string,
  end: {
    readonly ctid: string;
    readonly purpose: string;
    readonly result: string;
    readonly requests: number;
    readonly durationMs: number | undefined;
  },
): void {
  const { ctid, purpose, result, requests, durationMs } = end;
  const facts: DecisionFacts = {
    ...BY_ITSELF,
    kind: "wake",
    reason: purpose,
    outcome: result,
    ctid,
    contacts: requests,
    durationMs,
  };
  decisions.record(aor, true, facts, nowMs());
}

/** The proof that each rule of auth.absorb asks for. */
const PROOF_BY: Readonly<Record<RegisterPolicy["absorb"], Proof>> = {
  proven: "flow",
  digest: "digest",
  open: "open",
};

/** The binding that the first contact means. */
function bindingOf({ ask, record }: DecidedRegister): Binding | undefined {
  const [asked] = ask.contacts;
  if (asked === undefined) return undefined;
  const { uri, flowKey, params } = asked;
  return flowKey === undefined ? matchContact(record, uri) : findFlow(record, flowKey, params);
}

function upstreamLeft(binding: Binding | undefined, nowMs: number): number | undefined {
  return secondsBetween(nowMs, binding?.upstream.expiresAtMs);
}

/** The stored text where it is the same, so that one text serves all entries of a binding. */
function sourceOf(arrival: Arrival, binding: Binding | undefined): string {
  const source = flowOf(arrival);
  return binding?.source === source ? binding.source : source;
}

/** Seconds from one moment to another, rounded; undefined when one of them is. */
function secondsBetween(fromMs: number | undefined, toMs: number | undefined): number | undefined {
  return fromMs === undefined || toMs === undefined
    ? undefined
    : Math.round((toMs - fromMs) / 1000);
}
