import type { AorPolicy } from "../location/address-of-record.ts";
import type { Mode } from "../location/binding.ts";
import type { MatchingMode } from "../location/match-contact.ts";
import type { Network } from "../location/network.ts";
import type { PushPolicy } from "./push-policy.ts";

/** How REGISTERs are decided. Durations are in seconds; names follow OpenSIPS' parameters. */
export interface RegisterPolicy {
  /** Name of the rule that it comes from (rules.ts); empty when none has matched. */
  readonly rule: string;
  readonly aor: AorPolicy;
  readonly mode: Mode;
  /** Stands for "@" in the user part of the contact that AoR throttling registers. */
  readonly atEscapeStr: string;
  /**
   * What proves that a REGISTER comes from its user (auth.absorb): the flow it comes on, credentials that were
   * checked before it came here, or nothing.
   */
  readonly absorb: "proven" | "digest" | "open";
  readonly contactIdInsertion: "ct-param" | "ct-username";
  readonly contactIdParam: string;
  readonly outgoingExpiresSec: number;
  readonly minExpiresSec: number;
  readonly defaultExpiresSec: number;
  readonly maxExpiresSec: number;
  /** A lifetime that is too short is raised to the minimum, or refused with a 423. */
  readonly minExpiresMode: "raise" | "reject";
  readonly expiresMaxDeviationSec: number;
  /** How much of a lifetime that was asked for, or of the default, is taken off at random, in percent. */
  readonly expiresRangePercent: number;
  readonly defaultExpiresRangePercent: number;
  /** Preference of contacts without q, in thousandths; undefined leaves them without. */
  readonly defaultQ: number | undefined;
  /** Bindings per address-of-record; 0 is no limit. */
  readonly maxContacts: number;
  /** What happens to a REGISTER that would exceed it (contact-limit.ts). */
  readonly maxContactsPolicy: "refuse" | "evict-oldest" | "evict-same-instance";
  /** When a contact is one that is bound already. */
  readonly matchingMode: MatchingMode;
  /**
   * Path is kept and used in all of them (RFC 3327 section 5.3). `off` never gives it back, `lazy` does to
   * devices that support it, `strict` refuses it from those that do not.
   */
  readonly pathMode: "off" | "lazy" | "strict";
  /** Where the proxies are that may name any Path; others only one that leads to themselves (path.ts). */
  readonly pathFrom: readonly Network[];
  /** Where the proxies are whose word counts on where a device is (path.ts). */
  readonly pathUseReceived: readonly Network[];
  /** Whether a 200 lists the contacts of its request only, instead of all that are bound. */
  readonly onlyRequestContacts: boolean;
  /** The operator's own remark on the bindings made under this policy. */
  readonly attr: string;
  readonly maxContactLength: number;
  /** Retry-After of midreg's own 5xx answers, at least; 0 is none. */
  readonly retryAfterSec: number;
  /** How long an equal CSeq counts as a retransmission. */
  readonly cseqDelaySec: number;
  /** Appended to every Contact URI sent upstream; empty or starting with a semicolon. */
  readonly extraContactParams: string;
  /** Lower-case names of contact parameters that are passed on upstream. */
  readonly upstreamContactParams: readonly string[];
  /** Whether registrations of flows are refused, taken, demanded, or the main registrar's to take (RFC 5626). */
  readonly outboundMode: "off" | "supported" | "required" | "edge";
  /** Whether instance and reg-id name a binding even where outbound does not apply (regid_mode). */
  readonly usesRegIdAlways: boolean;
  /** Flow-Timer for devices whose flows are registered; 0 for none. */
  readonly flowTimerSec: number;
  /** Whether devices get GRUUs (RFC 5627). */
  readonly gruu: boolean;
  /** How devices that want to be woken are registered; undefined when none are woken (pn_enable). */
  readonly push: PushPolicy | undefined;
  /** How much longer than the local expiry the upstream one must last. */
  readonly upstreamMarginSec: number;
  /** Name of the main registrar that REGISTERs go to; empty for the default one. */
  readonly upstream: string;
  /** Host part (and port) that takes the place of midreg's own address in a Request-URI. */
  readonly upstreamHost: string;
  /** Limits of fields that are stored, in bytes. */
  readonly maxCallIdLength: number;
  readonly maxPathLength: number;
}
