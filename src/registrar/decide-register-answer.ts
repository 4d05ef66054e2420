import type {
  AorRecord,
  Binding,
  DeRegistration,
  UpstreamRegistration,
} from "../location/binding.ts";
import { type AorChange, buildChange } from "../location/change.ts";
import type { GruuKeys } from "../location/gruu.ts";
import { validBindings } from "../location/match-contact.ts";
import { buildResponse } from "../sip/build-response.ts";
import { isSameUri } from "../sip/compare-uri.ts";
import { type Contact, contactsOf } from "../sip/contact.ts";
import { HEADER } from "../sip/header-name.ts";
import { secondsHeader } from "../sip/header-values.ts";
import type { SipRequest, SipResponse } from "../sip/message.ts";
import { edgeLines, edgePathLine, flowContact } from "./edge.ts";
import { gruuSourceOf, registrationStart, restartedSiblings, upstreamGruuOf } from "./gruu.ts";
import { tooBriefFor } from "./interval-too-brief.ts";
import { lifetimeWithin } from "./lifetimes.ts";
import { outboundLines } from "./outbound.ts";
import { onePerKey, placeOf, strayKey, underNameOfItsOwn } from "./owed.ts";
import { answerCaps, foreignCaps } from "./push-request.ts";
import type { RegisterAsk } from "./read-register.ts";
import { contactLine, listedBindings, pathLine, retryAfterLine } from "./register-answer.ts";
import type { RegisterPolicy } from "./register-policy.ts";
import {
  copyLines,
  KEPT_BESIDE_CAPS,
  KEPT_OF_2XX,
  PASSED_THROUGH,
  restoreResponse,
} from "./restore-response.ts";
import { ctidOf, type ForwardedContact, type ForwardedRegister } from "./rewrite-register.ts";
import { isSharedContact, owedKey, registrationKey, sharedKey, sharers } from "./shared-contact.ts";

/** Everything the end of a forwarded REGISTER depends on. */
export interface RegisterAnswerInput {
  readonly request: SipRequest;
  readonly ask: RegisterAsk;
  readonly forward: ForwardedRegister;
  /** Undefined when no final answer came in time, or the request could not be sent. */
  readonly response: SipResponse | undefined;
  readonly record: AorRecord | undefined;
  readonly source: string;
  /** When the request was sent: the main registrar counts its lifetime from some later moment. */
  readonly sentAtMs: number;
  readonly nowMs: number;
  readonly policy: RegisterPolicy;
  /** Tag for answers of midreg's own. */
  readonly toTag: string;
  readonly ids: GruuKeys & { fraction(): number };
  /** host:port of the listener that faces the main registrar. */
  readonly upstreamSentBy: string;
}

/** Why a forwarded REGISTER ended as it did. */
export type AnswerReason =
  | "accepted"
  | "challenged"
  | "refused"
  | "failed"
  | "timeout"
  | "contact-missing";

export interface RegisterAnswer {
  readonly reason: AnswerReason;
  /** To be committed before the answer leaves. */
  readonly change: AorChange | undefined;
  readonly status: number;
  readonly text: string;
  /** What was registered anew upstream, to be taken back if the change cannot be committed. */
  readonly undo: readonly DeRegistration[];
}

const NO_UNDO: readonly never[] = [];

/** Decides what the phone is told and what is kept, now that the main registrar has (not) answered. */
export function decideRegisterAnswer(input: RegisterAnswerInput): RegisterAnswer {
  const { response } = input;
  if (response === undefined) {
    // RFC 4320 section 4.2 forbids a 408 here; midreg's own limit ends before the phone's timer F.
    return ownError(input, "timeout", 504, "Main registrar did not answer");
  }
  if (tooBriefFor(input.forward, response, input.policy.outgoingExpiresSec) !== undefined) {
    // The phone has not asked for this lifetime and cannot change it (spec row T24).
    return ownError(input, "refused", 500, "Main registrar wants longer lifetimes");
  }
  if (response.status < 200 || response.status > 299) return passThrough(input, response);
  if (input.ask.isStar) return acceptStar(input, response);
  return acceptContacts(input, response);
}

