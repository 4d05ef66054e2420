/**
 * 423 Interval Too Brief from the main registrar (RFC 3261 section 21.4.17). The lifetime it refuses is midreg's
 * own, of which the phone knows nothing, so midreg has to put it right by itself (spec row T24).
 */
import { contactsOf } from "../sip/contact.ts";
import { HEADER } from "../sip/header-name.ts";
import { secondsHeader } from "../sip/header-values.ts";
import type { SipRequest, SipResponse } from "../sip/message.ts";
import { MessageRewrite } from "../sip/message-rewrite.ts";
import { withoutParams } from "../sip/params.ts";
import { parseMessage } from "../sip/parse-message.ts";
import type { ForwardedRegister } from "./rewrite-register.ts";

/**
 * A registrar that wants to hear less often than this is taken for mistaken: what it forgets, nobody would
 * notice for so long.
 */
const MAX_MIN_EXPIRES_SEC = 86_400;

/**
 * The Min-Expires of a 423 that means midreg's own lifetime, in seconds; undefined for any other response, and
 * where what midreg asked for was long enough, was nothing but removals or was what the phone wanted.
 */
export function tooBriefFor(
  { contacts, mode, isRemoval }: ForwardedRegister,
  response: SipResponse,
  outgoingExpiresSec: number,
): number | undefined {
  if (response.status !== 423) return undefined;
  // In mirror mode the lifetime is the phone's own.
  if (mode === "mirror" || isRemoval || contacts.length === 0) return undefined;
  const minSec = secondsHeader(response, HEADER.minExpires);
  return minSec !== undefined && minSec > outgoingExpiresSec ? minSec : undefined;
}

/** A REGISTER that is sent once more, for longer. */
export interface LongerRegister {
  readonly forward: ForwardedRegister;
  /** What it asks for now. */
  readonly outgoingExpiresSec: number;
}

/**
 * What to send in answer to a 423: the same again under the same identity, with the next CSeq, for as long as
 * the main registrar wants (RFC 3261 section 10.2.8). Undefined when that would not help or goes too far.
 */
export function registerLonger(
  forward: ForwardedRegister,
  response: SipResponse,
  outgoingExpiresSec: number,
): LongerRegister | undefined {
  const minSec = tooBriefFor(forward, response, outgoingExpiresSec);
  if (minSec === undefined || minSec > MAX_MIN_EXPIRES_SEC) return undefined;
  const sent = parseMessage(forward.text);
  if (sent.kind !== "request") return undefined;
  const identity = { ...forward.identity, cseq: forward.identity.cseq + 1 };
  const text = rewriteLonger(sent, identity.cseq, minSec);
  return { forward: { ...forward, text, identity }, outgoingExpiresSec: minSec };
}

function rewriteLonger(sent: SipRequest, cseq: number, expiresSec: number): string {
  const rewrite = new MessageRewrite(sent).set(HEADER.cseq, `CSeq: ${cseq} REGISTER`);
  const contacts = contactsOf(sent);
  if (contacts !== undefined && contacts !== "*") {
    const values = contacts.map(({ uri, params, expires }) => {
      const kept = withoutParams(params, (name) => name === "expires");
      return `<${uri}>${kept};expires=${expires === 0 ? 0 : expiresSec}`;
    });
    rewrite.set(HEADER.contact, `Contact: ${values.join(", ")}`);
  }
  const isLasting = (secondsHeader(sent, HEADER.expires) ?? 0) > 0;
  if (isLasting) rewrite.set(HEADER.expires, `Expires: ${expiresSec}`);
  return rewrite.toText();
}
