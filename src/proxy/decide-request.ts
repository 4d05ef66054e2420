import { HEADER } from "../sip/header-name.ts";
import { secondsHeader, tokensOf } from "../sip/header-values.ts";
import type { SipRequest } from "../sip/message.ts";
import { hasLooped, loopMark } from "./loop-mark.ts";
import { isOwnUri, type Preprocessed, preprocess } from "./preprocess.ts";
import type { ProxyDecision, ProxyInput } from "./proxy-input.ts";
import { refuse } from "./refuse.ts";
import { type Routed, routeInDialog } from "./route-in-dialog.ts";
import { routeNew } from "./route-new.ts";
import { routeOverFlow } from "./route-over-flow.ts";

/** The most branches at once that midreg makes of a request, and what a request without Max-Breadth has. */
const MAX_BREADTH = 60;

/** Decides where a request other than REGISTER and CANCEL goes (RFC 3261 sections 16.3 to 16.6). */
export function decideRequest(input: ProxyInput): ProxyDecision {
  const { request } = input;
  const route = preprocess(input);
  if (route === undefined) return refuse("malformed-route");
  const isLastHop = secondsHeader(request, HEADER.maxForwards) === 0;
  if (isForUs(input, route, isLastHop)) return answerOptions();
  if (isLastHop) return refuse("too-many-hops");
  const extensions = tokensOf(request, HEADER.proxyRequire);
  if (extensions.length > 0) {
    return refuse("bad-extension", `Unsupported: ${extensions.join(", ")}\r\n`);
  }
  const breadth = breadthOf(request);
  if (breadth === 0) return refuse("max-breadth");
  const mark = loopMark(input);
  if (hasLooped(input, mark)) return refuse("loop");
  const routed = routeRequest(input, route);
  if (routed.kind === "respond") return routed;
  const [branches = [], ...later] = routed.groups;
  const ringMs = later.length > 0 ? (routed.ringMs ?? 0) : 0;
  const { direction, isEdge } = routed;
  return { kind: "relay", direction, isEdge, branches, later, ringMs, breadth, mark };
}

function routeRequest(input: ProxyInput, route: Preprocessed): Routed {
  const { token, flowToken, isForged } = route;
  // RFC 5626 section 5.3.1.
  if (isForged) return refuse("forged-token");
  if (token !== undefined) return routeInDialog(input, route, token);
  // Section 5.3: what comes from the flow of the token goes outward.
  const isIncoming = flowToken !== undefined && flowToken.flow !== input.source;
  return isIncoming ? routeOverFlow(input, route, flowToken) : routeNew(input, route);
}

/**
 * OPTIONS to midreg itself, from anybody: operators and phones ping with it (RFC 3261 section 11.2). One that may go
 * no further is answered here as well (section 16.3 step 3), and so traces the way.
 */
function isForUs(
  input: ProxyInput,
  { uri, target, left }: Preprocessed,
  isLastHop: boolean,
): boolean {
  if (input.request.method !== "OPTIONS") return false;
  if (isLastHop) return true;
  // Inside a dialog it asks after that, and midreg has none.
  if (input.request.toTag !== "") return false;
  if (uri.user !== undefined || left.length > 0) return false;
  return isOwnUri(input, uri) && input.ctidOf(target) === undefined;
}

function answerOptions(): ProxyDecision {
  const headers =
    "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, MESSAGE, SUBSCRIBE, NOTIFY, PUBLISH, " +
    "REFER, INFO, PRACK, UPDATE\r\nAccept: application/sdp\r\nSupported: path\r\n";
  return { kind: "respond", reason: "options", status: 200, phrase: "OK", headers };
}

/** RFC 5393 section 5.3.3. */
function breadthOf(request: SipRequest): number {
  const given = secondsHeader(request, HEADER.maxBreadth);
  return given === undefined || Number.isNaN(given) ? MAX_BREADTH : Math.min(given, MAX_BREADTH);
}
