import { canonicalAor } from "../location/address-of-record.ts";
import { flowKeyOf } from "../location/flow-key.ts";
import { isEqualUri } from "../sip/compare-uri.ts";
import { type Contact, contactsOf } from "../sip/contact.ts";
import { HEADER } from "../sip/header-name.ts";
import { secondsHeader, tokensOf } from "../sip/header-values.ts";
import { instanceOf } from "../sip/instance-id.ts";
import { hasHeader, headerValue, headerValues, type SipRequest } from "../sip/message.ts";
import { withoutParams } from "../sip/params.ts";
import { badRequest, type SipError } from "../sip/sip-error.ts";
import { parseUri, type Uri } from "../sip/uri.ts";
import { isOwnAor } from "./gruu.ts";
import { askedLifetime, isTooBrief, rangePercentFor, requestedLifetime } from "./lifetimes.ts";
import { type EdgeRole, type OutboundAsk, readOutbound } from "./outbound.ts";
import { type IsOwnHost, readPath } from "./path.ts";
import { NOT_PUSHED, type PushedContact, type PushOffers, PushReader } from "./push-request.ts";
import type { RegisterPolicy } from "./register-policy.ts";

/** One contact of a REGISTER as it will be stored if it is accepted. */
export interface AskedContact extends PushedContact {
  readonly uri: string;
  /** Header parameters as written, without q and expires. */
  readonly params: string;
  readonly q: number | undefined;
  /** Clamped; 0 asks for removal. */
  readonly lifetimeSec: number;
  /** What was asked for, not clamped: what mirror mode passes on. */
  readonly requestedSec: number;
  /** How much of that may be taken off at random, in percent. */
  readonly rangePercent: number;
  /** The instance and reg-id that name its binding (RFC 5626); undefined where the URI does. */
  readonly flowKey: string | undefined;
}

/** What a REGISTER asks for, checked against every limit before anything is looked up. */
export interface RegisterAsk {
  /** What it was read under, and is decided under. */
  readonly policy: RegisterPolicy;
  readonly aor: string;
  /** Empty for a fetch and for "*". */
  readonly contacts: readonly AskedContact[];
  readonly isStar: boolean;
  /** Path values joined by a comma; empty for none. */
  readonly path: string;
  /** Where a trusted proxy has heard the device, as ADDRESS:PORT (path.ts); empty when none says so. */
  readonly received: string;
  /** Whether the device understands Path in answers, and is to be given it (RFC 3327 section 5.3). */
  readonly supportsPath: boolean;
  /** Whether it wants GRUUs in answers (RFC 5627 section 5.2), and gets them. */
  readonly supportsGruu: boolean;
  /** What it is told of push (push-request.ts). */
  readonly offers: PushOffers;
  /** Whether a flow of it is registered and its 2xx says so (RFC 5626 section 6). */
  readonly isOutbound: boolean;
  /** How midreg stands to it at the edge of the main registrar (edge.ts). */
  readonly edge: EdgeRole | undefined;
}

/**
 * Reads a REGISTER (RFC 3261 section 10.3 steps 5 to 7, checks only); an error says what to answer. `from` is the
 * address it came from, an IP literal without brackets; empty where it did not come from the network.
 */
export function readRegister(
  request: SipRequest,
  policy: RegisterPolicy,
  from = "",
  isOwnHost?: IsOwnHost,
): RegisterAsk | SipError {
  const aor = canonicalAor(request.to.uri, policy.aor);
  if (typeof aor !== "string") return aor;
  if (request.callId.length > policy.maxCallIdLength) return badRequest("Call-ID too long");
  const expires = secondsHeader(request, HEADER.expires);
  if (Number.isNaN(expires)) return badRequest("Malformed Expires");
  const contacts = contactsOf(request);
  if (contacts === undefined) return badRequest("Malformed Contact");
  const read = readPath(request, policy, from, isOwnHost);
  if ("status" in read) return read;
  const { path, received } = read;
  // RFC 3261 section 10.2.2: "*" is only for removal, and only with Expires: 0.
  if (contacts === "*" && expires !== 0) return badRequest("Contact * without Expires 0");
  const outbound = readOutbound({ request, contacts, expires, path }, policy);
  if ("status" in outbound) return outbound;
  const reader = pushReaderFor(request, policy);
  const reading = { expires, policy, reader, aorUri: request.to.uri, outbound };
  const asked = readContacts(contacts, reading);
  if ("status" in asked) return asked;
  const { offers } = reader ?? NO_PUSH;
  const { edge } = outbound;
  const support = supportOf(request, { path, edge }, policy);
  const own = { isStar: contacts === "*", isOutbound: outbound.isTold, edge };
  return { policy, aor, contacts: asked, path, received, offers, ...own, ...support };
}

