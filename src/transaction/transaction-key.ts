/** What a request shows of the transaction it belongs to, as its sender wrote it. */
export interface RequestIdentity {
  readonly method: string;
  /** Request-URI. */
  readonly uri: string;
  /** Branch parameter of the top Via. */
  readonly branch: string | undefined;
  /** Host and port of the top Via, the host in lower case. */
  readonly sentBy: string;
  /** Top Via value, before `received` or `rport` are filled in. */
  readonly topVia: string;
  /** Tags are empty where there is none. */
  readonly fromTag: string;
  readonly toTag: string;
  readonly callId: string;
  readonly cseqNumber: number;
}

/** What a response shows of the client transaction it belongs to: branch of its top Via, method of its CSeq. */
export interface ResponseIdentity {
  readonly branch: string | undefined;
  readonly cseqMethod: string;
}

const COOKIE = "z9hG4bK";
const COOKIE_LOWER_CASE = COOKIE.toLowerCase();

/**
 * The key of the server transaction a request belongs to (RFC 3261 section 17.2.3); an ACK belongs to its
 * INVITE. For an ACK use `ackKeys`, for what a CANCEL cancels `cancelledKey`.
 *
 * Parts are compared as written. Branches are tokens, so section 7.3.1 would have their case ignored, but
 * clients count and encode in mixed case, and no client writes its own branch in two ways. The Request-URI and
 * Via of an RFC 2543 client are the same bytes again whenever they belong to one transaction.
 */
export function serverKey(request: RequestIdentity): string {
  return keyOf(request, request.method === "ACK" ? "INVITE" : request.method, request.toTag);
}

/** The key of the INVITE a CANCEL refers to: all but the method is the same (RFC 3261 section 9.1). */
export function cancelledKey(cancel: RequestIdentity): string {
  return keyOf(cancel, "INVITE", cancel.toTag);
}

/**
 * The keys an ACK's INVITE may have, the likelier first. The ACK of an RFC 2543 client bears the To tag of the
 * response, its INVITE bore the same one inside a dialog and none outside.
 */
export function ackKeys(ack: RequestIdentity): readonly string[] {
  const key = serverKey(ack);
  if (ack.toTag === "" || hasIdentifier(ack.branch)) return [key];
  return [keyOf(ack, "INVITE", ""), key];
}

/**
 * Whether an ACK that has found its INVITE by key acknowledges the response that was sent, given that
 * response's To tag. Only RFC 2543 clients leave it in doubt (RFC 3261 section 17.2.3).
 */
export function isAckOf(ack: RequestIdentity, responseToTag: string): boolean {
  return hasIdentifier(ack.branch) || ack.toTag === responseToTag;
}

/**
 * The key of a client transaction, from a response or from the request midreg sends (RFC 3261 section 17.1.3).
 * A response without a branch matches nothing, as every branch that is sent has one.
 */
export function clientKey({ branch = "", cseqMethod }: ResponseIdentity): string {
  return `${branch.length} ${branch}${cseqMethod}`;
}

/**
 * Lengths in front keep the parts apart whatever bytes they hold. Behind two of them a key by branch goes on
 * with the cookie, one by the rules for RFC 2543 clients with a third.
 */
function keyOf(request: RequestIdentity, method: string, toTag: string): string {
  const { branch, sentBy } = request;
  if (hasIdentifier(branch)) {
    return `${branch.length} ${sentBy.length} ${branch}${sentBy}${method}`;
  }
  const { uri, fromTag, callId, cseqNumber, topVia } = request;
  const lengths = `${uri.length} ${toTag.length} ${fromTag.length} ${callId.length} ${topVia.length}`;
  return `${lengths} ${cseqNumber} ${uri}${toTag}${fromTag}${callId}${topVia}${method}`;
}

/**
 * Whether a branch identifies its transaction: the cookie, and something after it. The bare cookie of RFC 4475
 * section 3.2.1 does not. The cookie's case is ignored, as a token's (RFC 3261 section 7.3.1).
 */
function hasIdentifier(branch: string | undefined): branch is string {
  if (branch === undefined || branch.length <= COOKIE.length) return false;
  return (
    branch.startsWith(COOKIE) || branch.slice(0, COOKIE.length).toLowerCase() === COOKIE_LOWER_CASE
  );
}