function ownError(
  input: RegisterAnswerInput,
  reason: AnswerReason,
  status: number,
  phrase: string,
): RegisterAnswer {
  const headers = retryAfterLine(input.policy, input.ids.fraction());
  const text = buildResponse(input.request, status, phrase, { toTag: input.toTag, headers });
  return { reason, change: undefined, status, text, undo: NO_UNDO };
}

/** What a final answer other than a 2xx counts as. */
export function refusalReason(status: number): "challenged" | "refused" | "failed" {
  if (status === 401 || status === 407) return "challenged";
  return status < 500 ? "refused" : "failed";
}

/** Everything but a 2xx goes to the phone as it is, and changes nothing (promise 4 of the design). */
function passThrough(input: RegisterAnswerInput, response: SipResponse): RegisterAnswer {
  const { status } = response;
  const reason = refusalReason(status);
  const text = restoreResponse(input, response, { kept: PASSED_THROUGH, own: "" });
  return { reason, change: undefined, status, text, undo: NO_UNDO };
}

/**
 * All bindings of the address-of-record are gone at this main registrar, so nothing is owed there any more. What
 * stands at another one has to be removed there.
 */
function acceptStar(input: RegisterAnswerInput, response: SipResponse): RegisterAnswer {
  const { aor } = input.ask;
  const { upstream } = input.policy;
  const bindings = input.record?.bindings ?? [];
  const ctids = bindings.map(({ ctid }) => ctid);
  const elsewhere = bindings.filter((binding) => binding.upstream.upstream !== upstream);
  const change = buildChange(aor, {
    remove: ctids,
    enqueue: onePerKey(
      elsewhere.map((binding) =>
        owedFor(placeOf(binding.upstream), underNameOfItsOwn(binding.upstream, "moved"), input),
      ),
    ),
    dequeue: [...ctids, sharedKey(aor)].map((key) => owedKey(key, upstream)),
  });
  return accepted(input, response, { change, undo: NO_UNDO, bindings: [] });
}

function acceptContacts(input: RegisterAnswerInput, response: SipResponse): RegisterAnswer {
  const { forward, record, ask } = input;
  const bindings = record?.bindings ?? [];
  if (forward.contacts.length === 0) {
    return accepted(input, response, { change: undefined, undo: NO_UNDO, bindings });
  }
  const granted = grantsOf(input, response);
  const wanted = granted.filter(({ contact }) => contact.asked.lifetimeSec > 0);
  const registered = wanted.filter(({ sec }) => sec > 0);
  const undo = undoOf(input, registered);
  // A 2xx that does not list a contact has not registered it: the phone must not believe so.
  const isLost = staysShared(forward) && granted.some(({ sec }) => sec === 0);
  if (isLost || registered.length < wanted.length) return contactMissing(input, undo);
  const removed = granted.filter(({ contact }) => contact.asked.lifetimeSec === 0);
  const remove = [
    ...removed.map(({ contact }) => contact.ctid),
    ...forward.evicted.map(ctidOfOwed),
  ];
  const fresh = registered.map((grant) => acceptedBinding(input, grant, response));
  const moved = movedSharers(input, granted);
  const others = { aor: ask.aor, bindings: afterwards(bindings, moved, remove) };
  const restarted = restartedSiblings(others, fresh, input.nowMs);
  const put = [...fresh, ...afterwards(moved, restarted, [])];
  // What is still listed after its removal will have to be removed once more.
  const listed = staysShared(forward) ? [] : removed.filter(({ sec }) => sec > 0);
  const lingering = onePerKey(listed.map(owed(input)));
  const change = buildChange(ask.aor, {
    put,
    remove,
    enqueue: [...movedContacts(input, put, remove), ...lingering, ...evictions(input)],
    dequeue: [...new Set(granted.flatMap(({ contact }) => keysOf(contact, input)))],
  });
  return accepted(input, response, { change, undo, bindings: afterwards(bindings, put, remove) });
}

const ctidOfOwed = ({ ctid }: DeRegistration): string => ctid;

/**
 * A contact of ours and the lifetime the main registrar says it has: 0 when it is not listed, or when the
 * answer took so long that the lifetime is over.
 */
interface Grant {
  readonly contact: ForwardedContact;
  readonly sec: number;
  /** GRUUs it has given the contact (gruu.ts). */
  readonly gruu: string;
}