function supportOf(
  request: SipRequest,
  { path, edge }: Pick<RegisterAsk, "path" | "edge">,
  { gruu, pathMode }: RegisterPolicy,
): Pick<RegisterAsk, "supportsPath" | "supportsGruu"> {
  const isPathGiven = pathMode !== "off" && (path !== "" || edge !== undefined);
  const isAsked = (gruu || isPathGiven) && hasHeader(request, HEADER.supported);
  if (!isAsked) return NO_SUPPORT;
  // Most phones say what they support and few want GRUUs, so the list is taken apart only where it counts.
  const isWanted = headerValues(request, HEADER.supported).some((value) => GRUU.test(value));
  if (!isPathGiven && !isWanted) return NO_SUPPORT;
  const tags = tokensOf(request, HEADER.supported);
  return {
    supportsPath: isPathGiven && tags.includes("path"),
    supportsGruu: gruu && tags.includes("gruu"),
  };
}

const GRUU = /gruu/iu;
const NO_PUSH = { offers: undefined };
const NO_SUPPORT = { supportsPath: false, supportsGruu: false };

const NO_CONTACTS: readonly AskedContact[] = [];

/** How contacts are read; without a reader nobody is pushed to. */
interface ContactReading {
  /** Expires header. */
  readonly expires: number | undefined;
  readonly policy: RegisterPolicy;
  readonly reader: PushReader | undefined;
  readonly aorUri: string;
  readonly outbound: OutboundAsk;
}

function pushReaderFor(request: SipRequest, { push }: RegisterPolicy): PushReader | undefined {
  return push === undefined ? undefined : new PushReader(push, request);
}

function readPushed(
  uri: Uri,
  params: string,
  isRemoval: boolean,
  reader: PushReader | undefined,
): PushedContact | SipError {
  if (reader === undefined) return NOT_PUSHED;
  return isRemoval ? reader.readRemoval(uri) : reader.read(uri, params);
}

function flowKeyWhere({ usesRegId }: OutboundAsk, params: string): string | undefined {
  return usesRegId ? flowKeyOf(params) : undefined;
}

function readContacts(
  contacts: readonly Contact[] | "*",
  { expires, policy, reader, aorUri, outbound }: ContactReading,
): readonly AskedContact[] | SipError {
  if (contacts === "*") return NO_CONTACTS;
  const asked: AskedContact[] = [];
  const uris: Uri[] = [];
  if (contacts.length > 1 && countUriParams(contacts) > MAX_URI_PARAMS) {
    return badRequest("Too many Contact parameters");
  }
  for (const contact of contacts) {
    const uri = checkContact(contact, policy);
    if ("status" in uri) return uri;
    if (isTooBrief(contact.expires, expires, policy)) return tooBrief(policy);
    const lifetimeSec = askedLifetime(contact.expires, expires, policy);
    if (lifetimeSec > 0 && policy.gruu && isLoop(contact, uri, aorUri)) return LOOP;
    const params = keptParams(contact.params, policy, outbound);
    const flowKey = flowKeyWhere(outbound, params);
    const at = placeAmong(uris, asked, { uri, flowKey });
    const pushed = readPushed(uri, contact.params, lifetimeSec === 0, reader);
    if ("status" in pushed) return pushed;
    uris[at] = uri;
    asked[at] = {
      uri: contact.uri,
      params,
      q: contact.q ?? policy.defaultQ,
      lifetimeSec,
      requestedSec: requestedLifetime(contact.expires, expires, policy),
      rangePercent: rangePercentFor(contact.expires, expires, policy),
      push: pushed.push,
      pushKey: pushed.pushKey,
      flowKey,
    };
  }
  return asked;
}

