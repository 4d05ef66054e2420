/** Loops and spirals (RFC 3261 section 16.3 step 4, as RFC 5393 section 4.2 has it). */
import { HEADER } from "../sip/header-name.ts";
import { headerValues } from "../sip/message.ts";
import type { ProxyInput } from "./proxy-input.ts";

/**
 * A keyed digest of all that a request is routed by, for the branch of midreg's Via. It is the same whatever the
 * method, since an ACK and a CANCEL have the branch of their INVITE.
 */
export function loopMark({ request, sender, mac }: ProxyInput): string {
  const { uri, fromTag, toTag, callId, cseq } = request;
  const lists = [HEADER.route, HEADER.proxyRequire, HEADER.proxyAuthorization].map((id) =>
    headerValues(request, id).join(","),
  );
  return mac(["loop", sender, uri, fromTag, toTag, callId, cseq.number, ...lists].join("\0"));
}

/** Whether midreg has routed this very request before: nobody else can have made its mark. */
export function hasLooped({ request }: ProxyInput, mark: string): boolean {
  return headerValues(request, HEADER.via).some((value) => value.includes(`.${mark}`));
}
