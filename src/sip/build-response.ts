import { HEADER } from "./header-name.ts";
import {
  findLine,
  lineCount,
  lineEnd,
  lineId,
  linePrefix,
  lineStart,
  lineText,
  lineValue,
  type RequestHead,
  type SipRequest,
} from "./message.ts";
import { parseNameAddr } from "./name-addr.ts";
import { paramValue } from "./params.ts";

/** What a response of midreg's own adds to the lines it copies from the request. */
export interface ResponseParts {
  /** Tag for the To header when the request has none. Left out for a 100. */
  readonly toTag: string;
  /** Further header lines, each ended by CRLF. */
  readonly headers?: string;
}

/**
 * A response of midreg's own to a request (RFC 3261 section 8.2.6): Via, From, To, Call-ID and CSeq
 * copied as they came, the top Via stamped, a To tag added where there is none. It has no body.
 */
export function buildResponse(
  request: RequestHead,
  status: number,
  reason: string,
  parts: ResponseParts,
): string {
  return (
    `SIP/2.0 ${status} ${reason}\r\n${responseHeaders(request, status === 100 ? "" : parts.toTag)}` +
    `${status === 100 ? timestampLine(request) : ""}${parts.headers ?? ""}Content-Length: 0\r\n\r\n`
  );
}

/**
 * The To tag of a response that is given without state: the same each time for the same request, and nobody
 * can guess it (RFC 3261 sections 8.2.7 and 19.3).
 */
export function statelessTag(
  { callId, fromTag, cseq }: Pick<SipRequest, "callId" | "fromTag" | "cseq">,
  ids: { mac(text: string): string },
): string {
  return ids.mac(`${callId}\0${fromTag}\0${cseq.number}`);
}

/** The lines a response takes over from its request, each ended by CRLF. */
export function responseHeaders(request: RequestHead, toTag: string): string {
  const count = lineCount(request);
  let out = "";
  for (let line = 0; line < count; line += 1) {
    const id = lineId(request, line);
    if (id >= HEADER.via && id <= HEADER.cseq) out += responseLine(request, line, toTag);
  }
  return out;
}

function responseLine(request: RequestHead, line: number, toTag: string): string {
  const id = lineId(request, line);
  if (request.first[id] === line) {
    if (id === HEADER.via && request.stampedVia !== undefined) {
      return `${linePrefix(request, line)}${request.stampedVia}\r\n`;
    }
    if (id === HEADER.to) return lineText(request, line) + tagSuffix(request, line, toTag);
  } else if (id !== HEADER.via) {
    // Via is a list. The others stand once in an answer, even to a request that has them twice.
    return "";
  }
  return request.text.slice(lineStart(request, line), lineEnd(request, line) + 2);
}

/** What ends the To line: a tag where there is none yet. */
function tagSuffix(request: RequestHead, line: number, toTag: string): string {
  if (toTag === "") return "\r\n";
  const to = request.to ?? parseNameAddr(lineValue(request, line));
  const hasTag = to !== undefined && paramValue(to.params, "tag") !== undefined;
  return hasTag ? "\r\n" : `;tag=${toTag}\r\n`;
}

/** A 100 gives the Timestamp back (RFC 3261 section 8.2.6.1). */
function timestampLine(request: RequestHead): string {
  const line = findLine(request, HEADER.timestamp);
  return line === -1 ? "" : `${lineText(request, line)}\r\n`;
}