function grantsOf(input: RegisterAnswerInput, response: SipResponse): Grant[] {
  const { forward, sentAtMs, nowMs } = input;
  const contacts = contactsOf(response);
  const listed = contacts === undefined || contacts === "*" ? [] : contacts;
  return forward.contacts.map((contact) => {
    const own = listedOf(contact, listed, input);
    const sec = grantOf(own, response, input.policy);
    // A contact that devices share has no instance, and so no GRUUs.
    const gruu = forward.mode === "aor" ? "" : upstreamGruuOf(own?.params ?? "");
    return { contact, sec: sentAtMs + sec * 1000 > nowMs ? sec : 0, gruu };
  });
}

/** Whether the devices of the address-of-record share a registration upstream that is to stay. */
function staysShared({ mode, isRemoval }: ForwardedRegister): boolean {
  return mode === "aor" && !isRemoval;
}

/** Where the main registrar lists a contact of ours. */
function listedOf(
  { ctid, upstreamContact }: ForwardedContact,
  listed: readonly Contact[],
  { policy, forward }: RegisterAnswerInput,
): Contact | undefined {
  const ours = listed.filter(({ uri }) =>
    forward.mode === "aor" ? isSharedContact(uri, upstreamContact) : ctidOf(uri, policy) === ctid,
  );
  // A contact of an address that midreg no longer has may stand beside the one just registered.
  return ours.find(({ uri }) => isSameUri(uri, upstreamContact)) ?? ours[0];
}

/**
 * What the main registrar granted a contact of ours in seconds, 0 when it does not list it: the expires
 * parameter, else the Expires header, else what was asked for.
 */
export function grantOf(
  own: Contact | undefined,
  response: SipResponse,
  policy: Pick<RegisterPolicy, "outgoingExpiresSec">,
): number {
  if (own === undefined) return 0;
  const granted =
    own.expires ?? secondsHeader(response, HEADER.expires) ?? policy.outgoingExpiresSec;
  return Number.isNaN(granted) ? policy.outgoingExpiresSec : granted;
}

function acceptedBinding(input: RegisterAnswerInput, grant: Grant, response: SipResponse): Binding {
  const { request, ask, forward, policy, nowMs } = input;
  const { asked, ctid, lifetimeSec: wantedSec } = grant.contact;
  const upstream = registrationOf(grant, input);
  // In mirror mode the phone refreshes the registration upstream itself, and in time.
  const marginSec = forward.mode === "mirror" ? 0 : policy.upstreamMarginSec;
  const lifetimeSec = lifetimeWithin(wantedSec, grant.sec, marginSec);
  return {
    ctid,
    contact: asked.uri,
    params: asked.params,
    q: asked.q,
    callId: request.callId,
    cseq: request.cseq.number,
    // The grant runs since the request was sent; a slow answer must not stretch it.
    expiresAtMs: Math.min(nowMs + lifetimeSec * 1000, upstream.expiresAtMs),
    updatedAtMs: nowMs,
    source: input.source,
    path: ask.path,
    userAgent: forward.userAgent,
    replay: replayOf(response) + edgeLines(ask, response),
    mode: forward.mode,
    methods: forward.methods,
    attr: policy.attr,
    registeredAtMs: registrationStart(
      { ctid, params: asked.params },
      { record: input.record, callId: request.callId, nowMs },
    ),
    upstreamGruu: grant.gruu,
    push: asked.push,
    upstream,
  };
}

/**
 * The identity under which a registration goes on. Only the first contact of a request has lent it its own;
 * were the others to share it, their numbers would collide later.
 */
function identityOf(
  { ctid, binding }: ForwardedContact,
  { identity, mode }: ForwardedRegister,
): { readonly callId: string; readonly cseq: number } {
  if (ctid === identity.key || mode !== "contact") return identity;
  const before = binding?.mode === "contact" ? binding.upstream : undefined;
  if (before !== undefined && before.callId !== identity.callId) return before;
  return { callId: `${identity.callId.replace(/\..*/u, "")}.${ctid}`, cseq: 0 };
}

