import { bracketAddress } from "../location/flow.ts";
import { addressGroups, isInNetwork, type Network } from "../location/network.ts";
import { defaultPort } from "../sip/default-port.ts";
import { unescapeUri } from "../sip/escape.ts";
import { HEADER } from "../sip/header-name.ts";
import { addressesOf, tokensOf } from "../sip/header-values.ts";
import { hasHeader, headerValues, type SipRequest } from "../sip/message.ts";
import type { NameAddr } from "../sip/name-addr.ts";
import { paramValue } from "../sip/params.ts";
import { badRequest, type SipError } from "../sip/sip-error.ts";
import { parseUri, type Uri, uriParam } from "../sip/uri.ts";
import type { RegisterPolicy } from "./register-policy.ts";

/** The Path of a REGISTER (RFC 3327), and what it says about where the device is. */
export interface ReadPath {
  /** Values joined by a comma; empty for none. */
  readonly path: string;
  /** Where a trusted proxy has heard the device, as ADDRESS:PORT; empty when none says so. */
  readonly received: string;
}

const NO_PATH: ReadPath = { path: "", received: "" };

/** RFC 3327 section 5.3 lets a registrar refuse a Path that the device would not understand in its answer. */
const PATH_NOT_SUPPORTED: SipError = {
  status: 420,
  reason: "Bad Extension",
  headers: "Unsupported: path\r\n",
};

/**
 * A Path is where calls for the device go, so it decides whom midreg sends them to (RFC 3327 section 6.1): nobody may
 * name a next hop that is somebody else.
 */
export const FOREIGN_PATH: SipError = { status: 403, reason: "Path leads elsewhere" };

/** Tells midreg's own host and port from others. */
export type IsOwnHost = (host: string, port: number | undefined) => boolean;

/**
 * Reads the Path of a REGISTER that came from an address, which is empty where it did not come from the network; an
 * error says what to answer.
 */
export function readPath(
  request: SipRequest,
  policy: RegisterPolicy,
  from: string,
  isOwnHost: IsOwnHost | undefined,
): ReadPath | SipError {
  if (!hasHeader(request, HEADER.path)) return NO_PATH;
  if (policy.pathMode === "strict" && !isPathSupported(request)) return PATH_NOT_SUPPORTED;
  const values = addressesOf(request, HEADER.path);
  const first = uriOf(values?.[0]);
  if (values === undefined || values.length === 0) return badRequest("Malformed Path");
  // A Path is a preloaded Route, so its first hop must route loosely (RFC 3327 section 5.2).
  if (first === undefined || paramValue(first.params, "lr") === undefined) {
    return badRequest("Path without lr");
  }
  const path = headerValues(request, HEADER.path).join(", ");
  if (path.length > policy.maxPathLength) return badRequest("Path too long");
  const received = receivedFor(values, first, { from, isOwnHost }, policy);
  return typeof received === "string" ? { path, received } : received;
}

interface PathOrigin {
  readonly from: string;
  readonly isOwnHost: IsOwnHost | undefined;
}

/** Where the sender of a Path says the device is, if it is believed; an error when it may not even name the Path. */
function receivedFor(
  values: readonly NameAddr[],
  first: Uri,
  origin: PathOrigin,
  policy: RegisterPolicy,
): string | SipError {
  const { from } = origin;
  if (isTrustedProxy(from, policy)) return receivedIn(first, values[1]);
  const mayNameAny = from === "" || isIn(from, policy.pathFrom);
  return !mayNameAny && leadsElsewhere(values, origin) ? FOREIGN_PATH : "";
}

function receivedIn(first: Uri, second: NameAddr | undefined): string | SipError {
  // Of the two values of a proxy with two faces (r2) the inner one is the one that faces the device.
  const isDouble = uriParam(first, "r2") !== undefined;
  return receivedOf(isDouble ? (uriOf(second) ?? first) : first);
}

function isPathSupported(request: SipRequest): boolean {
  return tokensOf(request, HEADER.supported).includes("path");
}

function uriOf(value: NameAddr | undefined): Uri | undefined {
  return value === undefined ? undefined : parseUri(value.uri);
}

/** Whether the word of a proxy at this address counts on where devices are. */
export function isTrustedProxy(
  from: string,
  { pathUseReceived }: Pick<RegisterPolicy, "pathUseReceived">,
): boolean {
  return isIn(from, pathUseReceived);
}

function isIn(address: string, networks: readonly Network[]): boolean {
  if (networks.length === 0) return false;
  const groups = addressGroups(address);
  return groups !== undefined && networks.some((network) => isInNetwork(groups, network));
}

/**
 * Whether midreg would send calls to somebody else than where the REGISTER came from. What stands behind that hop is its
 * own affair. A name may mean anything, and is not looked up for whoever writes one.
 */
function leadsElsewhere(values: readonly NameAddr[], { from, isOwnHost }: PathOrigin): boolean {
  const hops = values.map(uriOf);
  // In calls, midreg's own hops are passed over (proxy/forward-request.ts).
  const at = hops.findIndex((hop) => hop === undefined || !isOwn(hop, isOwnHost));
  if (at === -1) return false;
  const next = hops[at];
  if (next === undefined || uriParam(next, "maddr") !== undefined) return true;
  const groups = addressGroups(next.host.replace(/^\[(.*)\]$/u, "$1"));
  return groups === undefined || String(groups) !== String(addressGroups(from));
}

function isOwn(hop: Uri, isOwnHost: IsOwnHost | undefined): boolean {
  return hop.host !== "" && isOwnHost?.(hop.host, hop.port ?? defaultPort(hop)) === true;
}

const MALFORMED = badRequest("Malformed received of Path");

/**
 * Where the received parameter of a Path URI says the device is: an escaped SIP URI (RFC 3261 section 19.1.2)
 * with an IP address. Empty when there is none, or the device is on a connection of the proxy's, which
 * midreg does not have.
 */
function receivedOf(hop: Uri): string | SipError {
  const given = uriParam(hop, "received");
  if (given === undefined) return "";
  const uri = parseUri(unescapeUri(given));
  if (uri === undefined || (uri.scheme !== "sip" && uri.scheme !== "sips")) return MALFORMED;
  const address = uri.host.replace(/^\[(.*)\]$/u, "$1");
  if (addressGroups(address) === undefined) return MALFORMED;
  const transport = uriParam(uri, "transport") ?? "udp";
  const isReachable = uri.scheme === "sip" && transport.toLowerCase() === "udp";
  return isReachable ? `${bracketAddress(address)}:${uri.port ?? 5060}` : "";
}
