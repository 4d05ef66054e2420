import type { AorRecord, Binding, DeRegistration } from "../location/binding.ts";
import { type AorChange, buildChange, type Touch } from "../location/change.ts";
import { contactKey, type MatchingMode, validBindings } from "../location/match-contact.ts";
import { buildResponse, statelessTag } from "../sip/build-response.ts";
import { HEADER } from "../sip/header-name.ts";
import { secondsHeader } from "../sip/header-values.ts";
import { makeRoom } from "./contact-limit.ts";
import { edgePathLine, flowContact, replayLines } from "./edge.ts";
import { gruuSourceOf, registrationStart, restartedSiblings } from "./gruu.ts";
import { type ForwardReason, type JudgedContact, judgeContact } from "./judge-contact.ts";
import { isSpread } from "./lifetimes.ts";
import { outboundLines } from "./outbound.ts";
import { requiresMore } from "./own-extensions.ts";
import { answerCaps } from "./push-request.ts";
import { methodsOf, userAgentOf } from "./read-register.ts";
import { contactLine, listedBindings, pathLine, retryAfterLine } from "./register-answer.ts";
import type { RegisterInput } from "./register-input.ts";
import { buildForward, type ForwardedRegister, isShared } from "./rewrite-register.ts";

type AbsorbReason = "refresh" | "retransmission" | "fetch" | "removal";
type RejectReason = "old-cseq" | "too-many-contacts" | "too-many-hops";

export type RegisterDecision =
  | {
      readonly kind: "absorb";
      readonly reason: AbsorbReason;
      /** To be committed before the answer leaves. */
      readonly change: AorChange | undefined;
      readonly answer: string;
    }
  | {
      readonly kind: "reject";
      readonly reason: RejectReason;
      readonly status: number;
      readonly answer: string;
    }
  | {
      readonly kind: "forward";
      readonly reason: ForwardReason;
      readonly forward: ForwardedRegister;
    };

/**
 * Decides one REGISTER: absorb it, refuse it, or send it on. All contacts are judged before anything
 * is decided, so that one request is one change (RFC 3261 section 10.3, last paragraph).
 */
export function decideRegister(input: RegisterInput): RegisterDecision {
  if (input.ask.isStar) return decideStar(input);
  const judged = judgeAll(input);
  if (judged.some(({ verdict }) => verdict === "old-cseq")) return rejectOldCSeq(input);
  const evicted = makeRoom(input, judged);
  if (evicted === undefined) return reject(input, "too-many-contacts", 503, "Too many contacts");
  if (requiresMore(input.request, input.policy)) return forward(input, "require", judged, evicted);
  if (judged.length === 0) return decideFetch(input);
  const reason = forwardReason(input, judged);
  if (reason !== undefined) return forward(input, reason, judged, evicted);
  return absorb(input, judged, judged[0]?.binding);
}

function judgeAll(input: RegisterInput): readonly JudgedContact[] {
  const { policy, ids } = input;
  // Randomness is drawn only where lifetimes are spread.
  const fraction = isSpread(policy) ? ids.fraction() : 0;
  const judged = input.ask.contacts.map((asked) => judgeContact(asked, input, fraction));
  return judged.length < 2 ? judged : lastWords(judged, policy.matchingMode);
}

/** Of several contacts that mean the same binding the last counts, as in read-register.ts. */
function lastWords(judged: readonly JudgedContact[], mode: MatchingMode): JudgedContact[] {
  const byBinding = new Map<string, JudgedContact>();
  for (const contact of judged) {
    const { asked, binding } = contact;
    const named = asked.pushKey === "" ? contactKey(asked, mode) : asked.pushKey;
    const key = asked.flowKey ?? named ?? asked.uri;
    byBinding.set(binding?.ctid ?? key, contact);
  }
  return [...byBinding.values()];
}

/** RFC 3261 section 10.3 step 6: "*" does not remove what a later request of its Call-ID has set. */
function decideStar(input: RegisterInput): RegisterDecision {
  const { request, record } = input;
  const isOld = record?.bindings.some(
    ({ callId, cseq }) => callId === request.callId && cseq > request.cseq.number,
  );
  return isOld === true ? rejectOldCSeq(input) : forward(input, "star", []);
}

