import type { AorPolicy } from "../location/address-of-record.ts";

/** How REGISTERs are decided. Durations are in seconds; names follow OpenSIPS' parameters. */
export interface RegisterPolicy {
  readonly aor: AorPolicy;
  /** Whether an absorbed REGISTER must be proven to come from the registered device (auth.absorb). */
  readonly absorb: "proven" | "open";
  readonly contactIdInsertion: "ct-param" | "ct-username";
  readonly contactIdParam: string;
  readonly outgoingExpiresSec: number;
  readonly minExpiresSec: number;
  readonly defaultExpiresSec: number;
  readonly maxExpiresSec: number;
  readonly expiresMaxDeviationSec: number;
  /** Preference of contacts without q, in thousandths; undefined leaves them without. */
  readonly defaultQ: number | undefined;
  /** Bindings per address-of-record; 0 is no limit. */
  readonly maxContacts: number;
  readonly maxContactLength: number;
  /** Retry-After of midreg's own 5xx answers; 0 is none. */
  readonly retryAfterSec: number;
  /** How long an equal CSeq counts as a retransmission. */
  readonly cseqDelaySec: number;
  /** Appended to every Contact URI sent upstream; empty or starting with a semicolon. */
  readonly extraContactParams: string;
  /** Lower-case names of contact parameters that are passed on upstream. */
  readonly upstreamContactParams: readonly string[];
  /** Whether devices get GRUUs (RFC 5627). */
  readonly gruu: boolean;
  /** How much longer than the local expiry the upstream one must last. */
  readonly upstreamMarginSec: number;
  /** Host part (and port) that takes the place of midreg's own address in a Request-URI. */
  readonly upstreamHost: string;
  /** Limits of fields that are stored, in bytes. */
  readonly maxCallIdLength: number;
  readonly maxPathLength: number;
}
