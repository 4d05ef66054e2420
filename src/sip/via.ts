import { trimBlanks } from "./ascii.ts";
import { BLANKS, HOST, PORT, parseDigits, SPACE, TOKEN } from "./grammar.ts";
import { isHost } from "./host.ts";
import { PARAM_LIST, paramValue } from "./params.ts";
import { firstValueEnd } from "./split-list.ts";

/** The first Via value of a message (RFC 3261 section 20.42). */
export interface Via {
  /** Upper-case transport: UDP, TCP, TLS, WS, WSS, or whatever the peer wrote. */
  readonly transport: string;
  /** sent-by host as written (IPv6 in brackets). */
  readonly host: string;
  readonly port: number | undefined;
  /** sent-by in lower case and without white space: what transaction matching compares. */
  readonly sentBy: string;
  /** Parameters as written, starting with a semicolon, or empty. */
  readonly params: string;
  /** Whether the parameters are a list as RFC 3261 has them. Where they are not, the request is refused. */
  readonly isWellFormed: boolean;
  /** Undefined when absent. */
  readonly branch: string | undefined;
  /** The value as written, without what follows its comma. */
  readonly text: string;
  /** The further values of the same line, starting with their comma; empty for the usual one. */
  readonly rest: string;
}

/** via-parm. Any protocol name and version pass, since a request of another version is answered too. */
function viaWith(params: string): RegExp {
  return new RegExp(
    `^${TOKEN}${BLANKS}/${BLANKS}${TOKEN}${BLANKS}/${BLANKS}(${TOKEN})${SPACE}((${HOST})(?:${BLANKS}:${BLANKS}(${PORT}))?)(${params})$`,
    "u",
  );
}

const VIA = viaWith(PARAM_LIST);
/** What is malformed behind the sent-by does not keep it from being answered. */
const SENT_BY = viaWith(`${BLANKS}(?:;[^]*)?`);
const WHITE_SPACE = /[ \t]+/gu;

/** Parses the first value of a Via header; undefined when it is malformed up to its sent-by. */
export function parseVia(value: string): Via | undefined {
  const end = value.includes(",") ? firstValueEnd(value) : value.length;
  return end === -1 ? undefined : parseParm(trimBlanks(value.slice(0, end)), value.slice(end));
}

function parseParm(text: string, rest: string): Via | undefined {
  const match = VIA.exec(text);
  if (match !== null) return buildVia(match, true, rest);
  const loose = SENT_BY.exec(text);
  return loose === null ? undefined : buildVia(loose, false, rest);
}

function buildVia(match: RegExpExecArray, isWellFormed: boolean, rest: string): Via | undefined {
  const transport = match[1];
  const sentBy = match[2];
  const host = match[3];
  const params = match[5];
  if (
    transport === undefined ||
    sentBy === undefined ||
    params === undefined ||
    host === undefined ||
    !isHost(host)
  ) {
    return undefined;
  }
  return {
    transport: transport === "UDP" ? transport : transport.toUpperCase(),
    host,
    port: parseDigits(match[4] ?? ""),
    sentBy: withoutBlanks(sentBy).toLowerCase(),
    params: trimBlanks(params),
    isWellFormed,
    branch: paramValue(params, "branch"),
    text: match[0],
    rest,
  };
}

function withoutBlanks(text: string): string {
  return text.includes(" ") || text.includes("\t") ? text.replace(WHITE_SPACE, "") : text;
}