/** The first reason among the contacts: one that has to be forwarded takes the whole request along. */
function forwardReason(
  input: RegisterInput,
  judged: readonly JudgedContact[],
): ForwardReason | undefined {
  let hasRemoval = false;
  for (const { verdict } of judged) {
    if (verdict === "proven-removal") hasRemoval = true;
    else if (verdict !== "refresh" && verdict !== "retransmission" && verdict !== "old-cseq") {
      return verdict;
    }
  }
  // The last device takes the shared registration with it.
  return hasRemoval && !isShared(input, judged) ? "removal" : undefined;
}

function decideFetch(input: RegisterInput): RegisterDecision {
  const own = senderBinding(input);
  const { absorb: proof, mode } = input.policy;
  if (mode === "mirror" || (own === undefined && proof === "proven")) {
    return forward(input, "fetch", []);
  }
  return absorb(input, [], own);
}

/** The binding that proves who sent a request, whatever it asks for. */
function senderBinding({ record, request, source, nowMs }: RegisterInput): Binding | undefined {
  return record?.bindings.find(
    (binding) =>
      binding.source === source &&
      binding.callId === request.callId &&
      binding.cseq <= request.cseq.number &&
      binding.expiresAtMs > nowMs,
  );
}

/** Answers locally. `own` is a binding of the sender, if it has any. */
function absorb(
  input: RegisterInput,
  judged: readonly JudgedContact[],
  own: Binding | undefined,
): RegisterDecision {
  const touch: Touch[] = [];
  const put: Binding[] = [];
  const remove: string[] = [];
  for (const contact of judged) {
    const { verdict, binding } = contact;
    if (verdict === "proven-removal" && binding !== undefined) remove.push(binding.ctid);
    if (verdict === "refresh" && binding !== undefined) {
      // A refresh that is proven by its flow moves four numbers; any other may have moved anything.
      const moved =
        input.policy.absorb === "proven" ? undefined : moveBinding(input, contact, binding);
      if (moved === undefined) touch.push(buildTouch(input, contact, binding));
      else put.push(moved);
    }
  }
  if (put.length > 0) {
    const restarted = restartedSiblings(input.record, put, input.nowMs);
    put.push(...restarted.filter(({ ctid }) => !remove.includes(ctid)));
  }
  const asked = judged.flatMap(({ binding }) => binding?.ctid ?? []);
  const answer = answer200(input, { touch, put, remove, asked, judged }, own);
  const refreshes = touch.length + put.length;
  if (refreshes + remove.length === 0) {
    const reason = judged.length === 0 ? "fetch" : "retransmission";
    return { kind: "absorb", reason, change: undefined, answer };
  }
  const change = buildChange(input.ask.aor, { touch, put, remove });
  return { kind: "absorb", reason: refreshes === 0 ? "removal" : "refresh", change, answer };
}

function buildTouch(
  { request, nowMs }: RegisterInput,
  { lifetimeSec }: JudgedContact,
  { ctid }: Binding,
): Touch {
  const expiresAtMs = nowMs + lifetimeSec * 1000;
  return { ctid, cseq: request.cseq.number, expiresAtMs, updatedAtMs: nowMs };
}

/** The binding as a refresh from anywhere leaves it; undefined when a touch says all there is to say. */
function moveBinding(
  input: RegisterInput,
  contact: JudgedContact,
  binding: Binding,
): Binding | undefined {
  const { request, source, ask } = input;
  const moved = {
    ...binding,
    ...buildTouch(input, contact, binding),
    contact: keepsContact(input, contact, binding) ? binding.contact : contact.asked.uri,
    push: contact.asked.push,
    params: contact.asked.params,
    q: contact.asked.q,
    callId: request.callId,
    source,
    path: ask.path,
    userAgent: userAgentOf(request),
    methods: methodsOf(request),
    attr: input.policy.attr,
    registeredAtMs: startOf(input, binding, contact.asked.params),
  };
  return isChanged(moved, binding) ? moved : undefined;
}

/** Where the URI tells devices apart it stays as first seen, otherwise it may be a new address. */
function keepsContact(
  { policy }: RegisterInput,
  { asked }: JudgedContact,
  { push }: Binding,
): boolean {
  const isUriTelling = asked.flowKey === undefined && policy.matchingMode.startsWith("contact");
  return isUriTelling && asked.push === push;
}

