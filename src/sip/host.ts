/**
 * Hosts as they stand in URIs and Via: names, IPv4 addresses, and IPv6 addresses in brackets.
 */

/** The longest way to write an IPv6 address, with one colon too many (RFC 5118 section 4.10). */
const MAX_IPV6_LENGTH = 46;
const BRACKET = 0x5b;
const DOTTED = /(:{1,3})(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/u;
const COMPLETE = /^(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}$/u;
const GROUPS = "(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?";
const COMPRESSED = new RegExp(`^${GROUPS}::${GROUPS}$`, "u");
const GROUP = /^[0-9A-Fa-f]{1,4}$/u;

/**
 * The eight groups of an IPv6 address without brackets; undefined when it is none. Zone identifiers are
 * refused: they mean nothing outside the host that wrote them.
 */
export function parseIpv6(text: string): readonly number[] | undefined {
  if (text.length > MAX_IPV6_LENGTH) return undefined;
  const [head = "", tail, more] = text.replace(DOTTED, asGroups).split("::");
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const missing = 8 - before.length - after.length;
  if (more !== undefined || (tail === undefined ? missing !== 0 : missing < 1)) return undefined;
  const groups = [...before, ...Array.from({ length: missing }, () => 0), ...after];
  return groups.some((group) => Number.isNaN(group)) ? undefined : groups;
}

/**
 * The IPv4 tail of an address as two groups. A third colon before it is a mistake of RFC 3261's own
 * grammar, to be tolerated (RFC 5118 section 4.10).
 */
function asGroups(_: string, colons: string, ...digits: readonly string[]): string {
  const [a = 0, b = 0, c = 0, d = 0] = digits.slice(0, 4).map(Number);
  if (Math.max(a, b, c, d) > 255) return ":::";
  const start = colons === ":::" ? "::" : colons;
  return `${start}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

/** The groups of one side of "::", NaN for what is none. */
function groupsOf(text: string): number[] {
  if (text === "") return [];
  return text
    .split(":")
    .map((group) => (GROUP.test(group) ? Number.parseInt(group, 16) : Number.NaN));
}

/** Whether what stands in brackets is an IPv6 address; hosts without brackets always pass. */
export function isHost(host: string): boolean {
  return host.charCodeAt(0) !== BRACKET || isIpv6(host.slice(1, -1));
}

/** Whether parseIpv6 would take a text, for less work on the usual forms. */
function isIpv6(text: string): boolean {
  if (text.includes(".")) return parseIpv6(text) !== undefined;
  if (COMPLETE.test(text)) return true;
  return COMPRESSED.test(text) && text.split(":").filter((group) => group !== "").length < 8;
}

/**
 * Whether two hosts are the same: names without case, IPv6 addresses by their bits (RFC 5954 section
 * 4.2), with or without brackets.
 */
export function isSameHost(left: string, right: string): boolean {
  if (left === right) return true;
  const a = withoutBrackets(left);
  const b = withoutBrackets(right);
  if (!a.includes(":") || !b.includes(":")) return a.toLowerCase() === b.toLowerCase();
  const groups = parseIpv6(a);
  return groups !== undefined && groups.join(":") === parseIpv6(b)?.join(":");
}

function withoutBrackets(host: string): string {
  return host.charCodeAt(0) === BRACKET ? host.slice(1, -1) : host;
}
