/**
 * Midreg's own name toward the main registrar, one per registration: a Call-ID, a From tag and a
 * rising CSeq, so that nothing it sends collides with the numbers of a phone (RFC 3261 section 10.2).
 */
export interface Identity {
  /** ctid of the registration it belongs to. */
  readonly key: string;
  readonly callId: string;
  /** The CSeq to send next. */
  readonly cseq: number;
}

/** Part of the Call-ID that serves as From tag: 72 random bits (RFC 3261 section 19.3 asks for 32). */
const TAG_LENGTH = 12;

/** The From tag that goes with a Call-ID. */
export function fromTagOf(callId: string): string {
  return callId.slice(0, TAG_LENGTH);
}

/** How a forwarded REGISTER ended that has committed nothing, as far as it matters to the next one. */
export type IdentityEvent =
  /** The main registrar has accepted it, and there was nothing to store. */
  | "unchanged"
  /** The main registrar has accepted it, and midreg could not store that. */
  | "unstored"
  /** The main registrar has accepted it, but does not list the contact. */
  | "unlisted"
  | "challenged"
  | "refused"
  | "timeout";

/**
 * The identity to go on with. A challenge and a silence keep the Call-ID. A refusal may mean that the main
 * registrar remembers a higher CSeq than midreg does (a lost answer, a restored backup), so the next
 * attempt starts afresh, which every registrar accepts.
 */
export function identityAfter(
  identity: Identity,
  event: IdentityEvent,
  freshCallId: string,
): Identity {
  const isFresh = event === "refused" || event === "unstored" || event === "unlisted";
  return isFresh
    ? { key: identity.key, callId: freshCallId, cseq: 1 }
    : { ...identity, cseq: identity.cseq + 1 };
}

/**
 * Whether the main registrar may have carried a REGISTER out without midreg knowing how. The bindings it
 * concerned are doubted then: their next refresh is forwarded, whatever the store says of their upstream
 * expiry. A silence casts doubt only if the request was proven, else anybody could end the absorption of a
 * neighbour's refreshes while the main registrar is away.
 */
export function castsDoubt(event: IdentityEvent, isProven: boolean): boolean {
  return event === "unstored" || event === "unlisted" || (event === "timeout" && isProven);
}