/**
 * Where a contact goes in the list: one that stands twice is one binding, and its last word counts. Equality is
 * not transitive, since a parameter is ignored that only one URI has (RFC 3261 section 19.1.4): ";x=1" and ";x=2"
 * differ, and both are the one without. That takes the place of all that it equals, so that no two of the list mean the same.
 * Flows are told apart by their names alone (RFC 5626 section 6).
 */
function placeAmong(
  uris: Uri[],
  asked: AskedContact[],
  { uri, flowKey }: { readonly uri: Uri; readonly flowKey: string | undefined },
): number {
  const isTwin = (other: Uri, at: number): boolean =>
    asked[at]?.flowKey === flowKey && (flowKey !== undefined || isEqualUri(other, uri));
  const twins = uris.flatMap((other, at) => (isTwin(other, at) ? [at] : []));
  for (const at of twins.slice(1).toReversed()) {
    uris.splice(at, 1);
    asked.splice(at, 1);
  }
  return twins[0] ?? uris.length;
}

/** RFC 5627 section 5.1: a contact with an instance must not lead back to its own address-of-record. */
function isLoop({ params }: Contact, uri: Uri, aorUri: string): boolean {
  return params !== "" && isOwnAor(uri, aorUri) && instanceOf(params) !== undefined;
}

const LOOP: SipError = { status: 403, reason: "Contact leads back here" };

/** RFC 3261 section 10.3 step 7: a 423 says what would be long enough. */
function tooBrief({ minExpiresSec }: RegisterPolicy): SipError {
  const headers = `Min-Expires: ${minExpiresSec}\r\n`;
  return { status: 423, reason: "Interval Too Brief", headers };
}

/**
 * URI parameters that the contacts of one REGISTER may have together: contacts are compared with each other
 * by their parameters, and 64 contacts of 64 parameters each took 0.1 s. Real ones have under ten.
 */
const MAX_URI_PARAMS = 256;

function countUriParams(contacts: readonly Contact[]): number {
  return contacts.reduce((sum, { uri }) => sum + uri.split(";").length - 1, 0);
}

/** The URI of a contact that may be stored. */
function checkContact(contact: Contact, policy: RegisterPolicy): Uri | SipError {
  if (contact.uri.length > policy.maxContactLength) return badRequest("Contact URI too long");
  if (contact.params.length > policy.maxContactLength) return badRequest("Contact too long");
  const uri = parseUri(contact.uri);
  if (uri === undefined || (uri.scheme !== "sip" && uri.scheme !== "sips")) {
    // RFC 5627 section 5.1 has its own status for contacts with an instance.
    const reason = "Unusable Contact URI";
    return instanceOf(contact.params) === undefined ? badRequest(reason) : { status: 403, reason };
  }
  return Number.isNaN(contact.q) ? badRequest("Malformed q of Contact") : uri;
}

/** What has a field of its own, and what only a registrar gives (RFC 5627 section 5.1). */
const NOT_KEPT: ReadonlySet<string> = new Set(["q", "expires", "pub-gruu", "temp-gruu"]);

/** A reg-id that does not count is ignored (RFC 5626 section 6), unless outbound is off and nobody looks at it. */
function keptParams(
  params: string,
  { outboundMode }: RegisterPolicy,
  { usesRegId }: OutboundAsk,
): string {
  if (params === "") return "";
  const isRegIdKept = outboundMode === "off" || (usesRegId && flowKeyOf(params) !== undefined);
  return withoutParams(params, (name) => NOT_KEPT.has(name) || (name === "reg-id" && !isRegIdKept));
}

/** User-Agent values are kept for operators to read, so no more of them than that takes. */
const MAX_USER_AGENT_LENGTH = 255;

/** The User-Agent of a request as it is stored. */
export function userAgentOf(request: SipRequest): string {
  return (headerValue(request, HEADER.userAgent) ?? "").slice(0, MAX_USER_AGENT_LENGTH);
}

/** Allow headers name every method there is, and phones list a dozen. */
const MAX_METHODS_LENGTH = 255;

/** The methods a device allows, as they are stored; empty when it does not say (RFC 3261 section 20.5). */
export function methodsOf(request: SipRequest): string {
  if (!hasHeader(request, HEADER.allow)) return "";
  const methods = tokensOf(request, HEADER.allow).join(",").toUpperCase();
  return methods.length > MAX_METHODS_LENGTH ? "" : methods;
}
