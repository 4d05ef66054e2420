/**
 * Values of the headers that are not worth a file of their own: numbers, tokens, addresses, and values
 * with parameters. Each function serves every header of its kind.
 */
import { trimBlanks } from "./ascii.ts";
import { BLANKS, parseDigits, QUOTED, SPACE, TOKEN } from "./grammar.ts";
import { HEADER } from "./header-name.ts";
import { MAX_DELTA_SECONDS, MAX_LIST_VALUES } from "./limits.ts";
import { headerValue, headerValues, type IndexedText } from "./message.ts";
import { type NameAddr, parseNameAddr } from "./name-addr.ts";
import { isParamList, parseParams, unquote } from "./params.ts";
import { splitList } from "./split-list.ts";

/**
 * delta-seconds as a bounded number: values of 2**32 and more count as 2**32 - 1 (RFC 3261 section
 * 20.19). Undefined when it is not a row of digits.
 */
export function parseDeltaSeconds(text: string): number | undefined {
  const seconds = parseDigits(text);
  return seconds === undefined ? undefined : Math.min(seconds, MAX_DELTA_SECONDS);
}

/**
 * A header that is one number: Expires, Min-Expires, Flow-Timer (RFC 5626 section 11.1), Max-Forwards,
 * Max-Breadth. Undefined when absent, NaN when malformed.
 */
export function secondsHeader(message: IndexedText, id: number): number | undefined {
  const value = headerValue(message, id);
  if (value === undefined) return undefined;
  return parseDeltaSeconds(value) ?? Number.NaN;
}

const RETRY_AFTER = /^(\d+)(?=[ \t;(]|$)/u;

/** Retry-After: the seconds, without comment and parameters; undefined when absent or malformed. */
export function retryAfterOf(message: IndexedText): number | undefined {
  const digits = RETRY_AFTER.exec(headerValue(message, HEADER.retryAfter) ?? "")?.[1];
  return digits === undefined ? undefined : parseDeltaSeconds(digits);
}

/**
 * Milliseconds since 1970 of a Date value, "Sat, 13 Nov 2010 23:29:00 GMT" (RFC 3261 section 20.17).
 * Undefined when it is written in any other way, has another time zone, or names no real day.
 */
export function parseSipDate(value: string): number | undefined {
  const atMs = Date.parse(value);
  return !Number.isNaN(atMs) && formatSipDate(atMs) === value ? atMs : undefined;
}

/** Writes milliseconds since 1970, up to the year 9999, as a Date value. Parts of a second are lost. */
export function formatSipDate(atMs: number): string {
  return new Date(atMs).toUTCString();
}

/** Option tags or tokens of all lines of a header, lower case: Supported, Require, Allow, ... */
export function tokensOf(message: IndexedText, id: number): string[] {
  return headerValues(message, id)
    .flatMap((value) => value.split(","))
    .map((token) => trimBlanks(token).toLowerCase())
    .filter((token) => token !== "");
}

/** All values of a list header, over all its lines; undefined when malformed or too many. */
function valuesOf(message: IndexedText, id: number): string[] | undefined {
  const values: string[] = [];
  for (const line of headerValues(message, id)) {
    const more = splitList(line);
    if (more === undefined || values.length + more.length > MAX_LIST_VALUES) return undefined;
    values.push(...more);
  }
  return values;
}

function parseAll<T>(
  values: readonly string[] | undefined,
  parse: (value: string) => T | undefined,
): T[] | undefined {
  if (values === undefined) return undefined;
  const parsed: T[] = [];
  for (const value of values) {
    const one = parse(value);
    if (one === undefined) return undefined;
    parsed.push(one);
  }
  return parsed;
}

/**
 * All values of a header that lists addresses: Route, Record-Route, Path (RFC 3327), Service-Route
 * (RFC 3608), P-Associated-URI. Undefined when one of them is malformed or there are too many.
 */
export function addressesOf(message: IndexedText, id: number): NameAddr[] | undefined {
  return parseAll(valuesOf(message, id), parseNameAddr);
}

/** A value with parameters. */
export interface ParamValue {
  /** What stands before the parameters, as written. */
  readonly value: string;
  /** Parameters as written, starting with a semicolon, or empty. */
  readonly params: string;
}

/** Event, Content-Type, Content-Disposition, Subscription-State, Session-Expires: value and parameters. */
export function parseParamValue(text: string): ParamValue | undefined {
  const semicolon = text.indexOf(";");
  const value = trimBlanks(semicolon === -1 ? text : text.slice(0, semicolon));
  const params = semicolon === -1 ? "" : text.slice(semicolon);
  return VALUE.test(value) && isParamList(params) ? { value, params } : undefined;
}

/** A token, or two with a slash between them, as in a media type. */
const VALUE = new RegExp(`^${TOKEN}(?:${BLANKS}/${BLANKS}${TOKEN})?$`, "u");

/** Accept and its kin: all values, each with its parameters. Undefined when malformed or too many. */
export function paramValuesOf(message: IndexedText, id: number): ParamValue[] | undefined {
  // "Accept:" without a value accepts nothing (RFC 3261 section 20.1).
  if (headerValues(message, id).every((line) => line === "")) return [];
  return parseAll(valuesOf(message, id), parseParamValue);
}

/** Capability indicators, "+" included, by lower-case name; quoted values keep their quotes. */
export type FeatureCaps = ReadonlyMap<string, string>;

/** One Feature-Caps value (RFC 6809 section 6.2). Undefined when it is malformed. */
export function parseFeatureCaps(value: string): FeatureCaps | undefined {
  // fc-value = "*" *(SEMI feature-cap): the asterisk is not optional.
  const list = value.slice(1);
  if (!value.startsWith("*") || !isParamList(list)) return undefined;
  return new Map(parseParams(list).map((param) => [param.name.toLowerCase(), param.value ?? ""]));
}

/** All Feature-Caps values of a message, topmost first. Undefined when malformed or too many. */
export function featureCapsOf(message: IndexedText): FeatureCaps[] | undefined {
  return parseAll(valuesOf(message, HEADER.featureCaps), parseFeatureCaps);
}

/** One Warning value (RFC 3261 section 20.43). */
export interface Warning {
  readonly code: number;
  /** Who gives the warning: a host or a pseudonym. */
  readonly agent: string;
  /** Without its quotes. */
  readonly text: string;
}

const WARNING = new RegExp(`^(\\d{3})${SPACE}([!-~]+)${SPACE}(${QUOTED})$`, "u");

/** All warnings of a message. Undefined when one is malformed or there are too many. */
export function warningsOf(message: IndexedText): Warning[] | undefined {
  return parseAll(valuesOf(message, HEADER.warning), parseWarning);
}

function parseWarning(value: string): Warning | undefined {
  const match = WARNING.exec(value);
  if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined)
    return undefined;
  return { code: Number(match[1]), agent: match[2], text: unquote(match[3]) };
}
