/**
 * The hop-by-hop requests that belong to an INVITE midreg has sent: the ACK to its failure and its CANCEL.
 */
import { HEADER } from "./header-name.ts";
import { findLine, lineText, lineValue, type SipRequest, type SipResponse } from "./message.ts";
import { parseMessage } from "./parse-message.ts";

/**
 * The ACK to a non-2xx response: Request-URI, top Via, From, Call-ID, CSeq number and Route of the INVITE,
 * To of the response (RFC 3261 section 17.1.1.3). Empty when the INVITE's own text cannot be read.
 */
export function buildAck(inviteText: string, response: SipResponse): string {
  const invite = parseMessage(inviteText);
  if (invite.kind !== "request") return "";
  const to = lineValue(response, findLine(response, HEADER.to));
  return buildHop(invite, "ACK", `To: ${to}`);
}

/** The CANCEL of an INVITE: everything as in the INVITE, To included (RFC 3261 section 9.1). */
export function buildCancel(inviteText: string): string {
  const invite = parseMessage(inviteText);
  if (invite.kind !== "request") return "";
  return buildHop(invite, "CANCEL", lineText(invite, findLine(invite, HEADER.to)));
}

function buildHop(invite: SipRequest, method: string, toLine: string): string {
  const lines = [
    `${method} ${invite.uri} SIP/2.0`,
    `Via: ${invite.via.text}`,
    "Max-Forwards: 70",
    lineText(invite, findLine(invite, HEADER.from)),
    toLine,
    lineText(invite, findLine(invite, HEADER.callId)),
    `CSeq: ${invite.cseq.number} ${method}`,
    ...routeLines(invite),
    "Content-Length: 0",
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function routeLines(invite: SipRequest): string[] {
  const lines: string[] = [];
  let line = findLine(invite, HEADER.route);
  while (line !== -1) {
    lines.push(lineText(invite, line));
    line = findLine(invite, HEADER.route, line + 1);
  }
  return lines;
}