function registrationOf(
  { contact, sec }: Grant,
  { forward, policy, sentAtMs }: RegisterAnswerInput,
): UpstreamRegistration {
  const { callId, cseq } = identityOf(contact, forward);
  return {
    upstream: policy.upstream,
    callId,
    cseq,
    expiresAtMs: sentAtMs + sec * 1000,
    contact: contact.upstreamContact,
    requestUri: forward.requestUri,
    to: forward.to,
    from: forward.from,
  };
}

/** Headers of the 2xx that phones need again on absorbed answers (spec row T20). */
const REPLAYED: readonly number[] = [HEADER.serviceRoute, HEADER.pAssociatedUri];

function replayOf(response: SipResponse): string {
  return copyLines(response, (id) => REPLAYED.includes(id));
}

/** The name under which a registration upstream is owed: the contact's, or the shared one. */
function keyOf({ ctid }: ForwardedContact, { forward, ask, policy }: RegisterAnswerInput): string {
  return owedKey(registrationKey({ ctid, mode: forward.mode }, ask.aor), policy.upstream);
}

/** All names under which the end of a contact may be owed that stands upstream now, or is gone. */
function keysOf(contact: ForwardedContact, input: RegisterAnswerInput): readonly string[] {
  return [keyOf(contact, input), strayKey(contact.upstreamContact, input.policy.upstream)];
}

/** The de-registration of what has just been granted. */
function owed(input: RegisterAnswerInput): (grant: Grant) => DeRegistration {
  return (grant) => {
    const registration = registrationOf(grant, input);
    // The numbers of a mirrored registration are the phone's, and its next REGISTER needs them.
    const upstream =
      input.forward.mode === "mirror" ? underNameOfItsOwn(registration, "undo") : registration;
    return owedFor(keyOf(grant.contact, input), upstream, input);
  };
}

/** What is owed for bindings that gave way: those that stood upstream by themselves. */
function evictions({ forward, record, nowMs }: RegisterAnswerInput): readonly DeRegistration[] {
  const owing = forward.evicted.filter(({ ctid, upstream }) => {
    const binding = record?.bindings.find((one) => one.ctid === ctid);
    return binding?.mode === "contact" && upstream.expiresAtMs > nowMs;
  });
  return owing.map((entry) => ({ ...entry, ctid: owedKey(entry.ctid, entry.upstream.upstream) }));
}

/**
 * What has been registered anew upstream by this request: contacts that no binding stands for, or only one
 * whose end midreg would not carry upstream.
 */
function undoOf(
  input: RegisterAnswerInput,
  registered: readonly Grant[],
): readonly DeRegistration[] {
  const before = input.record?.bindings ?? [];
  const kept = before.filter(({ mode }) => mode !== "mirror" || input.forward.mode === "mirror");
  const known = new Set(kept.map(({ upstream }) => placeOf(upstream)));
  const added = registered.filter((grant) => !known.has(placeOf(registrationOf(grant, input))));
  return onePerKey(added.map(undone(input)));
}

/**
 * The de-registration of what has just been granted and is not kept. Where something else goes on under the
 * same key (after a change of the mode, or of midreg's address), it has a name of its own; where it is the
 * contact of a phone's own registration, it waits for the end of that.
 */
function undone(input: RegisterAnswerInput): (grant: Grant) => DeRegistration {
  const isShared = sharers(input.record).length > 0;
  return (grant) => {
    const { binding } = grant.contact;
    const isTaken = input.forward.mode === "aor" ? isShared : binding !== undefined;
    if (!isTaken) return owed(input)(grant);
    const upstream = underNameOfItsOwn(registrationOf(grant, input), "undo");
    const place = placeOf(upstream);
    const entry = owedFor(place, upstream, input);
    const isInUse = binding !== undefined && placeOf(binding.upstream) === place;
    return isInUse ? { ...entry, dueAtMs: Math.max(entry.dueAtMs, binding.expiresAtMs) } : entry;
  };
}

