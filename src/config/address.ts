import { isIP, isIPv4, isIPv6 } from "node:net";
import { Refusal } from "./leaf.ts";

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

const LISTEN_RULE = "must be udp:ADDRESS:PORT such as udp:0.0.0.0:5060 or udp:[::]:5060";
const ADMIN_RULE = "must be ADDRESS:PORT such as 127.0.0.1:8080, or off";
const LOOPBACK_RULE =
  "must be a loopback address such as 127.0.0.1 or [::1], since this version has no access tokens for others";
const NOT_BUILT = "that transport is not available in this version, use udp";

/** `host`, `host:port`, `[v6]`, `[v6]:port`; undefined when it is none of them. */
export function parseHostPort(text: string): HostPort | undefined {
  const parts = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d{1,5}))?$/u.exec(text);
  const host = parts?.[1] ?? "";
  const port = parts?.[2] === undefined ? undefined : Number(parts[2]);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  const isHost = isIPv4(host) || isBracketed(host) || HOST_NAME.test(host);
  return isHost ? { host, port } : undefined;
}

/** A listener's bind address: "udp:0.0.0.0:5060", "udp:[::1]:5060". Without a port it is 5060. */
export function parseListenAddress(text: string): SocketAddress | Refusal {
  const [, scheme = "", rest = text] = /^([a-z]+):(.*)$/iu.exec(text) ?? [];
  if (/^(tcp|tls|ws|wss)$/iu.test(scheme)) return new Refusal(LISTEN_RULE, NOT_BUILT);
  const found = parseSocketAddress(rest, 5060);
  if (scheme.toLowerCase() === "udp" && found !== undefined) return found;
  const meant = scheme === "" && found !== undefined ? `did you mean "udp:${text}"?` : undefined;
  return new Refusal(LISTEN_RULE, meant);
}

/** How a listener is named in rules and in the log: "udp:192.0.2.1:5060", "udp:[::1]:5060". */
export function listenerId({ address, port }: SocketAddress): string {
  return `udp:${address.includes(":") ? `[${address}]` : address}:${port}`;
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
