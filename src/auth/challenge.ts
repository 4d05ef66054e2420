import { quote } from "../sip/params.ts";
import type { DigestAlgorithm } from "./digest.ts";

/** What a challenge says. */
export interface Challenge {
  readonly realm: string;
  readonly nonce: string;
  /** Most wanted first, one header line for each. */
  readonly algorithms: readonly DigestAlgorithm[];
  /** Whether qop is offered; without it only phones that know nothing newer than RFC 2069 are served. */
  readonly hasQop: boolean;
  /** Whether the password was right and only the nonce is too old. */
  readonly isStale: boolean;
}

/**
 * The WWW-Authenticate lines of a 401, each ended by CRLF (RFC 3261 section 20.44). RFC 8760 section 2.3:
 * one for each algorithm, the one that is preferred on top.
 */
export function challengeLines(challenge: Challenge): string {
  return challenge.algorithms.map((algorithm) => challengeLine(challenge, algorithm)).join("");
}

function challengeLine({ realm, nonce, hasQop, isStale }: Challenge, algorithm: string): string {
  const stale = isStale ? ", stale=true" : "";
  // RFC 3261 section 22.4 item 8: a server always sends qop; leaving it out is for phones that choke on it.
  const qop = hasQop ? ', qop="auth"' : "";
  return (
    `WWW-Authenticate: Digest realm=${quote(realm)}, nonce=${quote(nonce)}, ` +
    `algorithm=${algorithm}${qop}${stale}\r\n`
  );
}
