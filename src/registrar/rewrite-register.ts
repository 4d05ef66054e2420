/**
 * The REGISTER that goes to the main registrar in the place of the phone's: same credentials, same
 * headers, but midreg's own identity, contacts and lifetime.
 */
import type { Binding, DeRegistration, Mode } from "../location/binding.ts";
import { isPushParam } from "../location/mask-secrets.ts";
import { reachableUntilMs } from "../location/reach.ts";
import { parseAuthHeader } from "../sip/auth-header.ts";
import { formatQ } from "../sip/contact.ts";
import { defaultPort } from "../sip/default-port.ts";
import { HEADER } from "../sip/header-name.ts";
import { addressesOf } from "../sip/header-values.ts";
import { findLine, hasHeader, headerValue, lineValue, type SipRequest } from "../sip/message.ts";
import { MessageRewrite } from "../sip/message-rewrite.ts";
import type { NameAddr } from "../sip/name-addr.ts";
import { withoutParams } from "../sip/params.ts";
import { parseUri, uriParam } from "../sip/uri.ts";
import { addEdgePath, edgeParams, flowContact } from "./edge.ts";
import type { JudgedContact } from "./judge-contact.ts";
import { dropOwnExtensions } from "./own-extensions.ts";
import { offerLines } from "./push-request.ts";
import { type AskedContact, methodsOf, type RegisterAsk, userAgentOf } from "./read-register.ts";
import type { RegisterInput } from "./register-input.ts";
import type { RegisterPolicy } from "./register-policy.ts";
import { sharedKey, sharers, userOfAor } from "./shared-contact.ts";
import { fromTagOf, type Identity } from "./upstream-identity.ts";

/** One contact of a forwarded REGISTER: what the phone asked for and what was asked for upstream. */
export interface ForwardedContact {
  readonly ctid: string;
  readonly asked: AskedContact;
  /** What the device will be granted at most, spread already. */
  readonly lifetimeSec: number;
  /** The binding it refreshes or removes, if there is one. */
  readonly binding: Binding | undefined;
  /** Contact URI sent upstream. */
  readonly upstreamContact: string;
}

/** A REGISTER on its way upstream, with what is needed to make sense of the answer. */
export interface ForwardedRegister {
  /** The message without a Via of midreg's own. */
  readonly text: string;
  readonly contacts: readonly ForwardedContact[];
  readonly mode: Mode;
  /** Nothing of the request is to be registered upstream any more, only removed. */
  readonly isRemoval: boolean;
  readonly identity: Identity;
  /** ctids of the bindings whose registration upstream it may change. */
  readonly affected: readonly string[];
  /** Whether it comes from a device that is registered, or no proof is asked for (auth.absorb). */
  readonly isProven: boolean;
  /** De-registrations of the bindings that give way to its contacts, if it is accepted. */
  readonly evicted: readonly DeRegistration[];
  readonly requestUri: string;
  readonly to: string;
  /** Empty when it is the To URI. */
  readonly from: string;
  readonly userAgent: string;
  readonly methods: string;
}

