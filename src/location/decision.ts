/** What an address-of-record's record of recent decisions says that happened. */
type DecisionKind =
  /** A REGISTER was answered here. */
  | "absorb"
  /** A REGISTER went to the main registrar, and ended as `outcome` says. */
  | "forward"
  /** A REGISTER was refused here. */
  | "reject"
  /** A binding ended because its device did not refresh it. */
  | "expire"
  /** A binding was removed before its time: by an operator, or because its device cannot be reached. */
  | "remove"
  /** The flow of a binding has ended. */
  | "flow-end"
  /** A REGISTER with expires 0 that midreg owed the main registrar. */
  | "de-register"
  /** A registration that midreg made anew by itself, because an operator asked for it. */
  | "resync"
  /** A device was woken for a request, or was not; the reason says for what kind, the outcome how it ended. */
  | "wake";

/** What makes midreg believe that a REGISTER comes from the registered device (auth.absorb). */
export type Proof = "flow" | "digest" | "open" | "none";

/** What was decided, and from what. Durations are whole seconds unless they say otherwise. */
export interface DecisionFacts {
  readonly kind: DecisionKind;
  /** Reason code, as in the metrics and the debug log. */
  readonly reason: string;
  /** How it ended, where that takes an answer of the main registrar or of the store; else empty. */
  readonly outcome: string;
  /** The binding concerned, the first one where there are several; empty when there is none. */
  readonly ctid: string;
  /** Contacts concerned. */
  readonly contacts: number;
  /** Time since the binding's last refresh; undefined for a new one. */
  readonly ageSec: number | undefined;
  /** Lifetime granted to the device; undefined where none was. */
  readonly expiresSec: number | undefined;
  /** Remaining life of the registration upstream; negative when it was over. */
  readonly upstreamSec: number | undefined;
  readonly proof: Proof;
  /** Status of the main registrar's answer, or of midreg's own refusal. */
  readonly status: number | undefined;
  /** How long the main registrar took. */
  readonly durationMs: number | undefined;
  /** Name of the policy rule that applied; empty for none. */
  readonly rule: string;
  /** The flow the request came on (flow.ts); empty for what midreg does by itself. */
  readonly source: string;
}

/** One entry of the record: equal decisions in a row are one entry with the facts of the last. */
export interface Decision extends DecisionFacts {
  /** When it was decided first and last, on the steady timeline. */
  readonly firstAtMs: number;
  readonly atMs: number;
  /** How many times in a row. */
  readonly count: number;
}
