import { isIP, isIPv4, isIPv6 } from "node:net";
import { Refusal } from "./leaf.ts";

/** The transports a listener can have, and the port it has when none is given (RFC 3261 section 19.1.2, RFC 7118). */
const DEFAULT_PORTS = { udp: 5060, tcp: 5060, tls: 5061, ws: 80, wss: 443 } as const;

type ListenProtocol = keyof typeof DEFAULT_PORTS;

/** Where to listen: "udp:0.0.0.0:5060". */
export interface ListenAddress extends SocketAddress {
  readonly protocol: ListenProtocol;
}

/** An IP literal without brackets, and a port; port 0 lets the system choose. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** A name or IP literal as SIP writes it (IPv6 in brackets), and a port. */
export interface HostPort {
  readonly host: string;
  readonly port: number | undefined;
}

/** RFC 3261 section 25.1 hostname, with the underscore that real names have. */
const HOST_NAME =
  /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]*[a-z0-9])?\.)*[a-z]([a-z0-9-]*[a-z0-9])?\.?$/iu;

const LISTEN_RULE =
  "must be TRANSPORT:ADDRESS:PORT such as udp:0.0.0.0:5060 or tls:[::]:5061, with udp, tcp, tls, ws or wss";
const ADMIN_RULE = "must be ADDRESS:PORT such as 127.0.0.1:8080, or off";
const LOOPBACK_RULE =
  "must be a loopback address such as 127.0.0.1 or [::1], since this version has no access tokens for others";

/** `host`, `host:port`, `[v6]`, `[v6]:port`; undefined when it is none of them. */
export function parseHostPort(text: string): HostPort | undefined {
  const parts = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d{1,5}))?$/u.exec(text);
  const host = parts?.[1] ?? "";
  const port = parts?.[2] === undefined ? undefined : Number(parts[2]);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  const isHost = isIPv4(host) || isBracketed(host) || HOST_NAME.test(host);
  return isHost ? { host, port } : undefined;
}

/** A listener's transport and bind address: "udp:0.0.0.0:5060", "tls:[::1]:5061". The port may be left out. */
export function parseListenAddress(text: string): ListenAddress | Refusal {
  const [, written = "", rest = text] = /^([a-z]+):(.*)$/iu.exec(text) ?? [];
  const scheme = written.toLowerCase();
  const protocol = isProtocol(scheme) ? scheme : undefined;
  const found = parseSocketAddress(rest, DEFAULT_PORTS[protocol ?? "udp"]);
  if (protocol !== undefined && found !== undefined) return { protocol, ...found };
  const meant = scheme === "" && found !== undefined ? `did you mean "udp:${text}"?` : undefined;
  return new Refusal(LISTEN_RULE, meant);
}

function isProtocol(scheme: string): scheme is ListenProtocol {
  return Object.hasOwn(DEFAULT_PORTS, scheme);
}

/** How a listener is named in rules and in the log: "udp:192.0.2.1:5060", "tls:[::1]:5061". */
export function listenerId({ protocol, address, port }: ListenAddress): string {
  return `${protocol}:${address.includes(":") ? `[${address}]` : address}:${port}`;
}

/** The admin listener's address, or undefined for none. Only loopback addresses are accepted. */
export function parseAdminAddress(text: string): SocketAddress | undefined | Refusal {
  if (/^(off|false|no|none)$/iu.test(text)) return undefined;
  const found = parseSocketAddress(text.replace(/^localhost:/iu, "127.0.0.1:"), undefined);
  if (found === undefined) return new Refusal(ADMIN_RULE);
  const isLoopback = found.address === "::1" || found.address.startsWith("127.");
  return isLoopback ? found : new Refusal(LOOPBACK_RULE);
}

/** The host (and port) others are told to use for a listener. */
export function parseAdvertised(text: string): HostPort | Refusal {
  const rule = "must be HOST or HOST:PORT such as sip.example.com or 192.0.2.1:5060";
  return parseHostPort(text) ?? new Refusal(rule);
}

/** A peer: `ip`, `ip:port`, `[v6]:port` or `network/bits`, given back as it was written. */
export function parsePeer(text: string): string | Refusal {
  const rule = "must be an IP address, ADDRESS:PORT, or NETWORK/BITS such as 10.0.0.0/8";
  const [, network = "", bits = ""] = /^([^/]*)\/(\d{1,3})$/u.exec(text) ?? [];
  const family = isIP(network);
  const isNetwork = family !== 0 && Number(bits) <= (family === 4 ? 32 : 128);
  return isNetwork || isAddress(text) ? text : new Refusal(rule);
}

/** Addresses of peers, whatever their ports: `ip` or `network/bits`, given back as it was written. */
export function parsePeerNetwork(text: string): string | Refusal {
  const rule = "must be an IP address or NETWORK/BITS such as 10.0.0.0/8";
  if (isIP(text) !== 0) return text;
  return text.includes("/") && !(parsePeer(text) instanceof Refusal) ? text : new Refusal(rule);
}

/** A DNS server: `ip`, `ip:port` or `[v6]:port`, given back as it was written. */
export function parseDnsServer(text: string): string | Refusal {
  return isAddress(text) ? text : new Refusal("must be ADDRESS or ADDRESS:PORT such as 10.0.0.53");
}

function isAddress(text: string): boolean {
  if (isIP(text) !== 0) return true;
  const found = parseSocketAddress(text, 0);
  return found !== undefined && (found.port > 0 || text === `[${found.address}]`);
}

function parseSocketAddress(
  text: string,
  defaultPort: number | undefined,
): SocketAddress | undefined {
  const parts = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/u.exec(text);
  const [, v6 = "", v4 = "", digits] = parts ?? [];
  const port = digits === undefined ? defaultPort : Number(digits);
  if (port === undefined || port > 65_535) return undefined;
  if (isIPv6(v6)) return { address: v6, port };
  return isIPv4(v4) ? { address: v4, port } : undefined;
}

function isBracketed(host: string): boolean {
  // A zone such as %eth0 means nothing outside its own machine, and SIP has no syntax for it.
  return /^\[[^%]*\]$/u.test(host) && isIPv6(host.slice(1, -1));
}