/** Builds the forwarded REGISTER. `judged` is empty for a fetch and for "*". */
export function buildForward(
  input: RegisterInput,
  judged: readonly JudgedContact[],
  isProven: boolean,
): Omit<ForwardedRegister, "evicted"> {
  const { request, policy } = input;
  const { mode } = policy;
  const isRemoval = !isShared(input, judged) && judged.every(isRemovalAsked);
  const contacts = judged.map((contact) => forwardContact(input, contact, isRemoval));
  const identity = chooseIdentity(input, contacts);
  const requestUri = upstreamRequestUri(input);
  const rewrite = new MessageRewrite(request)
    .startLine(`REGISTER ${requestUri} SIP/2.0`)
    .removeAll(HEADER.recordRoute)
    .set(HEADER.maxForwards, `Max-Forwards: ${nextMaxForwards(request)}`)
    .measureBody();
  // Mirror mode leaves the phone's own identity as it is.
  if (mode !== "mirror") {
    rewrite
      .set(HEADER.from, `From: ${withTag(request.from, fromTagOf(identity.callId))}`)
      .set(HEADER.callId, `Call-ID: ${identity.callId}`)
      .set(HEADER.cseq, `CSeq: ${identity.cseq} REGISTER`);
  }
  if (contacts.length > 0) rewriteContacts(rewrite, input, { contacts, isRemoval });
  if (input.ask.edge === undefined) rewrite.removeAll(HEADER.path);
  else addEdgePath(rewrite, input, flowContact(contacts)?.ctid ?? "");
  for (const line of offerLines(input.ask.offers)) rewrite.prepend(line);
  dropOwnRoute(rewrite, input);
  dropOwnExtensions(rewrite, request, policy);
  dropOwnCredentials(rewrite, input);
  return {
    text: rewrite.toText(),
    contacts,
    mode,
    isRemoval,
    identity,
    affected: affectedBy(input, contacts),
    isProven,
    requestUri,
    to: request.to.uri,
    from: request.from.uri === request.to.uri ? "" : request.from.uri,
    userAgent: userAgentOf(request),
    methods: methodsOf(request),
  };
}

function isRemovalAsked({ asked }: JudgedContact): boolean {
  return asked.lifetimeSec === 0;
}

/** Whether devices that share a registration upstream are left once a request is carried out. */
export function isShared(
  { policy, record, nowMs }: RegisterInput,
  judged: readonly JudgedContact[],
): boolean {
  if (policy.mode !== "aor") return false;
  if (judged.some((contact) => !isRemovalAsked(contact))) return true;
  // A device that is asleep is called by way of the registration too (reach.ts).
  const afterExpiryMs = policy.push?.afterExpiryMs ?? 0;
  return sharers(record).some(
    (sharer) =>
      reachableUntilMs(sharer, afterExpiryMs) > nowMs &&
      judged.every(({ binding }) => binding?.ctid !== sharer.ctid),
  );
}

function affectedBy(
  { policy, ask, record }: RegisterInput,
  contacts: readonly ForwardedContact[],
): readonly string[] {
  const all = record?.bindings ?? [];
  const named = contacts.flatMap(({ binding }) => binding ?? []);
  const affected = ask.isStar ? all : policy.mode === "aor" ? sharers(record) : named;
  return affected.map(({ ctid }) => ctid);
}

function forwardContact(
  input: RegisterInput,
  judged: JudgedContact,
  isRemovalOfAll: boolean,
): ForwardedContact {
  const { asked, binding, lifetimeSec } = judged;
  if (input.policy.mode === "aor") {
    const ctid = binding?.ctid ?? newCtid(input, asked);
    const contact = sharedContact(input, isRemovalOfAll);
    return { ctid, asked, lifetimeSec, binding, upstreamContact: contact };
  }
  const ctid = binding?.ctid ?? newCtid(input, asked);
  // A removal names what the main registrar knows, even if midreg's own address has changed since.
  const isRemoval = binding?.mode === input.policy.mode && asked.lifetimeSec === 0;
  const contact = isRemoval ? binding.upstream.contact : upstreamContact(asked, ctid, input);
  return { ctid, asked, lifetimeSec, binding, upstreamContact: contact };
}

/**
 * The ctid of a contact that is not bound yet. A binding that was made with this URI may have taken
 * another spelling since, one that is equal to it but not to this contact: then it keeps the ctid. What a flow is
 * named by stays the same when its contact changes.
 */
function newCtid({ ids, ask, record }: RegisterInput, { uri, flowKey }: AskedContact): string {
  const isTaken = (ctid: string): boolean =>
    record?.bindings.some((binding) => binding.ctid === ctid) === true;
  let device = flowKey === undefined ? uri : `flow ${flowKey}`;
  let ctid = ids.ctid(ask.aor, device);
  while (isTaken(ctid)) {
    device += "\0";
    ctid = ids.ctid(ask.aor, device);
  }
  return ctid;
}

