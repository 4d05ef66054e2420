/**
 * What must hold of any decision, worked out by other means than in the source. Each function names the rules
 * that are broken, so that a test can expect none.
 */
import type { Binding } from "../../src/location/binding.ts";
import type { AorChange } from "../../src/location/change.ts";
import type { RegisterDecision } from "../../src/registrar/decide-register.ts";
import type { RegisterAnswer } from "../../src/registrar/decide-register-answer.ts";
import type { RegisterInput } from "../../src/registrar/register-input.ts";
import {
  ctidOf,
  type ForwardedContact,
  type ForwardedRegister,
} from "../../src/registrar/rewrite-register.ts";
import { fromTagOf } from "../../src/registrar/upstream-identity.ts";
import { type Contact, contactsOf } from "../../src/sip/contact.ts";
import { HEADER } from "../../src/sip/header-name.ts";
import {
  bodyOf,
  headerValues,
  lineCount,
  lineId,
  lineText,
  type SipRequest,
  type SipResponse,
} from "../../src/sip/message.ts";
import { requestOf, responseOf } from "../support/messages.ts";
import { NOW_MS } from "./fixtures.ts";

const CTID = /^[0-9a-f]{16}$/u;
/** Headers that forwarding may touch. */
const TOUCHED = new Set<number>([
  HEADER.contentLength,
  HEADER.maxForwards,
  HEADER.from,
  HEADER.callId,
  HEADER.cseq,
  HEADER.contact,
  HEADER.expires,
  HEADER.path,
  HEADER.recordRoute,
  HEADER.route,
  HEADER.require,
]);
const ONCE_IN_ANSWERS = [HEADER.from, HEADER.to, HEADER.callId, HEADER.cseq, HEADER.contentLength];
const ONCE_UPSTREAM = [HEADER.from, HEADER.callId, HEADER.cseq, HEADER.maxForwards];

