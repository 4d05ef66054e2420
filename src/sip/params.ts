/**
 * Parameter lists, ";name=value;flag;other=\"quoted\"", are kept as text and read on demand.
 */
import { isBlank, trimBlanks } from "./ascii.ts";
import { BLANKS, QUOTED, TOKEN } from "./grammar.ts";
import { skipQuoted } from "./split-list.ts";

const EQUALS = 0x3d;
const SEMICOLON = 0x3b;

/** One parameter: where it stands in the list, its name as written, and its value as written. */
export interface Param {
  readonly name: string;
  /** Undefined for a flag; a quoted string keeps its quotes. */
  readonly value: string | undefined;
  readonly start: number;
  readonly end: number;
}

/** An unquoted value: any printable bytes and UTF-8, wider than the RFC, but those that end a value. */
const VALUE = "[!#-+\\--:=?-~\\x80-\\xff]+";

/**
 * A list of header parameters as the source of a regular expression. An empty parameter (";;") is one
 * mistake that is not overlooked (RFC 4475 section 3.1.2.1).
 */
export const PARAM_LIST = `(?:${BLANKS};${BLANKS}${TOKEN}(?:${BLANKS}=(?:${BLANKS}(?:${QUOTED}|${VALUE}))?)?)*${BLANKS}`;

const WHOLE_LIST = new RegExp(`^${PARAM_LIST}$`, "u");

/** Whether a text is a list of header parameters, each with a token for a name. */
export function isParamList(text: string): boolean {
  return WHOLE_LIST.test(text);
}

/** Where the parameter that starts at `start` ends: at the next semicolon outside quotes. */
function paramEnd(list: string, start: number): number {
  let end = semicolonAt(list, start);
  let open = quoteIn(list, start, end);
  while (open !== -1) {
    const from = skipQuoted(list, open) + 1;
    if (from === 0) return list.length;
    if (from > end) end = semicolonAt(list, from);
    open = quoteIn(list, from, end);
  }
  return end;
}

/** The first quote before the semicolon at `end`; -1 when there is none, or no semicolon to hide. */
function quoteIn(list: string, from: number, end: number): number {
  const at = end === list.length ? -1 : list.slice(from, end).indexOf('"');
  return at === -1 ? -1 : from + at;
}

function semicolonAt(list: string, from: number): number {
  const at = list.indexOf(";", from);
  return at === -1 ? list.length : at;
}

/**
 * All parameters of a list that starts with a semicolon (or is empty). An empty parameter (";;") is
 * skipped.
 */
export function parseParams(list: string): Param[] {
  const params: Param[] = [];
  let start = semicolonAt(list, 0);
  while (start < list.length) {
    const end = paramEnd(list, start + 1);
    const body = list.slice(start + 1, end);
    const equals = body.indexOf("=");
    const name = trimBlanks(equals === -1 ? body : body.slice(0, equals));
    const value = equals === -1 ? undefined : trimBlanks(body.slice(equals + 1));
    if (name !== "") params.push({ name, value, start, end });
    start = end;
  }
  return params;
}

/** A parameter found by its name: where the name ends, and where the whole of it does. */
interface Found {
  readonly nameEnd: number;
  readonly end: number;
}

/** The first parameter of that lower-case name. Names compare without case. */
export function findParam(list: string, name: string): Found | undefined {
  let start = semicolonAt(list, 0);
  while (start < list.length) {
    const nameEnd = matchName(list, start + 1, name);
    const end = paramEnd(list, nameEnd === -1 ? start + 1 : nameEnd);
    if (nameEnd !== -1) return { nameEnd, end };
    start = end;
  }
  return undefined;
}

/** Where the name ends that starts at `start`, if it is that name; otherwise -1. */
function matchName(list: string, start: number, name: string): number {
  let at = start;
  while (isBlank(list.charCodeAt(at))) at += 1;
  // The first letter and the length decide in nearly all cases, without building a string.
  if ((list.charCodeAt(at) | 0x20) !== (name.charCodeAt(0) | 0x20)) return -1;
  const end = at + name.length;
  if (end < list.length && !isNameEnd(list.charCodeAt(end))) return -1;
  const written = list.slice(at, end);
  return written === name || written.toLowerCase() === name ? end : -1;
}

function isNameEnd(code: number): boolean {
  return code === EQUALS || code === SEMICOLON || isBlank(code);
}

/**
 * Value of a parameter by its lower-case name: undefined when absent, "" for a flag. Quoted values
 * keep their quotes. The first of several wins.
 */
export function paramValue(list: string, name: string): string | undefined {
  const found = list === "" ? undefined : findParam(list, name);
  if (found === undefined) return undefined;
  let at = found.nameEnd;
  while (isBlank(list.charCodeAt(at))) at += 1;
  return list.charCodeAt(at) === EQUALS ? trimBlanks(list.slice(at + 1, found.end)) : "";
}

/** The list without the parameters whose lower-case name the predicate picks. */
export function withoutParams(list: string, isDropped: (name: string) => boolean): string {
  let kept = "";
  for (const param of parseParams(list)) {
    if (!isDropped(param.name.toLowerCase())) kept += list.slice(param.start, param.end);
  }
  return kept;
}

const QUOTED_PAIR = /\\([^])/gu;
const NOT_IN_QUOTES = /["\\]/gu;
const LINE_BREAK = /[\r\n]+/gu;

/** The contents of a quoted string with its escapes undone; other text is returned as it is. */
export function unquote(value: string): string {
  if (!value.startsWith('"') || skipQuoted(value, 0) !== value.length - 1) return value;
  return value.slice(1, -1).replace(QUOTED_PAIR, "$1");
}

/**
 * A quoted string (RFC 3261 section 25.1) with backslash and quote escaped. Line breaks, which no
 * escape can carry, become spaces.
 */
export function quote(text: string): string {
  return `"${text.replace(NOT_IN_QUOTES, "\\$&").replace(LINE_BREAK, " ")}"`;
}
