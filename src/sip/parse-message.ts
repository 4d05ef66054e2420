/**
 * From bytes to a message. What is malformed comes back with the status to answer, or as garbage that
 * deserves no answer; nothing is thrown.
 *
 * Taken although the RFC does not allow it: missing Max-Forwards and tags (RFC 2543), any printable byte
 * in parameter values, UTF-8 and "#" in users, a missing Content-Length in a datagram. Refused although
 * some guess: white space in the request line, line breaks other than CRLF, a second From, To, Call-ID,
 * CSeq, Max-Forwards, Expires or Content-Length, empty parameters, names with unquoted commas, headers in
 * the Request-URI, control characters outside quoted strings wherever a value is read. Headers that are
 * not read pass untouched.
 */
import { type CSeq, parseCSeq } from "./cseq.ts";
import { BLANKS, isToken, TOKEN } from "./grammar.ts";
import { HEADER, headerName } from "./header-name.ts";
import { secondsHeader } from "./header-values.ts";
import { type Index, indexLines } from "./index-lines.ts";
import { MAX_MAX_FORWARDS, MAX_URI_LENGTH } from "./limits.ts";
import {
  hasHeader,
  headerValue,
  type IndexedText,
  type RequestHead,
  type SipRequest,
  type SipResponse,
  startOf,
} from "./message.ts";
import { type NameAddr, parseNameAddr } from "./name-addr.ts";
import { paramValue } from "./params.ts";
import { badRequest, type SipError } from "./sip-error.ts";
import { stampVia } from "./stamp-via.ts";
import { isUri, parseUri } from "./uri.ts";
import { parseVia, type Via } from "./via.ts";

/** A request that can be answered but not processed. An ACK must not be answered even so. */
export interface MalformedRequest {
  readonly kind: "malformed";
  readonly method: string;
  readonly error: SipError;
  readonly head: RequestHead;
}

/** Bytes that get no answer. */
interface Garbage {
  readonly kind: "garbage";
  /** One of a closed set, for a metric: not SIP, a malformed response, a request without a usable Via. */
  readonly reason: "not-sip" | "bad-response" | "no-via";
}

export type ParsedMessage = SipRequest | SipResponse | MalformedRequest | Garbage;

const NOT_SIP: Garbage = { kind: "garbage", reason: "not-sip" };
const BAD_RESPONSE: Garbage = { kind: "garbage", reason: "bad-response" };
const NO_VIA: Garbage = { kind: "garbage", reason: "no-via" };

const VERSION = /^SIP\/(\d+\.\d+)$/iu;
/** Anything that starts like a method and ends in a SIP version was meant to be a request. */
const LOOSE_START = new RegExp(`^${BLANKS}(${TOKEN})[ \\t]`, "u");
const LOOSE_END = /SIP\/\d+\.\d+[ \t]*$/iu;
const STATUS_LINE = /^SIP\/2\.0 ([1-6]\d\d)(?: ([^\r\n]*))?$/iu;
const LF = 0x0a;
const SLASH = 0x2f;
const IS_STATUS_LINE = /^SIP\//iu;
/** callid, wider than the RFC: anything but white space and control characters. */
const CALL_ID = /^[!-~\x80-\xff]+$/u;

/**
 * Parses one whole message: a datagram, or what the stream framer cut out. With the address (an IP
 * literal without brackets) and port it came from, requests have their stampedVia filled in.
 */
export function parseMessage(text: string, address = "", port = 0): ParsedMessage {
  const start = startOf(text);
  const startLineEnd = text.indexOf("\r", start);
  if (startLineEnd === -1 || text.charCodeAt(startLineEnd + 1) !== LF) return NOT_SIP;
  const startLine = text.slice(start, startLineEnd);
  // No method has a slash in it.
  if (startLine.charCodeAt(3) === SLASH && IS_STATUS_LINE.test(startLine)) {
    return parseResponse(startLine, indexLines(text, startLineEnd));
  }
  const line = parseRequestLine(startLine);
  if (line === undefined) return NOT_SIP;
  const index = indexLines(text, startLineEnd);
  const via = parseVia(headerValue(index.indexed, HEADER.via) ?? "");
  if (via === undefined) return NO_VIA;
  return parseRequest(line, index, via, address === "" ? undefined : stampVia(via, address, port));
}

interface RequestLine {
  readonly method: string;
  /** Empty when the line is out of shape. */
  readonly uri: string;
  readonly version: string;
}

function parseRequestLine(line: string): RequestLine | undefined {
  const methodEnd = line.indexOf(" ");
  const uriEnd = line.indexOf(" ", methodEnd + 1);
  const method = line.slice(0, methodEnd);
  const ending = line.slice(uriEnd + 1);
  const version = ending === "SIP/2.0" ? "2.0" : VERSION.exec(ending)?.[1];
  if (version !== undefined && uriEnd > methodEnd + 1 && isToken(method)) {
    return { method, uri: line.slice(methodEnd + 1, uriEnd), version };
  }
  const looseMethod = LOOSE_START.exec(line)?.[1];
  return looseMethod === undefined || !LOOSE_END.test(line)
    ? undefined
    : { method: looseMethod, uri: "", version: "" };
}

