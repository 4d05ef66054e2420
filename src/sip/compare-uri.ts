/**
 * Equality of URIs (RFC 3261 section 19.1.4, with RFC 5954 for IPv6, RFC 3966 for tel, RFC 8141 for urn).
 */
import { lowerCase } from "./ascii.ts";
import { normalizeEscapes } from "./escape.ts";
import { isSameHost } from "./host.ts";
import { parseParams } from "./params.ts";
import { parseUri, type Uri } from "./uri.ts";

/**
 * Parameters of sip and sips that never match when only one URI has them. The first five are the RFC's;
 * lr and gr change what the URI names (RFC 3261 section 19.1.1, RFC 5627 section 3), and a push
 * parameter that comes or goes makes another device of it (RFC 8599 section 5.3).
 */
const STRICT = new Set(["transport", "user", "ttl", "method", "maddr", "lr", "gr"]);
const VISUAL_SEPARATOR = /[-.()]/gu;

function isStrict(name: string): boolean {
  return STRICT.has(name) || name.startsWith("pn-");
}

/**
 * Whether two URI texts name the same thing. Identical texts do, whatever they hold; otherwise false when
 * either is malformed.
 */
export function isSameUri(left: string, right: string): boolean {
  if (left === right) return true;
  const a = parseUri(left);
  const b = parseUri(right);
  return a !== undefined && b !== undefined && isEqualUri(a, b);
}

/** Whether two parsed URIs are equal. */
export function isEqualUri(a: Uri, b: Uri): boolean {
  if (a.scheme !== b.scheme) return false;
  switch (a.scheme) {
    case "sip":
    case "sips":
      return isEqualSip(a, b);
    case "tel":
      return isEqualTel(a, b);
    case "urn":
      return canonicalUrn(a.opaque) === canonicalUrn(b.opaque);
    default:
      return a.opaque === b.opaque;
  }
}

function isEqualSip(a: Uri, b: Uri): boolean {
  return (
    a.port === b.port &&
    isSameHost(a.host, b.host) &&
    isSameText(a.user, b.user) &&
    isSameText(a.password, b.password) &&
    hasSameParams(sipParams(a), sipParams(b), isStrict) &&
    canonicalHeaders(a.headers) === canonicalHeaders(b.headers)
  );
}

/** Numbers compare without visual separators; no parameter is ever ignored (RFC 3966 section 4). */
function isEqualTel(a: Uri, b: Uri): boolean {
  return (
    digitsOf(a.opaque) === digitsOf(b.opaque) &&
    hasSameParams(telParams(a), telParams(b), () => true)
  );
}

function digitsOf(number: string): string {
  return number.replace(VISUAL_SEPARATOR, "").toLowerCase();
}

/** The namespace compares without case, and so does a UUID (RFC 8141 section 3.1, RFC 4122 section 3). */
function canonicalUrn(opaque: string): string {
  const namespaceEnd = opaque.indexOf(":");
  const namespace = opaque.slice(0, namespaceEnd + 1).toLowerCase();
  const rest = opaque.slice(namespaceEnd + 1);
  return namespace + (namespace === "uuid:" ? rest.toLowerCase() : rest);
}

/** User and password compare with case. */
function isSameText(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a === b || normalizeEscapes(a) === normalizeEscapes(b);
}

type ParamMap = ReadonlyMap<string, string>;

function paramMap(list: string, canonical: (value: string, name: string) => string): ParamMap {
  const map = new Map<string, string>();
  for (const { name, value } of parseParams(list)) {
    const key = lowerCase(normalizeEscapes(name));
    if (!map.has(key)) map.set(key, canonical(lowerCase(value ?? ""), key));
  }
  return map;
}

function sipParams(uri: Uri): ParamMap {
  return paramMap(uri.params, (value) => lowerCase(normalizeEscapes(value)));
}

/** ext is a number, and so is a phone-context unless it is a domain name. */
function telParams(uri: Uri): ParamMap {
  return paramMap(uri.params, (value, name) =>
    name === "ext" || (name === "phone-context" && value.startsWith("+")) ? digitsOf(value) : value,
  );
}

function hasSameParams(a: ParamMap, b: ParamMap, isNeeded: (name: string) => boolean): boolean {
  for (const [name, value] of a) {
    const other = b.get(name);
    if (other === undefined ? isNeeded(name) : other !== value) return false;
  }
  for (const name of b.keys()) {
    if (isNeeded(name) && !a.has(name)) return false;
  }
  return true;
}

/** Headers are never ignored; their order does not count, nor the case of their names. */
function canonicalHeaders(text: string): string {
  return text
    .split("&")
    .map((header) => {
      const equals = header.indexOf("=");
      const name = equals === -1 ? header : header.slice(0, equals);
      const value = normalizeEscapes(header.slice(name.length + 1));
      return `${lowerCase(normalizeEscapes(name))}=${value}`;
    })
    .toSorted()
    .join("&");
}
