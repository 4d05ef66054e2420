import { HEADER } from "../sip/header-name.ts";
import { findLine, headerValues, lineValue, type SipResponse } from "../sip/message.ts";
import { MessageRewrite } from "../sip/message-rewrite.ts";
import { firstValueEnd } from "../sip/split-list.ts";
import { hidePush } from "./hide-push.ts";

/** A response on its way back: its text without midreg's Via, or a reason to keep it here. */
export type RelayedResponse =
  | { readonly kind: "pass"; readonly status: number; readonly text: string }
  | { readonly kind: "stop" };

/**
 * Passes a response back toward the sender of the request (RFC 3261 section 16.7 steps 3 to 9). A 100 is
 * hop by hop and stops here. Some responses of devices become others; the main registrar's own 503 holds for
 * every request. A challenge takes those of the `others` along (step 7). `isEdge`: the main registrar looks for other flows
 * of the device by itself, and has to hear of one that is dead.
 */
export function decideResponse(
  response: SipResponse,
  direction: "to-device" | "to-upstream",
  { others = [], isEdge = false }: Circumstances = {},
): RelayedResponse {
  if (response.status === 100 || !hasFurtherVia(response)) return { kind: "stop" };
  const rewrite = new MessageRewrite(response).removeFirstValue(HEADER.via).measureBody();
  if (direction === "to-device") hidePush(rewrite, response);
  if (isChallenge(response)) addChallenges(rewrite, response, others);
  const isTold =
    direction === "to-upstream" || (isEdge && TELLING_OF_FLOWS.includes(response.status));
  const instead = isTold ? undefined : SAID_OF_DEVICES[response.status];
  if (instead === undefined) {
    return { kind: "pass", status: response.status, text: rewrite.toText() };
  }
  const [status, phrase] = instead;
  const text = rewrite.startLine(`SIP/2.0 ${status} ${phrase}`).toText();
  return { kind: "pass", status, text };
}

/**
 * What a caller hears instead of a response that is about the way to a device: a dead flow is one that is away
 * (RFC 5626 section 5.3.2), and a 503 says nothing about midreg (RFC 3261 section 16.7 step 6).
 */
const SAID_OF_DEVICES: Readonly<Record<number, readonly [number, string]>> = {
  408: [480, "Temporarily Unavailable"],
  430: [480, "Temporarily Unavailable"],
  503: [500, "Server Internal Error"],
};

/** RFC 5626 section 7: what has the main registrar try another flow. */
const TELLING_OF_FLOWS: readonly number[] = [408, 430];

interface Circumstances {
  readonly others?: readonly SipResponse[];
  readonly isEdge?: boolean;
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
