/**
 * A SIP message is its own bytes plus an index of its header lines. Nothing is rewritten while it is
 * read, so what is forwarded differs from what was received only in the lines changed on purpose.
 *
 * The text is a byte string: latin1, one character for one byte, so UTF-8 passes through untouched.
 */
import { isBlank, trimBlanks } from "./ascii.ts";
import type { CSeq } from "./cseq.ts";
import type { NameAddr } from "./name-addr.ts";
import type { Via } from "./via.ts";

/** Numbers per header line in the index: header id, line start, end of the colon, line end (before CRLF). */
export const LINE_STRIDE = 4;

const CR = 0x0d;
const LF = 0x0a;

/** A text with its header lines indexed. */
export interface IndexedText {
  readonly text: string;
  /** LINE_STRIDE numbers per header line, in order. A folded header is one line. */
  readonly lines: readonly number[];
  /** Where the start line ends (before CRLF) and where the first header line starts. */
  readonly startLineEnd: number;
  readonly headersStart: number;
  readonly bodyStart: number;
  /** Where the body ends: Content-Length bytes after bodyStart, or the end of the datagram. */
  readonly bodyEnd: number;
  /** Whether any header line is folded. */
  readonly isFolded: boolean;
  /** The first line of each of the lowest header numbers, -1 for those that are not there. */
  readonly first: readonly number[];
}

interface Common extends IndexedText {
  /** First Via value. */
  readonly via: Via;
  readonly from: NameAddr;
  readonly to: NameAddr;
  readonly fromTag: string;
  /** Empty when there is none. */
  readonly toTag: string;
  readonly callId: string;
  readonly cseq: CSeq;
}

export interface SipRequest extends Common {
  readonly kind: "request";
  readonly method: string;
  readonly uri: string;
  /** First Via line's value with received and rport filled in, where they are called for. */
  readonly stampedVia: string | undefined;
}

export interface SipResponse extends Common {
  readonly kind: "response";
  readonly status: number;
  readonly reason: string;
}

/** The part of a request that answering it takes. A malformed request has it too, without To. */
export type RequestHead = IndexedText & {
  readonly via: Via;
  readonly stampedVia: string | undefined;
  readonly to?: NameAddr;
};

/** Where a header line starts. */
export function lineStart(message: IndexedText, line: number): number {
  return message.lines[line * LINE_STRIDE + 1] ?? 0;
}

/** Where a header line ends, at its CRLF. */
export function lineEnd(message: IndexedText, line: number): number {
  return message.lines[line * LINE_STRIDE + 3] ?? 0;
}

/** Value of a header line, unfolded and without surrounding white space; empty for no line (-1). */
export function lineValue(message: IndexedText, line: number): string {
  const { text, lines } = message;
  let start = lines[line * LINE_STRIDE + 2] ?? 0;
  let end = lineEnd(message, line);
  if (message.isFolded) return unfold(text.slice(start, end));
  while (isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

/** A line break followed by white space counts as a single space (RFC 3261 section 7.3.1). */
function unfold(raw: string): string {
  return trimBlanks(raw.split("\r\n").map(trimBlanks).join(" "));
}

/** A whole header line as received, without its CRLF. */
export function lineText(message: IndexedText, line: number): string {
  return message.text.slice(lineStart(message, line), lineEnd(message, line));
}

/** Name and colon of a header line as received, with the white space behind them. */
export function linePrefix(message: IndexedText, line: number): string {
  let end = message.lines[line * LINE_STRIDE + 2] ?? 0;
  while (isBlank(message.text.charCodeAt(end))) end += 1;
  return message.text.slice(lineStart(message, line), end);
}

/** How many header lines there are. */
export function lineCount(message: IndexedText): number {
  return message.lines.length / LINE_STRIDE;
}

/** Header number of a line. */
export function lineId(message: IndexedText, line: number): number {
  return message.lines[line * LINE_STRIDE] ?? 0;
}

/** The first line at or after `from` that carries this header; -1 when there is none. */
export function findLine(message: IndexedText, id: number, from = 0): number {
  const { lines, first } = message;
  const known = from === 0 ? first[id] : undefined;
  if (known !== undefined) return known;
  for (let at = from * LINE_STRIDE; at < lines.length; at += LINE_STRIDE) {
    if (lines[at] === id) return at / LINE_STRIDE;
  }
  return -1;
}

/** Value of the first line of a header; undefined when there is none. */
export function headerValue(message: IndexedText, id: number): string | undefined {
  const line = findLine(message, id);
  return line === -1 ? undefined : lineValue(message, line);
}

/** Values of all lines of a header, one entry for each line. */
export function headerValues(message: IndexedText, id: number): string[] {
  const values: string[] = [];
  for (let line = findLine(message, id); line !== -1; line = findLine(message, id, line + 1)) {
    values.push(lineValue(message, line));
  }
  return values;
}

/** Whether a message has a header at all. */
export function hasHeader(message: IndexedText, id: number): boolean {
  return findLine(message, id) !== -1;
}

/** The body, as many bytes as Content-Length says. */
export function bodyOf(message: IndexedText): string {
  return message.text.slice(message.bodyStart, message.bodyEnd);
}

/** Where the start line starts: line breaks before it are skipped (RFC 3261 section 7.5). */
export function startOf(text: string): number {
  let at = 0;
  while (text.charCodeAt(at) === CR && text.charCodeAt(at + 1) === LF) at += 2;
  return at;
}
