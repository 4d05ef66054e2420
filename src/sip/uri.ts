import { unescapeUri } from "./escape.ts";
import { HOST, HOSTNAME, PORT, parseDigits, URI_TEXT } from "./grammar.ts";
import { isHost } from "./host.ts";
import { MAX_URI_LENGTH } from "./limits.ts";
import { paramValue, parseParams } from "./params.ts";

/** A URI taken apart. Parts are as written, except the scheme, which is lower case. */
export interface Uri {
  readonly scheme: string;
  /** User part without password, still escaped; undefined when there is none. */
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** Host as written, IPv6 literals in brackets; empty for schemes other than sip and sips. */
  readonly host: string;
  readonly port: number | undefined;
  /** URI parameters as written, starting with a semicolon, or empty. */
  readonly params: string;
  /** URI headers as written without the question mark, or empty. */
  readonly headers: string;
  /** For schemes other than sip and sips: what follows the colon, without parameters. */
  readonly opaque: string;
}

/**
 * user and password: the RFC's characters, escapes of two hexadecimal digits, and beyond the RFC "#"
 * and raw UTF-8, which phones send.
 */
const USER_CHARS = "[!#$&-9;=?A-Z_a-z~\\x80-\\xff]*";
const USER = `${USER_CHARS}(?:%[0-9A-Fa-f]{2}${USER_CHARS})*`;
/** URI parameters and headers: any printable byte but quotes, angle brackets and "@". */
const PARAMS = ";[!#-;=A-~\\x80-\\xff]*";
const HEADERS = "[!#-;=?A-~\\x80-\\xff]*";

/** SIP-URI and SIPS-URI. The user is looked for first: it may hold ";" and "?". */
const SIP_URI = sipUri(HOST);
const SIP_URI_WITH_NAME = sipUri(HOSTNAME);

function sipUri(host: string): RegExp {
  return new RegExp(
    `^[Ss][Ii][Pp]([Ss]?):(?:(?=[^:@])(${USER})(?::(${USER}))?@)?(${host})(?::(${PORT}))?(${PARAMS})?(?:\\?(${HEADERS}))?$`,
    "u",
  );
}

const OTHER_URI = new RegExp(`^([A-Za-z][A-Za-z0-9+.-]*):(${URI_TEXT})$`, "u");

/**
 * Parses a URI: sip and sips completely (RFC 3261 section 19.1), tel as number and parameters (RFC 3966),
 * others (urn, http, ...) as scheme and opaque part. Undefined when it is malformed, too long, or its
 * port is not from 1 to 65535.
 */
export function parseUri(text: string): Uri | undefined {
  if (text.length > MAX_URI_LENGTH) return undefined;
  const match = SIP_URI.exec(text);
  const host = match?.[4];
  if (match === null || host === undefined) return parseOther(text);
  if (!isHost(host)) return undefined;
  return {
    scheme: match[1] === "" ? "sip" : "sips",
    user: match[2],
    password: match[3],
    host,
    port: parseDigits(match[5] ?? ""),
    params: match[6] ?? "",
    headers: match[7] ?? "",
    opaque: "",
  };
}

/** Whether parseUri would take a text, for less work. */
export function isUri(text: string): boolean {
  return (
    (text.length <= MAX_URI_LENGTH && SIP_URI_WITH_NAME.test(text)) || parseUri(text) !== undefined
  );
}

function parseOther(text: string): Uri | undefined {
  const match = OTHER_URI.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const scheme = match[1].toLowerCase();
  if (scheme === "sip" || scheme === "sips") return undefined;
  const semicolon = scheme === "tel" ? match[2].indexOf(";") : -1;
  const opaque = semicolon === -1 ? match[2] : match[2].slice(0, semicolon);
  return {
    scheme,
    user: undefined,
    password: undefined,
    host: "",
    port: undefined,
    params: semicolon === -1 ? "" : match[2].slice(semicolon),
    headers: "",
    opaque,
  };
}

/** Writes a URI the way it was parsed. An empty user is no user: "sip:@" is never written. */
export function serializeUri(uri: Uri): string {
  if (uri.scheme !== "sip" && uri.scheme !== "sips") {
    return `${uri.scheme}:${uri.opaque}${uri.params}`;
  }
  const password = uri.password === undefined ? "" : `:${uri.password}`;
  const user = uri.user === undefined || uri.user === "" ? "" : `${uri.user}${password}@`;
  const port = uri.port === undefined ? "" : `:${uri.port}`;
  const headers = uri.headers === "" ? "" : `?${uri.headers}`;
  return `${uri.scheme}:${user}${uri.host}${port}${uri.params}${headers}`;
}

/**
 * Value of a URI parameter by its lower-case name: undefined when absent, "" for a flag. The value is
 * as written, escapes included; escapes in names are undone (RFC 3261 section 19.1.2).
 */
export function uriParam(uri: Uri, name: string): string | undefined {
  if (uri.params === "") return undefined;
  const value = paramValue(uri.params, name);
  if (value !== undefined || !uri.params.includes("%")) return value;
  const escaped = parseParams(uri.params).find(
    (param) => param.name.includes("%") && unescapeUri(param.name).toLowerCase() === name,
  );
  return escaped === undefined ? undefined : (escaped.value ?? "");
}
