import { paramValue, unquote } from "./params.ts";

/** Feature tag of the instance, the lower-case name of its contact parameter (RFC 5626 section 11.2). */
const INSTANCE = "+sip.instance";
/** instance-val: a URN in angle brackets (RFC 5626 section 10). A UUID has 45 characters. */
const BRACKETED_URN = /^<(urn:[a-z0-9][a-z0-9-]{1,31}:[!#-;=?-[\]-~]{1,200})>$/iu;

/**
 * The instance ID of a contact, from its header parameters: the URN in +sip.instance as written, without its
 * angle brackets; undefined when there is none or it is not one.
 */
export function instanceOf(contactParams: string): string | undefined {
  const value = paramValue(contactParams, INSTANCE);
  return value?.startsWith('"') === true ? BRACKETED_URN.exec(unquote(value))?.[1] : undefined;
}

/**
 * Whether two instance IDs are the same. Case does not count in UUIDs (RFC 4122 section 3), and cannot in any
 * other URN, since it does not in the URI parameter that carries it (RFC 3261 section 19.1.4).
 */
export function isSameInstance(a: string, b: string): boolean {
  return a === b || a.toLowerCase() === b.toLowerCase();
}
