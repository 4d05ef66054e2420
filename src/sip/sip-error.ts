/** What is wrong with a request: the status to answer with and the reason phrase that says why. */
export interface SipError {
  readonly status: number;
  readonly reason: string;
  /** Header lines that the answer needs, each ended by CRLF. */
  readonly headers?: string;
}

/** A 400 whose reason phrase names the fault, as RFC 3261 section 21.4.1 recommends. */
export function badRequest(reason: string): SipError {
  return { status: 400, reason };
}
