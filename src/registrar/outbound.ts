/**
 * Outbound registrations (RFC 5626 section 6): when a reg-id counts, when a REGISTER is refused for it, and what its
 * answer says.
 */
import { flowKeyOf, regIdOf } from "../location/flow-key.ts";
import { instanceOf } from "../location/match-contact.ts";
import type { Contact } from "../sip/contact.ts";
import { HEADER } from "../sip/header-name.ts";
import { tokensOf } from "../sip/header-values.ts";
import { hasHeader, headerValues, type SipRequest } from "../sip/message.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { badRequest, type SipError } from "../sip/sip-error.ts";
import { splitList } from "../sip/split-list.ts";
import { parseUri, uriParam } from "../sip/uri.ts";
import { requestedLifetime } from "./lifetimes.ts";
import type { RegisterPolicy } from "./register-policy.ts";

/** How a REGISTER stands to outbound. */
export interface OutboundAsk {
  /** Whether bindings go by instance and reg-id where a contact has both; else a reg-id is ignored. */
  readonly usesRegId: boolean;
  /** Whether its 2xx has to say so; at the edge, if the main registrar does. */
  readonly isTold: boolean;
  /** How midreg stands to the device where the main registrar does outbound (edge.ts); undefined elsewhere. */
  readonly edge: EdgeRole | undefined;
}

/** Whether midreg is the first proxy on the way of a REGISTER. */
export type EdgeRole = "first-hop" | "later-hop";

/** A REGISTER as far as outbound is concerned. */
export interface OutboundRegister {
  readonly request: SipRequest;
  readonly contacts: readonly Contact[] | "*";
  /** Expires header. */
  readonly expires: number | undefined;
  /** Path values joined by a comma. */
  readonly path: string;
}

const NOT_ASKED: OutboundAsk = { usesRegId: false, isTold: false, edge: undefined };

/** RFC 3261 section 8.2.2.3. */
const UNSUPPORTED: SipError = {
  status: 420,
  reason: "Bad Extension",
  headers: "Unsupported: outbound\r\n",
};

/** RFC 3261 section 21.4.16. */
const EXTENSION_REQUIRED: SipError = {
  status: 421,
  reason: "Extension Required",
  headers: "Require: outbound\r\n",
};

const WITHOUT_FLOW: SipError = { status: 403, reason: "Contact without instance and reg-id" };
const FIRST_HOP: SipError = { status: 439, reason: "First Hop Lacks Outbound Support" };

/** Whether reg-ids count in a REGISTER; an error says what to answer. */
export function readOutbound(
  register: OutboundRegister,
  policy: RegisterPolicy,
): OutboundAsk | SipError {
  const { request, contacts } = register;
  const mode = policy.outboundMode;
  if (mode === "off" && requiresOutbound(request)) return UNSUPPORTED;
  if (contacts === "*") return askForStar(register, policy);
  const demand = mode === "required" ? demanded(register, contacts, policy) : undefined;
  if (demand !== undefined) return demand;
  if (!contacts.some(namesFlow)) return NOT_ASKED;
  const ask = countRegIds(register, policy);
  if ("status" in ask || !ask.usesRegId) return ask;
  return checkFlows(register, contacts, policy) ?? ask;
}

/** What ends all flows at once goes along a Path as they do. */
function askForStar(register: OutboundRegister, { outboundMode }: RegisterPolicy): OutboundAsk {
  const isFirst = outboundMode === "edge" && edgeRole(register) === "first-hop";
  return isFirst ? { ...NOT_ASKED, edge: "first-hop" } : NOT_ASKED;
}

/** A reg-id without an instance is as good as none. */
function namesFlow({ params }: Contact): boolean {
  return regIdOf(params) !== undefined && instanceOf(params) !== undefined;
}

function countRegIds(register: OutboundRegister, policy: RegisterPolicy): OutboundAsk | SipError {
  const { outboundMode, usesRegIdAlways } = policy;
  if (outboundMode === "off") return { ...NOT_ASKED, usesRegId: usesRegIdAlways };
  const isSupported = tokensOf(register.request, HEADER.supported).includes("outbound");
  const edge = outboundMode === "edge" ? edgeRole(register) : undefined;
  if (isFirstHopOutbound(register)) return { usesRegId: true, isTold: isSupported, edge };
  if (usesRegIdAlways) return { usesRegId: true, isTold: false, edge };
  if (isSupported) return FIRST_HOP;
  return outboundMode === "required" ? EXTENSION_REQUIRED : NOT_ASKED;
}

