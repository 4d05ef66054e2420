import { isBlank } from "./ascii.ts";
import { BLANKS, parseDigits, TOKEN } from "./grammar.ts";
import { HEADER, headerId, headerName } from "./header-name.ts";
import { MAX_HEADER_LINES } from "./limits.ts";
import { headerValue, type IndexedText, LINE_STRIDE } from "./message.ts";
import { badRequest, type SipError } from "./sip-error.ts";

/** An indexed text, and what is wrong with it: good lines are kept even so, to answer with. */
export interface Index {
  readonly indexed: IndexedText;
  readonly fault: SipError | undefined;
}

/** What is learnt on the way through the lines. */
interface Scan {
  readonly text: string;
  readonly lines: number[];
  readonly first: number[];
  isFolded: boolean;
  /** The first thing that is wrong. */
  problem: string | undefined;
}

/**
 * Headers that may stand only once: their grammar is no comma-separated list (RFC 3261 section 7.3.1),
 * and two elements that read different ones would disagree about the message.
 */
const SINGLE: ReadonlySet<number> = new Set([
  HEADER.from,
  HEADER.to,
  HEADER.callId,
  HEADER.cseq,
  HEADER.maxForwards,
  HEADER.expires,
  HEADER.contentLength,
]);

const NO_HEADER = -1;
const HEADER_NAME = new RegExp(`^(${TOKEN})${BLANKS}:`, "u");

/** Nothing found yet, for the headers that every message is asked for. */
const FIRST: readonly number[] = Array.from({ length: HEADER.contentLength + 1 }, () => -1);

/**
 * Cuts the header section of a message into lines. `startLineEnd` is where the start line's CRLF is. Only
 * CRLF ends a line: a CR or LF alone is malformed, since another element might take it for a line break.
 */
export function indexLines(text: string, startLineEnd: number): Index {
  const scan: Scan = { text, lines: [], first: FIRST.slice(), isFolded: false, problem: undefined };
  const headersStart = startLineEnd + 2;
  const bodyStart = scanLines(scan, headersStart) + 2;
  const indexed: IndexedText = {
    text,
    lines: scan.lines,
    startLineEnd,
    headersStart,
    bodyStart,
    bodyEnd: text.length,
    isFolded: scan.isFolded,
    first: scan.first,
  };
  return scan.problem === undefined
    ? withBody(indexed)
    : { indexed, fault: badRequest(scan.problem) };
}

/** Goes through the lines and gives the place of the empty line behind them. */
function scanLines(scan: Scan, headersStart: number): number {
  const { text } = scan;
  let at = headersStart;
  for (let count = 0; ; count += 1) {
    const feed = text.indexOf("\n", at);
    const end = text.indexOf("\r", at);
    if (feed !== end + 1 || count > MAX_HEADER_LINES) {
      scan.problem ??= feed === end + 1 ? "Too many header lines" : breakProblem(feed);
      return text.length - 2;
    }
    if (end === at) return at;
    pushLine(scan, at, end);
    at = feed + 1;
  }
}

function breakProblem(feed: number): string {
  return feed === -1 ? "Header section not ended" : "Line break other than CRLF";
}

function pushLine(scan: Scan, at: number, end: number): void {
  const { text, lines, first } = scan;
  const colon = text.indexOf(":", at);
  let id = colon > at && colon < end ? headerId(text.slice(at, colon)) : HEADER.other;
  if (id === HEADER.other) id = rareLine(scan, at, end);
  if (id === NO_HEADER) return;
  lines.push(id, at, colon + 1, end);
  if (id >= FIRST.length) return;
  if (first[id] === -1) first[id] = lines.length / LINE_STRIDE - 1;
  else if (SINGLE.has(id)) scan.problem ??= `Repeated ${headerName(id)}`;
}

/** What a line is that does not start with a known name: another header, a fold, or a mistake. */
function rareLine(scan: Scan, at: number, end: number): number {
  const line = scan.text.slice(at, end);
  if (isBlank(line.charCodeAt(0)) && scan.lines.length > 0) {
    // RFC 3261 section 7.3.1: the line before goes on. One that was refused goes on in vain.
    if (scan.problem === undefined) scan.lines[scan.lines.length - 1] = end;
    scan.isFolded = true;
    return NO_HEADER;
  }
  // RFC 3261 section 25.1, HCOLON: white space may stand before the colon.
  const name = HEADER_NAME.exec(line)?.[1];
  if (name === undefined) scan.problem ??= "Malformed header line";
  return name === undefined ? NO_HEADER : headerId(name);
}

/**
 * Finds the end of the body. Without Content-Length it is the rest of the datagram; what follows the
 * length it gives is no part of the message (RFC 3261 section 18.3).
 */
function withBody(indexed: IndexedText): Index {
  const value = headerValue(indexed, HEADER.contentLength);
  if (value === undefined) return { indexed, fault: undefined };
  const length = parseDigits(value);
  if (length === undefined) return { indexed, fault: badRequest("Malformed Content-Length") };
  const bodyEnd = indexed.bodyStart + length;
  if (bodyEnd > indexed.text.length) {
    return { indexed, fault: badRequest("Content-Length larger than message") };
  }
  if (bodyEnd === indexed.bodyEnd) return { indexed, fault: undefined };
  return { indexed: { ...indexed, bodyEnd }, fault: undefined };
}
