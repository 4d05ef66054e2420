import { trimBlanks } from "./ascii.ts";
import { BLANKS, QUOTED, SPACE, TOKEN } from "./grammar.ts";
import { unquote } from "./params.ts";
import { firstValueEnd } from "./split-list.ts";

/** A challenge or credentials: WWW-Authenticate, Authorization and their Proxy- twins (section 20.7). */
export interface AuthHeader {
  /** Lower case: "digest", "bearer", ... */
  readonly scheme: string;
  /** Lower-case names with their unquoted values. */
  readonly params: ReadonlyMap<string, string>;
}

/** More than RFC 7616 defines with room for extensions. */
const MAX_AUTH_PARAMS = 32;
const HEAD = new RegExp(`^(${TOKEN})${SPACE}`, "u");
/** auth-param. Unquoted values may be any printable bytes, as some phones leave quotes out. */
const PARAM = new RegExp(`^(${TOKEN})${BLANKS}=${BLANKS}(${QUOTED}|[!#-+\\--~\\x80-\\xff]*)$`, "u");

/**
 * Parses one header value; undefined when it is malformed. A name that comes twice is malformed, lest
 * two servers read two different things (RFC 7235 section 2.1).
 */
export function parseAuthHeader(value: string): AuthHeader | undefined {
  const head = HEAD.exec(value);
  if (head?.[1] === undefined) return undefined;
  const params = new Map<string, string>();
  let rest = value.slice(head[0].length);
  while (rest !== "") {
    const end = firstValueEnd(rest);
    if (end === -1 || params.size === MAX_AUTH_PARAMS) return undefined;
    if (!addParam(params, trimBlanks(rest.slice(0, end)))) return undefined;
    rest = trimBlanks(rest.slice(end + 1));
  }
  return params.size === 0 ? undefined : { scheme: head[1].toLowerCase(), params };
}

function addParam(params: Map<string, string>, text: string): boolean {
  const match = PARAM.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) return false;
  const name = match[1].toLowerCase();
  if (params.has(name)) return false;
  params.set(name, unquote(match[2]));
  return true;
}
