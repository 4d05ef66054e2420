import type { NameAddr, RouteEntry } from "sip";
import type { SipRequest, SipResponse } from "./sip-stack.ts";

/** What an end of a dialog needs to send requests inside it (RFC 3261 section 12). */
export interface Dialog {
  readonly callId: string;
  /** From of our requests, with our tag; To of our requests, with theirs. */
  readonly local: NameAddr;
  readonly remote: NameAddr;
  readonly remoteTarget: string;
  readonly routeSet: readonly RouteEntry[];
}

/** The caller's view, from its INVITE and the 2xx it got. */
export function callerDialog(invite: SipRequest, answer: SipResponse): Dialog {
  return {
    callId: invite.headers["call-id"],
    local: invite.headers.from,
    remote: answer.headers.to,
    remoteTarget: contactOf(answer),
    routeSet: (answer.headers["record-route"] ?? []).toReversed(),
  };
}

/** The called party's view, from the INVITE it got and the 2xx it sent. */
export function calleeDialog(invite: SipRequest, answer: SipResponse): Dialog {
  return {
    callId: invite.headers["call-id"],
    local: answer.headers.to,
    remote: invite.headers.from,
    remoteTarget: contactOf(invite),
    routeSet: invite.headers["record-route"] ?? [],
  };
}

/** Builds a request inside the dialog. */
export function requestInDialog(dialog: Dialog, method: string, seq: number): SipRequest {
  return {
    method,
    uri: dialog.remoteTarget,
    headers: {
      via: [],
      from: dialog.local,
      to: dialog.remote,
      "call-id": dialog.callId,
      cseq: { seq, method },
      "max-forwards": 70,
      ...(dialog.routeSet.length === 0 ? {} : { route: [...dialog.routeSet] }),
    },
  };
}

function contactOf(message: SipRequest | SipResponse): string {
  const contact = message.headers.contact?.[0];
  if (contact === undefined) throw new Error("a message that makes a dialog has no Contact");
  return contact.uri;
}