/** The names of the rules that do not hold. */
function broken(rules: Readonly<Record<string, boolean>>): string[] {
  return Object.keys(rules).filter((name) => rules[name] !== true);
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function hasNoTwins(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

/** An answer carries the phone's own dialog identifiers, each once. */
export function faultsOfAnswer(request: SipRequest, text: string): string[] {
  const answer = responseOf(text);
  return broken({
    "From tag": answer.fromTag === request.fromTag,
    "Call-ID": answer.callId === request.callId,
    CSeq: isSame(answer.cseq, request.cseq),
    "To tag": answer.toTag !== "",
    Via: isSame(headerValues(answer, HEADER.via), headerValues(request, HEADER.via)),
    "one of each": ONCE_IN_ANSWERS.every((id) => headerValues(answer, id).length === 1),
  });
}

type Absorbed = Extract<RegisterDecision, { kind: "absorb" }>;

/** Promises 2 and 3 of the design: what is absorbed is proven, and covered upstream. */
export function faultsOfAbsorbed(input: RegisterInput, absorbed: Absorbed): string[] {
  const { ask, policy, record } = input;
  const { change, answer, reason } = absorbed;
  const isProvenAll = isSenderKnown(input) && ask.contacts.every((asked) => isProven(input, asked));
  return [
    ...broken({
      "no star": !ask.isStar,
      200: responseOf(answer).status === 200,
      "fetch without contacts": (reason === "fetch") === (ask.contacts.length === 0),
      proven: policy.absorb !== "proven" || isProvenAll,
      "known contacts": ask.contacts.length === 0 || record !== undefined,
    }),
    ...(change === undefined ? [] : faultsOfRefresh(input, change)),
  ];
}

function faultsOfRefresh(input: RegisterInput, change: AorChange): string[] {
  const { aor, put, touch, remove, enqueue, dequeue } = change;
  return [
    ...broken({
      "only refreshes": remove.length + enqueue.length + dequeue.length === 0,
      "own address-of-record": aor === input.ask.aor,
      "a proven refresh replaces nothing": input.policy.absorb !== "proven" || put.length === 0,
    }),
    ...[...touch, ...put.filter((one) => !isRestarted(input, one, put))].flatMap((one) =>
      faultsOfTouch(input, one),
    ),
  ];
}

/** A binding that is as it was, but for its registration, which begins anew with another one's (RFC 5627). */
function isRestarted({ record }: RegisterInput, one: Binding, put: readonly Binding[]): boolean {
  const { registeredAtMs } = one;
  const before = record?.bindings.find(({ ctid }) => ctid === one.ctid);
  const isWith = put.some((other) => other !== one && other.registeredAtMs === registeredAtMs);
  return isWith && registeredAtMs === NOW_MS && isSame({ ...before, registeredAtMs }, one);
}

function isSenderKnown({ record, source, request }: RegisterInput): boolean {
  return (record?.bindings ?? []).some(
    (one) => one.source === source && one.callId === request.callId && one.expiresAtMs > NOW_MS,
  );
}

function isProven(
  { record, source, request, ask }: RegisterInput,
  asked: RegisterInput["ask"]["contacts"][number],
): boolean {
  const wanted = [asked.uri, source, request.callId, ask.path, asked.params, asked.q];
  const isOwn = (own: Binding): boolean =>
    own.cseq <= request.cseq.number &&
    isSame([own.contact, own.source, own.callId, own.path, own.params, own.q], wanted);
  return record?.bindings.some(isOwn) === true && asked.lifetimeSec > 0;
}

function faultsOfTouch(
  { record, request, policy, isDoubted }: RegisterInput,
  {
    ctid,
    cseq,
    expiresAtMs,
    updatedAtMs,
  }: Pick<Binding, "ctid" | "cseq" | "expiresAtMs" | "updatedAtMs">,
): string[] {
  const upstream = record?.bindings.find((one) => one.ctid === ctid)?.upstream;
  const neededMs = expiresAtMs + policy.upstreamMarginSec * 1000;
  return broken({
    "upstream outlives local by the margin": (upstream?.expiresAtMs ?? 0) >= neededMs,
    "not doubted": !isDoubted(ctid),
    "CSeq stored": cseq === request.cseq.number,
    "time stored": updatedAtMs === NOW_MS && expiresAtMs > NOW_MS,
  });
}

/** The forwarded text is the phone's, but for midreg's identity and contacts. */
export function faultsOfForward(input: RegisterInput, forward: ForwardedRegister): string[] {
  const sent = requestOf(forward.text);
  const { request } = input;
  return [
    ...broken({
      method: sent.method === "REGISTER",
      "Request-URI": sent.uri === forward.requestUri,
      To: isSame(sent.to, request.to),
      "From URI": sent.from.uri === request.from.uri,
      "other lines": isSame(untouched(sent), untouched(request)),
      "length of the body": headerValues(sent, HEADER.contentLength).length === 1,
      "no Require: gruu": !input.policy.gruu || !required(sent).includes("gruu"),
      "other Require": isSame(
        required(sent).filter(isForMain(input)),
        required(request).filter(isForMain(input)),
      ),
      body: bodyOf(sent) === bodyOf(request),
      "one of each": ONCE_UPSTREAM.every((id) => headerValues(sent, id).length === 1),
      "no Path": headerValues(sent, HEADER.path).length === 0,
      "no Record-Route": headerValues(sent, HEADER.recordRoute).length === 0,
      "Max-Forwards": Number(headerValues(sent, HEADER.maxForwards)[0]) >= 0,
      "affected once": hasNoTwins(forward.affected),
    }),
    ...faultsOfIdentity(input, forward, sent),
    ...faultsOfContacts(input, forward, contactsOf(sent)),
  ];
}

function required(message: SipRequest): string[] {
  return headerValues(message, HEADER.require).flatMap((value) =>
    value.toLowerCase().split(/[ \t\r\n]*,[ \t\r\n]*/u),
  );
}

/** GRUUs are midreg's to give; everything else that is required the main registrar has to know. */
function isForMain({ policy }: RegisterInput): (tag: string) => boolean {
  return (tag) => tag !== "" && !(policy.gruu && tag === "gruu");
}

function untouched(message: SipRequest): string[] {
  const lines = Array.from({ length: lineCount(message) }, (_, line) => line);
  const kept = lines.filter((line) => !TOUCHED.has(lineId(message, line)));
  return kept.map((line) => lineText(message, line)).toSorted();
}

function faultsOfIdentity(
  { record, identities }: RegisterInput,
  { identity }: ForwardedRegister,
  sent: SipRequest,
): string[] {
  const { key, callId, cseq } = identity;
  const used = identities(key) ?? record?.bindings.find(({ ctid }) => ctid === key)?.upstream;
  return broken({
    "Call-ID": sent.callId === callId,
    "From tag": sent.fromTag === fromTagOf(callId),
    CSeq: sent.cseq.number === cseq,
    "CSeq rises": used?.callId !== callId || cseq >= used.cseq,
  });
}

function faultsOfContacts(
  { ask, policy, upstreamSentBy }: RegisterInput,
  forward: ForwardedRegister,
  contacts: readonly Contact[] | "*" | undefined,
): string[] {
  if (contacts === undefined || contacts === "*")
    return broken({ star: ask.isStar && contacts === "*" });
  const sent = forward.contacts;
  const ctids = sent.map(({ ctid }) => ctid);
  // A removal of a binding names what was registered, under whatever configuration that was.
  const named = sent.filter(({ asked, binding }) => asked.lifetimeSec > 0 || binding === undefined);
  return broken({
    "no star": !ask.isStar,
    "every ctid once": hasNoTwins(ctids),
    "ctid of 16 digits": ctids.every((ctid) => CTID.test(ctid)),
    "same contacts": isSame(
      contacts.map(({ uri }) => uri),
      sent.map((one) => one.upstreamContact),
    ),
    lifetimes: contacts.every(
      ({ expires }, at) => expires === lifetimeOf(sent[at], policy.outgoingExpiresSec),
    ),
    "ctid found": named.every((one) => ctidOf(one.upstreamContact, policy) === one.ctid),
    "own address": named.every((one) => one.upstreamContact.includes(upstreamSentBy)),
  });
}

function lifetimeOf(contact: ForwardedContact | undefined, outgoingSec: number): number {
  return contact?.asked.lifetimeSec === 0 ? 0 : outgoingSec;
}

/** How a forwarded REGISTER has ended. */
export interface End {
  readonly forward: ForwardedRegister;
  readonly response: SipResponse;
  readonly answer: RegisterAnswer;
  readonly nowMs: number;
}

/** A lifetime of midreg's own that is too brief is no error of the phone's (spec row T24). */
function isTooBrief({ policy, ask }: RegisterInput, { response }: End): boolean {
  const minSec = Number(headerValues(response, HEADER.minExpires)[0] ?? 0);
  const isLasting = ask.contacts.some(({ lifetimeSec }) => lifetimeSec > 0);
  return response.status === 423 && isLasting && minSec > policy.outgoingExpiresSec;
}

/** Promise 4 of the design: a 2xx commits all or nothing, anything else nothing. */
export function faultsOfEnd(input: RegisterInput, end: End): string[] {
  const { response, answer, forward } = end;
  const { change } = answer;
  const isMissing = answer.reason === "contact-missing";
  const isAccepted = response.status < 300;
  const wanted = forward.contacts.filter(({ asked }) => asked.lifetimeSec > 0);
  return [
    ...broken({
      status: answer.status === (isMissing || isTooBrief(input, end) ? 500 : response.status),
      "status in the text": responseOf(answer.text).status === answer.status,
      reason: (answer.reason === "accepted" || isMissing) === isAccepted,
      "undo only what was accepted": isAccepted || answer.undo.length === 0,
      "change only what was accepted": answer.reason === "accepted" || change === undefined,
      "a change but for a fetch":
        answer.reason !== "accepted" ||
        (change === undefined) === (forward.contacts.length === 0 && !input.ask.isStar),
    }),
    ...(change === undefined ? [] : faultsOfChange(input, change, forward, wanted)),
    ...(change?.put ?? [])
      .slice(0, wanted.length)
      .flatMap((binding, at) => faultsOfPut(binding, wanted[at], end)),
    ...(change === undefined ? [] : faultsOfUndo(input, answer, { mode: forward.mode, wanted })),
  ];
}

/** Were the change not stored, the contacts that are new upstream would be taken back there. */
function faultsOfUndo(
  { record }: RegisterInput,
  { undo }: RegisterAnswer,
  { mode, wanted }: { mode: Binding["mode"]; wanted: readonly ForwardedContact[] },
): string[] {
  const bindings = record?.bindings ?? [];
  // The end of a phone's own registration is not carried upstream.
  const isCarried = (binding: Binding): boolean => binding.mode !== "mirror" || mode === "mirror";
  const isNew = (contact: string): boolean =>
    bindings.every((binding) => binding.upstream.contact !== contact || !isCarried(binding));
  return broken({
    "undo what is new": isSame(
      undo.map(({ upstream }) => upstream.contact),
      wanted.map(({ upstreamContact }) => upstreamContact).filter(isNew),
    ),
    // What is taken back under the key of a binding would be taken for settled.
    "undo under a key of its own": undo.every(({ ctid }) =>
      bindings.every((binding) => binding.ctid !== ctid),
    ),
  });
}

function faultsOfChange(
  { ask, record, policy }: RegisterInput,
  change: NonNullable<RegisterAnswer["change"]>,
  forward: ForwardedRegister,
  wanted: readonly ForwardedContact[],
): string[] {
  const gone = ask.isStar
    ? (record?.bindings ?? [])
    : forward.contacts.filter((one) => !wanted.includes(one));
  const { evicted } = forward;
  const held = (record?.bindings ?? []).filter(
    ({ ctid, expiresAtMs }) => expiresAtMs > NOW_MS && !change.remove.includes(ctid),
  );
  const after = new Set([...held, ...change.put].map(({ ctid }) => ctid));
  const fresh = change.put.slice(0, wanted.length);
  const others = change.put.slice(wanted.length);
  return broken({
    "own address-of-record": change.aor === ask.aor,
    "evicted when told to": evicted.length === 0 || policy.maxContactsPolicy !== "refuse",
    "evicted no more than needed": evicted.length === 0 || after.size === policy.maxContacts,
    "no touch": change.touch.length === 0,
    "all that was wanted": isSame(
      fresh.map(({ ctid }) => ctid),
      wanted.map(({ ctid }) => ctid),
    ),
    "siblings begin anew with it, as they are": others.every((other) => {
      const before = held.find(({ ctid }) => ctid === other.ctid);
      const isWith = fresh.some(({ registeredAtMs }) => registeredAtMs === other.registeredAtMs);
      return isWith && isSame({ ...before, registeredAtMs: other.registeredAtMs }, other);
    }),
    "all that was removed": isSame(
      change.remove,
      [...gone, ...evicted].map(({ ctid }) => ctid),
    ),
    "owed once": hasNoTwins(change.enqueue.map(({ ctid }) => ctid)),
  });
}

function faultsOfPut(
  { ctid, expiresAtMs, upstream }: Binding,
  contact: ForwardedContact | undefined,
  { nowMs, forward }: End,
): string[] {
  const { key, callId } = forward.identity;
  return broken({
    "local ends before upstream": expiresAtMs <= upstream.expiresAtMs,
    "not over yet": expiresAtMs > nowMs,
    "no more than asked": expiresAtMs - nowMs <= (contact?.lifetimeSec ?? 0) * 1000,
    // One Call-ID for each registration: only the first contact has the one that was sent.
    "a name of its own": (upstream.callId === callId) === (ctid === key),
  });
}
