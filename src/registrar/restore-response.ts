/** What of the main registrar's answer to a forwarded REGISTER the phone gets. */
import { responseHeaders } from "../sip/build-response.ts";
import { HEADER } from "../sip/header-name.ts";
import {
  bodyOf,
  lineCount,
  lineId,
  lineText,
  type SipRequest,
  type SipResponse,
} from "../sip/message.ts";

/** Headers that are the phone's own business and never taken from the main registrar's answer. */
const RESTORED: readonly number[] = [
  HEADER.via,
  HEADER.from,
  HEADER.to,
  HEADER.callId,
  HEADER.cseq,
  HEADER.contentLength,
  // RFC 3261 section 10.3: a REGISTER never builds a route set.
  HEADER.recordRoute,
];
/** Contacts and lifetimes of a 2xx are the main registrar's view of midreg, not the phone's. */
const REPLACED_IN_2XX: readonly number[] = [
  ...RESTORED,
  HEADER.contact,
  HEADER.expires,
  HEADER.path,
  // What is said of flows is said by midreg, which they lead to; nothing else is required of a device by a 2xx.
  HEADER.require,
  HEADER.flowTimer,
];

/** What of an answer other than a 2xx goes on. */
export const PASSED_THROUGH = (id: number): boolean => !RESTORED.includes(id);
/** What of a 2xx goes on where midreg has something to say of push. */
export const KEPT_BESIDE_CAPS = (id: number): boolean =>
  id !== HEADER.featureCaps && KEPT_OF_2XX(id);
/** What of a 2xx goes on. */
export const KEPT_OF_2XX = (id: number): boolean => !REPLACED_IN_2XX.includes(id);

/** The main registrar's answer in the phone's own dialog identifiers. */
export function restoreResponse(
  { request, toTag }: { readonly request: SipRequest; readonly toTag: string },
  response: SipResponse,
  lines: { readonly kept: (id: number) => boolean; readonly own: string },
): string {
  const tag = response.toTag === "" ? toTag : response.toTag;
  const body = bodyOf(response);
  return (
    `SIP/2.0 ${response.status} ${response.reason}\r\n${responseHeaders(request, tag)}` +
    `${lines.own}${copyLines(response, lines.kept)}Content-Length: ${body.length}\r\n\r\n${body}`
  );
}

/** The lines of the headers that are picked, each ended by CRLF. */
export function copyLines(response: SipResponse, isKept: (id: number) => boolean): string {
  let out = "";
  const count = lineCount(response);
  for (let line = 0; line < count; line += 1) {
    if (isKept(lineId(response, line))) out += `${lineText(response, line)}\r\n`;
  }
  return out;
}