/**
 * Whether the device's first hop does outbound: midreg itself, which the Vias tell and no setting, or a proxy that
 * says so in its Path. The RFC looks at the first URI, where only a single proxy can have written "ob", since those that
 * come later must not; so the last one counts too, which is the first hop's when several have added theirs.
 */
function isFirstHopOutbound({ request, path }: OutboundRegister): boolean {
  if (countVias(request) === 1) return true;
  const hops = path === "" ? [] : (splitList(path) ?? []);
  return [hops[0], hops.at(-1)].some((hop) => {
    const uri = parseUri(parseNameAddr(hop ?? "")?.uri ?? "");
    return uri !== undefined && uriParam(uri, "ob") !== undefined;
  });
}

/** RFC 5626 section 5.1: the Via tells. */
function edgeRole({ request }: Pick<OutboundRegister, "request">): EdgeRole {
  return countVias(request) === 1 ? "first-hop" : "later-hop";
}

/** How many hops a request has made, this one included. */
function countVias(request: SipRequest): number {
  return headerValues(request, HEADER.via).reduce(
    (count, line) => count + (line.includes(",") ? (splitList(line)?.length ?? 2) : 1),
    0,
  );
}

const isMalformed = (contact: Contact): boolean =>
  Number.isNaN(regIdOf(contact.params)) && namesFlow(contact);

const isFlow = ({ params }: Contact): boolean => flowKeyOf(params) !== undefined;

/** What is wrong with contacts whose reg-ids count. */
function checkFlows(
  { expires }: OutboundRegister,
  contacts: readonly Contact[],
  policy: RegisterPolicy,
): SipError | undefined {
  if (contacts.some(isMalformed)) return badRequest("Malformed reg-id");
  const lasting = contacts.filter(
    (contact) => requestedLifetime(contact.expires, expires, policy) > 0,
  );
  // One flow cannot lead to several contacts.
  return lasting.length > 1 && lasting.some(isFlow)
    ? badRequest("Several contacts with reg-id")
    : undefined;
}

/** What keeps a REGISTER out where only outbound registrations are let in; what ends or asks may always pass. */
function demanded(
  { request, expires }: OutboundRegister,
  contacts: readonly Contact[],
  policy: RegisterPolicy,
): SipError | undefined {
  const lacksFlow = (contact: Contact): boolean =>
    flowKeyOf(contact.params) === undefined &&
    requestedLifetime(contact.expires, expires, policy) > 0;
  if (!contacts.some(lacksFlow)) return undefined;
  const isSupported = tokensOf(request, HEADER.supported).includes("outbound");
  return isSupported ? WITHOUT_FLOW : EXTENSION_REQUIRED;
}

function requiresOutbound(request: SipRequest): boolean {
  return (
    hasHeader(request, HEADER.require) && tokensOf(request, HEADER.require).includes("outbound")
  );
}

/** What a 2xx depends on as far as flows are concerned. */
interface FlowAnswer {
  readonly isOutbound: boolean;
  readonly edge: EdgeRole | undefined;
  readonly path: string;
  readonly policy: Pick<RegisterPolicy, "flowTimerSec">;
}

/** What the 2xx says to a device whose flow is bound; empty for all others. */
export function outboundLines(ask: FlowAnswer): string {
  // At the edge it is the main registrar that says so (edge.ts).
  if (!ask.isOutbound || ask.edge !== undefined) return "";
  const flowTimerSec = flowTimerOf(ask);
  const timer = flowTimerSec === 0 ? "" : `Flow-Timer: ${flowTimerSec}\r\n`;
  return `Require: outbound\r\n${timer}`;
}

/** Flow-Timer of the 2xx; 0 for none. A flow that ends at another proxy is that proxy's to watch (section 5.4). */
export function flowTimerOf({ isOutbound, path, policy }: Omit<FlowAnswer, "edge">): number {
  return isOutbound && path === "" ? policy.flowTimerSec : 0;
}
