import { isIP } from "node:net";
import type { Protocol } from "../ports.ts";
import { parseUri, uriParam } from "../sip/uri.ts";

/** A transport service of SIP and the names the DNS has for it (RFC 3263 section 4.1). */
export interface SipService {
  readonly scheme: "sip" | "sips";
  /** Value of the transport parameter. */
  readonly transport: string;
  readonly protocol: Protocol;
  readonly naptr: string;
  readonly srv: string;
  readonly defaultPort: number;
}

/** In the order they are tried when a domain does not say what it prefers. A new protocol is a row. */
const SERVICES: readonly SipService[] = [
  service("sip", "udp", { naptr: "SIP+D2U", srv: "_sip._udp", defaultPort: 5060 }),
  service("sip", "tcp", { naptr: "SIP+D2T", srv: "_sip._tcp", defaultPort: 5060 }),
  // RFC 3261 section 26.2.2 has no use for it, and everybody writes it.
  service("sip", "tls", { naptr: "SIPS+D2T", srv: "_sips._tcp", defaultPort: 5061 }),
  service("sips", "tls", { naptr: "SIPS+D2T", srv: "_sips._tcp", defaultPort: 5061 }),
];

function service(
  scheme: SipService["scheme"],
  protocol: Protocol,
  names: Pick<SipService, "naptr" | "srv" | "defaultPort">,
): SipService {
  return { scheme, transport: protocol, protocol, ...names };
}

/** What a URI says about where to send: the TARGET of RFC 3263 section 4. */
export interface NextHop {
  /** IP literal without brackets, or a host name in lower case. */
  readonly host: string;
  /** 0 for a host name. */
  readonly family: number;
  readonly port: number | undefined;
  readonly isTransportGiven: boolean;
  /** The services that the URI allows and we support, at least one. */
  readonly services: readonly [SipService, ...SipService[]];
}

/** A label is 1 to 63 letters, digits, hyphens or underscores; the last one starts with a letter. */
const HOST_NAME = /^(?:[a-z0-9_-]{1,63}\.)*[a-z][a-z0-9_-]{0,62}$/u;
const MAX_NAME_LENGTH = 253;

/**
 * Reads host or maddr, port and transport of a sip: or sips: URI. Undefined when the URI is malformed,
 * of another scheme, wants a transport that is not supported, or its host can be no name in the DNS.
 */
export function parseNextHop(text: string, protocols: readonly Protocol[]): NextHop | undefined {
  const uri = parseUri(text);
  if (uri === undefined) return undefined;
  const transport = uriParam(uri, "transport")?.toLowerCase();
  const [first, ...others] = SERVICES.filter((one) => {
    if (one.scheme !== uri.scheme || !protocols.includes(one.protocol)) return false;
    // In a sips URI the transport names what TLS runs on (RFC 3261 section 26.2.2).
    if (uri.scheme === "sips") return transport === undefined || /^(tcp|tls)$/u.test(transport);
    return transport === undefined ? one.protocol !== "tls" : transport === one.transport;
  });
  const place = parsePlace(uriParam(uri, "maddr") ?? uri.host);
  if (first === undefined || place === undefined) return undefined;
  const isTransportGiven = transport !== undefined;
  return { ...place, port: uri.port, isTransportGiven, services: [first, ...others] };
}

function parsePlace(host: string): Pick<NextHop, "host" | "family"> | undefined {
  const isBracketed = host.startsWith("[") && host.endsWith("]");
  const name = (isBracketed ? host.slice(1, -1) : host.replace(/\.$/u, "")).toLowerCase();
  // A zone means something on the machine that wrote it only.
  const family = name.includes("%") ? 0 : isIP(name);
  if (family !== 0 || isBracketed) return family === 0 ? undefined : { host: name, family };
  return name.length <= MAX_NAME_LENGTH && HOST_NAME.test(name)
    ? { host: name, family }
    : undefined;
}