/** The Contact URI under which the main registrar knows a device: midreg's address and the ctid. */
function upstreamContact(asked: AskedContact, ctid: string, input: RegisterInput): string {
  const { policy, upstreamSentBy } = input;
  const extra = policy.extraContactParams;
  if (policy.contactIdInsertion === "ct-username") return `sip:${ctid}@${upstreamSentBy}${extra}`;
  const user = parseUri(asked.uri)?.user;
  // A contact without user must not become "sip:@host", which is no URI (spec row T16).
  const userPart = user === undefined ? "" : `${user}@`;
  return `sip:${userPart}${upstreamSentBy};${policy.contactIdParam}=${ctid}${extra}`;
}

/** The Contact URI that stands upstream for all devices of the address-of-record. */
function sharedContact(input: RegisterInput, isRemoval: boolean): string {
  const { policy, upstreamSentBy, ask, record } = input;
  // A removal names what the main registrar knows, even if midreg's own address has changed since.
  const known = isRemoval ? sharers(record)[0] : undefined;
  if (known !== undefined) return known.upstream.contact;
  return `sip:${userOfAor(ask.aor, policy)}@${upstreamSentBy}${policy.extraContactParams}`;
}

/** The ctid in a contact URI of ours, as the main registrar gives it back; undefined if it has none. */
export function ctidOf(uriText: string, policy: RegisterPolicy): string | undefined {
  const uri = parseUri(uriText);
  if (uri === undefined) return undefined;
  return policy.contactIdInsertion === "ct-username"
    ? uri.user
    : uriParam(uri, policy.contactIdParam.toLowerCase());
}

function chooseIdentity(input: RegisterInput, contacts: readonly ForwardedContact[]): Identity {
  const { mode } = input.policy;
  if (mode === "mirror") return mirroredIdentity(input, contacts);
  return mode === "aor" ? sharedIdentity(input) : firstIdentity(input, contacts);
}

/** The phone's own. */
function mirroredIdentity(
  { ask, request }: RegisterInput,
  contacts: readonly ForwardedContact[],
): Identity {
  const key = contacts[0]?.ctid ?? sharedKey(ask.aor);
  return { key, callId: request.callId, cseq: request.cseq.number };
}

/** The identity of the first contact's registration stands for the whole request. */
function firstIdentity(input: RegisterInput, contacts: readonly ForwardedContact[]): Identity {
  const { ids, ask, record, identities } = input;
  const first = contacts[0];
  // A request without contacts of its own goes under the name of the first binding.
  const binding = first === undefined ? record?.bindings[0] : first.binding;
  const key = first?.ctid ?? binding?.ctid ?? ids.ctid(ask.aor, "*");
  const newer = identities(key);
  if (newer !== undefined) return newer;
  // What was registered in another mode goes under a name that is not this registration's own.
  if (binding?.mode !== "contact") return { key, callId: ids.callId(), cseq: 1 };
  return { key, callId: binding.upstream.callId, cseq: binding.upstream.cseq + 1 };
}

/** The identity that all devices of the address-of-record go under. */
function sharedIdentity({ ids, ask, record, identities }: RegisterInput): Identity {
  const key = sharedKey(ask.aor);
  const newer = identities(key);
  if (newer !== undefined) return newer;
  const known = sharers(record)[0]?.upstream;
  return known === undefined
    ? { key, callId: ids.callId(), cseq: 1 }
    : { key, callId: known.callId, cseq: known.cseq + 1 };
}

/** The phone's Request-URI, except that midreg's own address gives way to the main registrar's. */
function upstreamRequestUri({ request, policy, isOwnHost }: RegisterInput): string {
  const uri = parseUri(request.uri);
  if (uri === undefined || !isOwnHost(uri.host, uri.port ?? defaultPort(uri))) return request.uri;
  return `${uri.scheme}:${policy.upstreamHost}`;
}

