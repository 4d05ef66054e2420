import { isBlank, trimBlanks } from "./ascii.ts";
import { isParamList } from "./params.ts";
import { skipQuoted } from "./split-list.ts";
import { isUri } from "./uri.ts";

/** A name-addr or addr-spec with its header parameters (RFC 3261 sections 20.10, 20.20, 20.39). */
export interface NameAddr {
  /** Display name as written, quotes included; empty when there is none. */
  readonly display: string;
  /** URI without angle brackets, as written. parseUri takes it. */
  readonly uri: string;
  /** Header parameters as written, starting with a semicolon, or empty. */
  readonly params: string;
}

const LESS = 0x3c;
const QUOTE = 0x22;
/**
 * Display names without quotes are tokens and spaces; other harmless characters and UTF-8 are common
 * there. A comma or an "@" is not overlooked (RFC 4475 section 3.1.2.15).
 */
const BARE_DISPLAY = /^[\t !#-'*+\-./0-9A-Z^_`a-z|~\x80-\xff]*$/u;

/** Parses one value; undefined when it is not well formed. */
export function parseNameAddr(value: string): NameAddr | undefined {
  const open = findOpenBracket(value);
  if (open === -1) return parseAddrSpec(value);
  const close = value.indexOf(">", open);
  if (close === -1) return undefined;
  const display = value.slice(0, open);
  if (open > 0 && value.charCodeAt(0) !== QUOTE && !BARE_DISPLAY.test(display)) return undefined;
  return build(display, value.slice(open + 1, close), value.slice(close + 1));
}

/** Index of the "<" that opens the URI; -1 when there is none. */
function findOpenBracket(value: string): number {
  const first = value.charCodeAt(0);
  if (first === LESS) return 0;
  if (first !== QUOTE) return value.indexOf("<");
  let open = skipQuoted(value, 0) + 1;
  while (isBlank(value.charCodeAt(open))) open += 1;
  return open > 0 && value.charCodeAt(open) === LESS ? open : -1;
}

/**
 * Without brackets all parameters belong to the header, and the URI has none, nor commas or "?" (RFC 3261
 * section 20.10).
 */
function parseAddrSpec(value: string): NameAddr | undefined {
  const semicolon = value.indexOf(";");
  const uri = trimBlanks(semicolon === -1 ? value : value.slice(0, semicolon));
  if (uri.includes("?") || uri.includes(",")) return undefined;
  return build("", uri, semicolon === -1 ? "" : value.slice(semicolon));
}

function build(display: string, uri: string, rest: string): NameAddr | undefined {
  if (!isUri(uri) || (rest !== "" && !isParamList(rest))) return undefined;
  return { display: trimBlanks(display), uri, params: trimBlanks(rest) };
}
