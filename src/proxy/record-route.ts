/** Record-Route of midreg's own (RFC 3261 section 16.6 step 4, RFC 5658). */
import { HEADER } from "../sip/header-name.ts";
import { headerValue, type SipRequest } from "../sip/message.ts";
import type { MessageRewrite } from "../sip/message-rewrite.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { splitList } from "../sip/split-list.ts";
import { buildDialogToken, type DialogToken } from "./dialog-token.ts";
import type { ProxyInput, Side } from "./proxy-input.ts";

/**
 * Requests that never create a dialog and so need no Record-Route (RFC 3261 section 16.6 step 4). Any
 * other method might, known or not.
 */
const NO_DIALOG = new Set(["MESSAGE", "OPTIONS", "PUBLISH", "ACK", "CANCEL", "BYE"]);

/** Where a request came in and goes out, and what it is sent by. */
interface Passage {
  readonly incoming: Side;
  readonly outgoing: Side;
  readonly requestUri: string;
  /** The first Route as it goes on; undefined for none. */
  readonly next: string | undefined;
}

/**
 * Asks to stay on the path of the dialog. Where listener, family, transport or scheme change, two values are
 * recorded, the outgoing one above, both marked, each with its transport (RFC 5658 sections 5 and 6.2).
 */
export function recordRoute(
  rewrite: MessageRewrite,
  { request, mac }: ProxyInput,
  token: DialogToken,
  { incoming, outgoing, requestUri, next }: Passage,
): void {
  if (request.toTag !== "" || NO_DIALOG.has(request.method)) return;
  const seal = { callId: request.callId, initiatorTag: request.fromTag };
  const user = buildDialogToken(token, seal, mac);
  const isMixed = incoming.protocol !== outgoing.protocol;
  const isSecureIn = isSips(request.uri) || isSips(firstUri(request, HEADER.route));
  const isSecureOut = isSips(requestUri) || isSips(next);
  const below = describe(incoming, isSecureIn, isMixed);
  const above = describe(outgoing, isSecureOut, isMixed);
  const uriOf = ({ scheme, place }: Described): string => `${scheme}:${user}@${place};lr`;
  if (uriOf(below) === uriOf(above)) {
    rewrite.prepend(`Record-Route: <${uriOf(above)}>`);
    return;
  }
  rewrite.prepend(`Record-Route: <${uriOf(below)};r2=on>`);
  rewrite.prepend(`Record-Route: <${uriOf(above)};r2=on>`);
}

/**
 * midreg itself as a contact, for who has sent the request. It is a sips URI where the request asks for one (RFC 3261
 * section 12.1.1), as far as there can be one.
 */
export function ownContact({
  request,
  source,
  sideOf,
  upstreamSide,
}: Pick<ProxyInput, "request" | "source" | "sideOf" | "upstreamSide">): string {
  const isSecure = isSips(request.uri) || isSips(firstUri(request, HEADER.recordRoute));
  const { scheme, place } = describe(sideOf(source) ?? upstreamSide, isSecure, false);
  return `${scheme}:${place}`;
}

interface Described {
  readonly scheme: "sip" | "sips";
  /** Host, port and transport. */
  readonly place: string;
}

/**
 * How a side is reached. A sips URI of a listener without TLS would lead nowhere, so there it stays sip. RFC 5658
 * section 6.2 wants no transport=tls, but it is the only thing that makes a phone use TLS toward an address without
 * a sips URI, which in turn would demand one in every Contact (RFC 3261 section 12.1.1).
 */
function describe({ sentBy, protocol }: Side, isSecure: boolean, isMixed: boolean): Described {
  switch (protocol) {
    case "udp":
      return { scheme: "sip", place: isMixed ? `${sentBy};transport=udp` : sentBy };
    case "tcp":
      return { scheme: "sip", place: `${sentBy};transport=tcp` };
    case "tls":
      if (isSecure) return { scheme: "sips", place: sentBy };
      return { scheme: "sip", place: `${sentBy};transport=tls` };
    case "ws":
      return { scheme: "sip", place: `${sentBy};transport=ws` };
    case "wss":
      return { scheme: isSecure ? "sips" : "sip", place: `${sentBy};transport=ws` };
    default:
      return protocol satisfies never;
  }
}

function isSips(uri: string | undefined): boolean {
  return uri !== undefined && /^sips:/iu.test(uri);
}

function firstUri(request: SipRequest, header: number): string | undefined {
  const line = headerValue(request, header);
  return line === undefined ? undefined : parseNameAddr(splitList(line)?.[0] ?? "")?.uri;
}
