import { HEADER } from "../sip/header-name.ts";
import { findLine, headerValues, lineValue, type SipResponse } from "../sip/message.ts";
import { MessageRewrite } from "../sip/message-rewrite.ts";
import { firstValueEnd } from "../sip/split-list.ts";

/** A response on its way back: its text without midreg's Via, or a reason to keep it here. */
export type RelayedResponse =
  | { readonly kind: "pass"; readonly status: number; readonly text: string }
  | { readonly kind: "stop" };

/**
 * Passes a response back toward the sender of the request (RFC 3261 section 16.7 steps 3 to 9). A 100 is
 * hop by hop and stops here. A device's 503 becomes a 500, since it says nothing about midreg (step 6); the
 * main registrar's own 503 holds for every request. A challenge takes those of the `others` along (step 7).
 */
export function decideResponse(
  response: SipResponse,
  direction: "to-device" | "to-upstream",
  others: readonly SipResponse[] = [],
): RelayedResponse {
  if (response.status === 100 || !hasFurtherVia(response)) return { kind: "stop" };
  const rewrite = new MessageRewrite(response).removeFirstValue(HEADER.via);
  if (isChallenge(response)) addChallenges(rewrite, response, others);
  if (response.status === 503 && direction === "to-device") {
    const text = rewrite.startLine("SIP/2.0 500 Server Internal Error").toText();
    return { kind: "pass", status: 500, text };
  }
  return { kind: "pass", status: response.status, text: rewrite.toText() };
}

function isChallenge({ status }: SipResponse): boolean {
  return status === 401 || status === 407;
}

function addChallenges(
  rewrite: MessageRewrite,
  response: SipResponse,
  others: readonly SipResponse[],
): void {
  for (const other of others) {
    if (other === response || !isChallenge(other)) continue;
    for (const value of headerValues(other, HEADER.wwwAuthenticate)) {
      rewrite.prepend(`WWW-Authenticate: ${value}`);
    }
    for (const value of headerValues(other, HEADER.proxyAuthenticate)) {
      rewrite.prepend(`Proxy-Authenticate: ${value}`);
    }
  }
}

/** Without a Via below midreg's own there is nobody to pass the response to (step 3). */
function hasFurtherVia(response: SipResponse): boolean {
  const first = findLine(response, HEADER.via);
  if (findLine(response, HEADER.via, first + 1) !== -1) return true;
  const value = lineValue(response, first);
  return firstValueEnd(value) < value.length;
}
