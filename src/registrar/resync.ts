/**
 * The REGISTER by which midreg makes a registration of its own anew, for a main registrar that has lost its
 * memory, and what the answer means.
 */
import type { AorRecord, Binding, UpstreamRegistration } from "../location/binding.ts";
import { type AorChange, buildChange } from "../location/change.ts";
import { isSameUri } from "../sip/compare-uri.ts";
import { contactsOf } from "../sip/contact.ts";
import type { SipResponse } from "../sip/message.ts";
import { parseUri } from "../sip/uri.ts";
import { type AnswerReason, grantOf, refusalReason } from "./decide-register-answer.ts";
import { type EdgePlace, edgeResync } from "./edge.ts";
import { lifetimeWithin } from "./lifetimes.ts";
import { buildOwnRegister } from "./own-register.ts";
import type { RegisterPolicy } from "./register-policy.ts";
import { ctidOf, passedParams } from "./rewrite-register.ts";
import { owedKey, registrationKey } from "./shared-contact.ts";
import type { Identity, IdentityEvent } from "./upstream-identity.ts";

/** Bindings that are one registration at the main registrar. The first one's ctid names it. */
export type Registration = readonly [Binding, ...Binding[]];

/** The registrations that the bindings of a record depend on, as far as these have not expired. */
export function registrationsOf(record: AorRecord, nowMs: number): readonly Registration[] {
  const found: [Binding, ...Binding[]][] = [];
  for (const binding of record.bindings) {
    // A mirrored registration is the phone's own, and so are its numbers.
    if (binding.expiresAtMs <= nowMs || binding.mode === "mirror") continue;
    const shared = found.find(([first]) => isSameRegistration(first.upstream, binding.upstream));
    if (shared === undefined) found.push([binding]);
    else shared.push(binding);
  }
  return found;
}

function isSameRegistration(a: UpstreamRegistration, b: UpstreamRegistration): boolean {
  return a.upstream === b.upstream && a.callId === b.callId && a.contact === b.contact;
}

/** A place registrations can be at: a host in lower case, and a port unless any will do. */
export interface UpstreamPlace {
  readonly host: string;
  readonly port: number | undefined;
}

/** Reads "sip:HOST:PORT", "HOST:PORT" or "HOST"; undefined when it is none of them. */
export function parseUpstreamPlace(text: string): UpstreamPlace | undefined {
  const uri = parseUri(/^sips?:/iu.test(text) ? text : `sip:${text}`);
  if (uri === undefined || uri.host === "") return undefined;
  return { host: uri.host.toLowerCase(), port: uri.port };
}

/** Whether a registration went to that place: the main registrar itself, or the domain of its Request-URI. */
export function isRegisteredAt(
  { requestUri }: UpstreamRegistration,
  place: UpstreamPlace,
  mainUri: string,
): boolean {
  return isAt(mainUri, place) || isAt(requestUri, place);
}

function isAt(uriText: string, { host, port }: UpstreamPlace): boolean {
  const uri = parseUri(uriText);
  if (uri === undefined || uri.host.toLowerCase() !== host) return false;
  return port === undefined || port === (uri.port ?? 5060);
}

/** What it says of midreg itself. */
interface ResyncPlace extends Pick<EdgePlace, "ids" | "upstreamSentBy"> {
  readonly userAgent: string;
}

/** The message without a Via: midreg's own identity and contact, as it was registered before. */
export function buildResync(
  [binding, ...others]: Registration,
  identity: Identity,
  policy: Pick<
    RegisterPolicy,
    "outgoingExpiresSec" | "upstreamContactParams" | "extraContactParams"
  >,
  { userAgent, ...place }: ResyncPlace,
): string {
  const { contact } = binding.upstream;
  const isShared = others.length > 0 || binding.mode === "aor";
  const { params, lines } = edgeResync(binding, { ...place, policy });
  const own = isShared ? "" : passedParams(binding, [...policy.upstreamContactParams, ...params]);
  const value = `<${contact}>${own};expires=${policy.outgoingExpiresSec}`;
  return buildOwnRegister(binding.upstream, identity, { contact: value, userAgent, lines });
}

/** Everything the end of such a REGISTER depends on. */
export interface ResyncInput {
  readonly aor: string;
  readonly registration: Registration;
  readonly identity: Identity;
  /** Undefined when no final answer came in time, or the request could not be sent. */
  readonly response: SipResponse | undefined;
  readonly sentAtMs: number;
  readonly nowMs: number;
  readonly policy: RegisterPolicy;
}

export type ResyncOutcome =
  | { readonly kind: "accepted"; readonly change: AorChange }
  | { readonly kind: Exclude<AnswerReason, "accepted"> };

/** Decides what is kept now that the main registrar has (not) answered. Only a 2xx that lists it counts. */
export function decideResync(input: ResyncInput): ResyncOutcome {
  const { response } = input;
  if (response === undefined) return { kind: "timeout" };
  const { status } = response;
  if (status < 200 || status > 299) return { kind: refusalReason(status) };
  const expiresAtMs = input.sentAtMs + grantedSec(input, response) * 1000;
  if (expiresAtMs <= input.nowMs) return { kind: "contact-missing" };
  const { callId, cseq } = input.identity;
  // Promise 2 of the design: a shorter life upstream shortens all that depends on it.
  const lastMs = lastLocalMs(input, expiresAtMs);
  const put = input.registration.map((binding) => ({
    ...binding,
    expiresAtMs: Math.min(binding.expiresAtMs, lastMs),
    upstream: { ...binding.upstream, callId, cseq, expiresAtMs },
  }));
  // What was owed for the contact has been overtaken: it is wanted there.
  const dequeue = put.map((binding) =>
    owedKey(registrationKey(binding, input.aor), binding.upstream.upstream),
  );
  return { kind: "accepted", change: buildChange(input.aor, { put, dequeue }) };
}

/** Until when devices may be registered here on what ends upstream then: some time before, as when they register. */
function lastLocalMs({ sentAtMs, policy }: ResyncInput, upstreamExpiresAtMs: number): number {
  const sec = Math.floor((upstreamExpiresAtMs - sentAtMs) / 1000);
  return sentAtMs + lifetimeWithin(sec, sec, policy.upstreamMarginSec) * 1000;
}

/** What the main registrar granted the contact in seconds; 0 when it does not list it. */
function grantedSec({ registration, policy }: ResyncInput, response: SipResponse): number {
  const listed = contactsOf(response);
  if (listed === undefined || listed === "*") return 0;
  const [{ ctid, upstream }] = registration;
  const own =
    listed.find(({ uri }) => isSameUri(uri, upstream.contact)) ??
    listed.find(({ uri }) => ctidOf(uri, policy) === ctid);
  return grantOf(own, response, policy);
}

/** What an outcome means for the identity to go on with. */
export function identityEventOf(kind: Exclude<AnswerReason, "accepted">): IdentityEvent {
  if (kind === "challenged" || kind === "timeout") return kind;
  return kind === "contact-missing" ? "unlisted" : "refused";
}