/** The other devices that share the registration: it has been extended for them too. */
function movedSharers(input: RegisterAnswerInput, granted: readonly Grant[]): readonly Binding[] {
  const { forward, record } = input;
  const shared = granted[0];
  if (!staysShared(forward) || shared === undefined) return [];
  const upstream = registrationOf(shared, input);
  // A grant that was shortened shortens everything that depends on it.
  const lastMs = upstream.expiresAtMs - input.policy.upstreamMarginSec * 1000;
  return sharers(record)
    .filter(
      ({ ctid }) =>
        granted.every(({ contact }) => contact.ctid !== ctid) &&
        forward.evicted.every((gone) => gone.ctid !== ctid),
    )
    .map((one) => ({ ...one, upstream, expiresAtMs: Math.min(one.expiresAtMs, lastMs) }));
}

function owedFor(
  ctid: string,
  upstream: UpstreamRegistration,
  { ask, nowMs }: RegisterAnswerInput,
): DeRegistration {
  return { ctid, aor: ask.aor, upstream, dueAtMs: nowMs, attempts: 0 };
}

/**
 * When midreg's own address, the mode or the main registrar has changed, the contact registered before is left
 * over upstream, unless others go on using it. It is removed under a name of its own, since the live registration may go
 * on using the old one.
 */
function movedContacts(
  input: RegisterAnswerInput,
  put: readonly Binding[],
  remove: readonly string[],
): readonly DeRegistration[] {
  const before = input.record?.bindings ?? [];
  const places = new Set(
    input.forward.contacts.map(({ upstreamContact }) =>
      strayKey(upstreamContact, input.policy.upstream),
    ),
  );
  for (const { upstream } of evictions(input)) places.add(placeOf(upstream));
  for (const { upstream } of afterwards(before, put, remove)) places.add(placeOf(upstream));
  const moved: DeRegistration[] = [];
  for (const { upstream } of before) {
    const place = placeOf(upstream);
    if (places.has(place)) continue;
    places.add(place);
    moved.push(owedFor(place, underNameOfItsOwn(upstream, "moved"), input));
  }
  return moved;
}

function contactMissing(
  input: RegisterAnswerInput,
  undo: readonly DeRegistration[],
): RegisterAnswer {
  const error = ownError(input, "contact-missing", 500, "Main registrar did not list the contact");
  return { ...error, undo };
}

function afterwards(
  bindings: readonly Binding[],
  put: readonly Binding[],
  remove: readonly string[],
): readonly Binding[] {
  const known = bindings.filter(({ ctid }) => !remove.includes(ctid));
  const isKnown = ({ ctid }: Binding): boolean => known.some((old) => old.ctid === ctid);
  const kept = known.map((old) => put.find(({ ctid }) => ctid === old.ctid) ?? old);
  return [...kept, ...put.filter((binding) => !isKnown(binding))];
}

interface Acceptance {
  readonly change: AorChange | undefined;
  readonly undo: readonly DeRegistration[];
  /** The bindings of the address-of-record once the change is made. */
  readonly bindings: readonly Binding[];
}

function accepted(
  input: RegisterAnswerInput,
  response: SipResponse,
  { change, undo, bindings }: Acceptance,
): RegisterAnswer {
  const valid = validBindings({ aor: input.ask.aor, bindings }, input.nowMs);
  const asked = input.forward.contacts.map(({ ctid }) => ctid);
  const listed = listedBindings(input.ask, valid, asked);
  const contacts = contactLine(listed, input.nowMs, { asked, source: gruuSourceOf(input) });
  const caps = acceptedCaps(input, response);
  const outbound = outboundLines(input.ask) + edgeLines(input.ask, response);
  const own = contacts + outbound + caps + pathGiven(input);
  const kept = caps === "" ? KEPT_OF_2XX : KEPT_BESIDE_CAPS;
  const text = restoreResponse(input, response, { kept, own });
  return { reason: "accepted", change, status: response.status, text, undo };
}

function pathGiven(input: RegisterAnswerInput): string {
  if (input.ask.edge === undefined) return pathLine(input.ask);
  return edgePathLine(input, flowContact(input.forward.contacts)?.ctid);
}

/** What the device is told of push, with what the main registrar says of other capabilities; empty for nothing. */
function acceptedCaps({ ask, forward, ids }: RegisterAnswerInput, response: SipResponse): string {
  if (ask.offers === undefined) return "";
  const { contacts } = forward;
  const own = answerCaps({ offers: ask.offers, policy: ask.policy.push, contacts, keys: ids });
  return own + foreignCaps(response);
}