function parseRequest(
  line: RequestLine,
  index: Index,
  via: Via,
  stampedVia: string | undefined,
): SipRequest | MalformedRequest {
  const { indexed } = index;
  const { method, uri } = line;
  const fault = checkRequestLine(line) ?? index.fault ?? checkVia(via);
  const core = fault ?? parseRequestCore(indexed, method);
  if ("status" in core) {
    return { kind: "malformed", method, error: core, head: { ...indexed, via, stampedVia } };
  }
  return {
    kind: "request",
    text: indexed.text,
    lines: indexed.lines,
    startLineEnd: indexed.startLineEnd,
    headersStart: indexed.headersStart,
    bodyStart: indexed.bodyStart,
    bodyEnd: indexed.bodyEnd,
    isFolded: indexed.isFolded,
    first: indexed.first,
    via,
    from: core.from,
    to: core.to,
    fromTag: core.fromTag,
    toTag: core.toTag,
    callId: core.callId,
    cseq: core.cseq,
    method,
    uri,
    stampedVia,
  };
}

/** What is wrong with a Request-Line: its shape, its version, its URI, in that order. */
function checkRequestLine({ uri, version }: RequestLine): SipError | undefined {
  if (uri === "") return badRequest("Malformed Request-Line");
  if (version !== "2.0") return { status: 505, reason: "Version Not Supported" };
  if (uri.length > MAX_URI_LENGTH) return { status: 414, reason: "Request-URI Too Long" };
  if (!isUri(uri)) return badRequest("Malformed Request-URI");
  // RFC 3261 section 19.1.1: a Request-URI has no headers, and must not smuggle any in.
  return uri.includes("?") && parseUri(uri)?.headers !== ""
    ? badRequest("Headers in Request-URI")
    : undefined;
}

function checkVia(via: Via): SipError | undefined {
  return via.isWellFormed ? undefined : badRequest("Malformed Via");
}

interface Core {
  readonly from: NameAddr;
  readonly to: NameAddr;
  readonly fromTag: string;
  readonly toTag: string;
  readonly callId: string;
  readonly cseq: CSeq;
}

/** The headers every message must have (RFC 3261 section 8.1.1), parsed. */
function parseCore(indexed: IndexedText): Core | SipError {
  const callId = headerValue(indexed, HEADER.callId);
  if (callId === undefined || !CALL_ID.test(callId)) return faultyLine(indexed, HEADER.callId);
  const cseq = parseCSeq(headerValue(indexed, HEADER.cseq) ?? "");
  if (cseq === undefined) return faultyLine(indexed, HEADER.cseq);
  const from = parseNameAddr(headerValue(indexed, HEADER.from) ?? "");
  if (from === undefined) return faultyLine(indexed, HEADER.from);
  const to = parseNameAddr(headerValue(indexed, HEADER.to) ?? "");
  if (to === undefined) return faultyLine(indexed, HEADER.to);
  return { from, to, fromTag: tagOf(from), toTag: tagOf(to), callId, cseq };
}

function tagOf(address: NameAddr): string {
  return paramValue(address.params, "tag") ?? "";
}

function faultyLine(indexed: IndexedText, id: number): SipError {
  return badRequest(`${hasHeader(indexed, id) ? "Malformed" : "Missing"} ${headerName(id)}`);
}

/** The same for a request, whose CSeq and Max-Forwards have to fit besides. */
function parseRequestCore(indexed: IndexedText, method: string): Core | SipError {
  const core = parseCore(indexed);
  if ("status" in core) return core;
  if (core.cseq.method !== method) return badRequest("CSeq method does not match request");
  const maxForwards = secondsHeader(indexed, HEADER.maxForwards) ?? 0;
  return maxForwards <= MAX_MAX_FORWARDS ? core : badRequest("Malformed Max-Forwards");
}

function parseResponse(startLine: string, { indexed, fault }: Index): SipResponse | Garbage {
  const match = STATUS_LINE.exec(startLine);
  const via = parseVia(headerValue(indexed, HEADER.via) ?? "");
  const core = fault ?? parseCore(indexed);
  if (match?.[1] === undefined || via?.isWellFormed !== true || "status" in core) {
    return BAD_RESPONSE;
  }
  return {
    kind: "response",
    text: indexed.text,
    lines: indexed.lines,
    startLineEnd: indexed.startLineEnd,
    headersStart: indexed.headersStart,
    bodyStart: indexed.bodyStart,
    bodyEnd: indexed.bodyEnd,
    isFolded: indexed.isFolded,
    first: indexed.first,
    via,
    from: core.from,
    to: core.to,
    fromTag: core.fromTag,
    toTag: core.toTag,
    callId: core.callId,
    cseq: core.cseq,
    status: Number(match[1]),
    reason: match[2] ?? "",
  };
}