function startOf(
  { record, request, nowMs }: RegisterInput,
  { ctid }: Binding,
  params: string,
): number {
  return registrationStart({ ctid, params }, { record, callId: request.callId, nowMs });
}

function isChanged(a: Binding, b: Binding): boolean {
  return (
    a.contact !== b.contact ||
    a.push !== b.push ||
    a.params !== b.params ||
    a.q !== b.q ||
    a.callId !== b.callId ||
    a.source !== b.source ||
    a.path !== b.path ||
    a.userAgent !== b.userAgent ||
    a.methods !== b.methods ||
    a.attr !== b.attr
  );
}

interface Absorbed {
  readonly touch: readonly Touch[];
  readonly put: readonly Binding[];
  readonly remove: readonly string[];
  /** What the request is about, and its bindings. */
  readonly judged: readonly JudgedContact[];
  readonly asked: readonly string[];
}

/** The 200 that lists the bindings as they will be once the refreshes are made. */
function answer200(
  input: RegisterInput,
  { touch, put, remove, judged, asked }: Absorbed,
  sender: Binding | undefined,
): string {
  const valid = validBindings(withPut(input.record, put), input.nowMs);
  const kept = remove.length === 0 ? valid : valid.filter(({ ctid }) => !remove.includes(ctid));
  const listed = listedBindings(input.ask, kept, asked);
  // Headers of the main registrar's own 200 that phones need again, such as Service-Route.
  const replay = sender === undefined ? "" : replayLines(sender, input.ask);
  const contacts = contactLine(listed, input.nowMs, {
    asked,
    touches: touch,
    source: gruuSourceOf(input),
  });
  const caps = input.ask.offers === undefined ? "" : absorbedCaps(input, judged);
  const own = outboundLines(input.ask) + caps + pathGiven(input, judged);
  const headers = contacts + own + replay + input.dateLine;
  // RFC 3261 section 8.2.7: a stateless answer has the same tag each time it is given.
  const toTag = sender?.ctid ?? statelessTag(input.request, input.ids);
  return buildResponse(input.request, 200, "OK", { toTag, headers });
}

function pathGiven(input: RegisterInput, judged: readonly JudgedContact[]): string {
  if (input.ask.edge === undefined) return pathLine(input.ask);
  return edgePathLine(input, flowContact(judged)?.binding?.ctid);
}

function absorbedCaps({ ask, ids }: RegisterInput, judged: readonly JudgedContact[]): string {
  const contacts = judged.map(({ asked, binding }) => ({ asked, ctid: binding?.ctid }));
  return answerCaps({ offers: ask.offers, policy: ask.policy.push, contacts, keys: ids });
}

function withPut(record: AorRecord | undefined, put: readonly Binding[]): AorRecord | undefined {
  if (record === undefined || put.length === 0) return record;
  const bindings = record.bindings.map(
    (binding) => put.find(({ ctid }) => ctid === binding.ctid) ?? binding,
  );
  return { aor: record.aor, bindings };
}

function rejectOldCSeq(input: RegisterInput): RegisterDecision {
  return reject(input, "old-cseq", 400, "CSeq out of order");
}

function reject(
  input: RegisterInput,
  reason: RejectReason,
  status: number,
  phrase: string,
): RegisterDecision {
  const headers = status >= 500 ? retryAfterLine(input.policy, input.ids.fraction()) : "";
  const answer = buildResponse(input.request, status, phrase, {
    toTag: statelessTag(input.request, input.ids),
    headers,
  });
  return { kind: "reject", reason, status, answer };
}

function forward(
  input: RegisterInput,
  reason: ForwardReason,
  judged: readonly JudgedContact[],
  evicted: readonly DeRegistration[] = [],
): RegisterDecision {
  // RFC 3261 section 16.3 step 3. An absorbed REGISTER has arrived and needs no further hop.
  if (secondsHeader(input.request, HEADER.maxForwards) === 0) {
    return reject(input, "too-many-hops", 483, "Too Many Hops");
  }
  const isProven = input.policy.absorb !== "proven" || senderBinding(input) !== undefined;
  const built = buildForward(input, judged, isProven);
  return { kind: "forward", reason, forward: { ...built, evicted } };
}