function rewriteContacts(
  rewrite: MessageRewrite,
  { policy, request, ask }: RegisterInput,
  forward: Pick<ForwardedRegister, "contacts" | "isRemoval">,
): void {
  rewrite.set(HEADER.contact, `Contact: ${contactValues(forward, policy, ask)}`);
  // The header must not contradict the contacts (spec row T21); mirror mode has not changed theirs.
  if (policy.mode === "mirror" || !hasHeader(request, HEADER.expires)) return;
  rewrite.set(HEADER.expires, `Expires: ${outgoingSec(forward.isRemoval, policy)}`);
}

function contactValues(
  { contacts, isRemoval }: Pick<ForwardedRegister, "contacts" | "isRemoval">,
  policy: RegisterPolicy,
  ask: RegisterAsk,
): string {
  const shared = policy.mode === "aor" ? contacts[0]?.upstreamContact : undefined;
  if (shared !== undefined) return `<${shared}>;expires=${outgoingSec(isRemoval, policy)}`;
  return contacts.map((contact) => upstreamContactValue(contact, policy, ask)).join(", ");
}

function outgoingSec(isRemoval: boolean, policy: RegisterPolicy): number {
  return isRemoval ? 0 : policy.outgoingExpiresSec;
}

function upstreamContactValue(
  contact: ForwardedContact,
  policy: RegisterPolicy,
  ask: RegisterAsk,
): string {
  const { asked } = contact;
  const passed = passedParams(asked, edgeParams(policy.upstreamContactParams, ask, asked));
  const expires =
    policy.mode === "mirror" ? asked.requestedSec : outgoingSec(asked.lifetimeSec === 0, policy);
  return `<${contact.upstreamContact}>${passed};expires=${expires}`;
}

/**
 * What of a device's contact the main registrar is told: the header parameters of these names. How it is woken is
 * nobody else's business, whatever the configuration says.
 */
export function passedParams(
  { params, q }: Pick<Binding, "params" | "q">,
  names: readonly string[],
): string {
  const isDropped = (name: string): boolean => !names.includes(name) || isPushParam(name);
  const kept = params === "" ? "" : withoutParams(params, isDropped);
  return q === undefined || !names.includes("q") ? kept : `${kept};q=${formatQ(q)}`;
}

/** The address with another tag, everything else as the phone wrote it. */
function withTag({ display, uri, params }: NameAddr, tag: string): string {
  const name = display === "" ? "" : `${display} `;
  return `${name}<${uri}>${withoutParams(params, (param) => param === "tag")};tag=${tag}`;
}

function nextMaxForwards(request: SipRequest): number {
  const value = headerValue(request, HEADER.maxForwards);
  return value === undefined ? 70 : Number(value) - 1;
}

/** A phone that has midreg as outbound proxy may name it in Route (RFC 3261 section 16.4). */
function dropOwnRoute(rewrite: MessageRewrite, { request, isOwnHost }: RegisterInput): void {
  const route = addressesOf(request, HEADER.route)?.[0];
  const uri = route === undefined ? undefined : parseUri(route.uri);
  if (uri === undefined || !isOwnHost(uri.host, uri.port ?? defaultPort(uri))) return;
  rewrite.removeFirstValue(HEADER.route);
}

/** Credentials that midreg has checked itself stay here; those for other realms go on (section 22.3). */
function dropOwnCredentials(rewrite: MessageRewrite, { request, ownRealmOf }: RegisterInput): void {
  if (ownRealmOf === undefined) return;
  const id = HEADER.authorization;
  const realm = ownRealmOf(request);
  for (let line = findLine(request, id); line !== -1; line = findLine(request, id, line + 1)) {
    const { params } = parseAuthHeader(lineValue(request, line)) ?? {};
    if (params?.get("realm") === realm) rewrite.removeLine(line);
  }
}
