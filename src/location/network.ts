/**
 * Networks that addresses belong to, in CIDR notation (RFC 4632, RFC 4291 section 2.3).
 */
import { parseIpv6 } from "../sip/host.ts";

/** An address as groups of 16 bits: two for IPv4, eight for IPv6. */
export type AddressGroups = readonly number[];

export interface Network {
  /** As it was written. */
  readonly source: string;
  readonly groups: AddressGroups;
  /** How many bits of the address count. */
  readonly bits: number;
}

const QUAD = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/u;
/** ::ffff:0:0/96, IPv4 addresses as sockets of both families show them (RFC 4291 section 2.5.5.2). */
const MAPPED = "0,0,0,0,0,65535";

/**
 * The groups of an IP literal without brackets, whatever interface (%eth0) it is on; an IPv4 address mapped
 * into IPv6 is the IPv4 address. Undefined when it is none.
 */
export function addressGroups(literal: string): AddressGroups | undefined {
  const quad = QUAD.exec(literal);
  if (quad !== null) return quadGroups(quad.slice(1).map(Number));
  if (!literal.includes(":")) return undefined;
  const groups = parseIpv6(literal.split("%", 1)[0] ?? "");
  return groups?.slice(0, 6).join(",") === MAPPED ? groups.slice(6) : groups;
}

function quadGroups(octets: readonly number[]): AddressGroups | undefined {
  const [a = 0, b = 0, c = 0, d = 0] = octets;
  return Math.max(a, b, c, d) > 255 ? undefined : [a * 256 + b, c * 256 + d];
}

/** `ADDRESS` or `ADDRESS/BITS`; undefined when it is neither. */
export function parseNetwork(source: string): Network | undefined {
  const [, literal = "", digits] = /^([^/]*)(?:\/(\d{1,3}))?$/u.exec(source) ?? [];
  const groups = addressGroups(literal);
  if (groups === undefined) return undefined;
  const width = groups.length * 16;
  const bits = digits === undefined ? width : Number(digits);
  return bits > width ? undefined : { source, groups, bits };
}

/** Whether an address is in a network; never when they are of different families. */
export function isInNetwork(groups: AddressGroups, network: Network): boolean {
  if (groups.length !== network.groups.length) return false;
  for (let at = 0, left = network.bits; left > 0; at += 1, left -= 16) {
    const unused = Math.max(0, 16 - left);
    if ((groups[at] ?? 0) >> unused !== (network.groups[at] ?? 0) >> unused) return false;
  }
  return true;
}
