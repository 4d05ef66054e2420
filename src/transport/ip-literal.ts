import { isIP } from "node:net";

/** Puts an IPv6 literal in brackets, as URIs and Via want it; other hosts are returned as they are. */
export function bracketHost(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

/**
 * The 4 or 16 octets of an IP literal without brackets, in network order; an IPv6 zone is left out.
 * Undefined when the text is no IP literal.
 */
export function ipOctets(literal: string): Buffer | undefined {
  const family = isIP(literal);
  if (family === 0) return undefined;
  return family === 4 ? quadOctets(literal) : ipv6Octets(literal.replace(/%.*$/u, ""));
}

/** Whether a literal means "every address" (0.0.0.0, ::). */
export function isWildcard(literal: string): boolean {
  return ipOctets(literal)?.every((octet) => octet === 0) === true;
}

function quadOctets(quad: string): Buffer {
  return Buffer.from(quad.split(".").map(Number));
}

function ipv6Octets(literal: string): Buffer {
  const [head = "", tail] = literal.split("::");
  const front = groupOctets(head);
  const back = groupOctets(tail ?? "");
  return Buffer.concat([front, Buffer.alloc(16 - front.length - back.length), back]);
}

function groupOctets(text: string): Buffer {
  if (text === "") return Buffer.alloc(0);
  const groups = text
    .split(":")
    .map((group) =>
      group.includes(".") ? quadOctets(group) : Buffer.from(group.padStart(4, "0"), "hex"),
    );
  return Buffer.concat(groups);
}
