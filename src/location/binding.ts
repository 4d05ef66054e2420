/**
 * The nouns of the location service. Every text is a byte string: one character for one byte, as it
 * came from the wire. Instants are milliseconds on the appliance's steady timeline (ports.ts, Clock).
 */

/**
 * How a binding stands upstream: as the phone's own registration (mirror), as one of midreg's for this
 * contact, or as one of midreg's that all devices of the address-of-record share (aor).
 */
export type Mode = "mirror" | "contact" | "aor";

/** What midreg keeps of a device's contact, and of the registration it holds for it upstream. */
export interface Binding {
  /** Contact identifier: names this binding toward the main registrar, 16 hexadecimal digits. */
  readonly ctid: string;
  /** Contact URI as the device wrote it, without angle brackets. */
  readonly contact: string;
  /** Contact header parameters as written, each with its leading semicolon; q and expires left out. */
  readonly params: string;
  /** Preference in thousandths, 0 to 1000; undefined when the device gave none. */
  readonly q: number | undefined;
  /** Call-ID and CSeq of the device's last accepted REGISTER (RFC 3261 section 10.3 step 7). */
  readonly callId: string;
  readonly cseq: number;
  /** When the lifetime granted to the device ends. */
  readonly expiresAtMs: number;
  /** When the device was last heard. */
  readonly updatedAtMs: number;
  /** Where the REGISTER came from and how to reach it again (flow.ts). */
  readonly source: string;
  /** Path vector, values joined by a comma, first hop first (RFC 3327); empty when there is none. */
  readonly path: string;
  readonly userAgent: string;
  /** Header lines of the main registrar's 2xx that absorbed answers give again, each ended by CRLF. */
  readonly replay: string;
  readonly mode: Mode;
  /** Methods the device allows (Allow header, upper case, comma-separated); empty when it did not say. */
  readonly methods: string;
  /** What the rule that let it in says of it (attr); empty for nothing. */
  readonly attr: string;
  /**
   * When the registration began that its temporary GRUUs belong to (RFC 5627 section 5.1): refreshes with
   * the same Call-ID continue it, a lapse or another Call-ID starts it anew. 0 when that is not known.
   */
  readonly registeredAtMs: number;
  /** pub-gruu and temp-gruu as the main registrar gave them, each with its leading semicolon; or empty. */
  readonly upstreamGruu: string;
  /** How the device is woken (push-device.ts); empty when midreg does not push to it. */
  readonly push: string;
  /** The registration midreg holds at the main registrar for this contact, or with others. */
  readonly upstream: UpstreamRegistration;
}

/** A registration of midreg's own at the main registrar: its identity and what was granted. */
export interface UpstreamRegistration {
  /** Name of the main registrar that holds it; empty for the default one. */
  readonly upstream: string;
  /** Call-ID of midreg's own; the From tag is derived from it (registrar/upstream-identity.ts). */
  readonly callId: string;
  /** Highest CSeq used under that Call-ID. */
  readonly cseq: number;
  /** When the main registrar forgets the contact, counted from the moment the request was sent. */
  readonly expiresAtMs: number;
  /** Contact URI registered upstream. */
  readonly contact: string;
  /** Request-URI of the forwarded REGISTER. */
  readonly requestUri: string;
  /** To URI of the forwarded REGISTER. */
  readonly to: string;
  /** From URI of the forwarded REGISTER; empty when it is the To URI, as it nearly always is. */
  readonly from: string;
}

/** What operators call the default main registrar, whose name is stored as an empty text. */
const MAIN_NAME = "main";

/** The name of a main registrar as operators see it. */
export function upstreamName({ upstream }: Pick<UpstreamRegistration, "upstream">): string {
  return upstream === "" ? MAIN_NAME : upstream;
}

/** The way back from upstreamName. */
export function readUpstreamName(text: string): string {
  return text === MAIN_NAME ? "" : text;
}

/** An address-of-record with everything that is bound to it. Never empty while it is stored. */
export interface AorRecord {
  readonly aor: string;
  readonly bindings: readonly Binding[];
}

/** A REGISTER with expires 0 that midreg owes the main registrar. One per ctid. */
export interface DeRegistration {
  readonly ctid: string;
  readonly aor: string;
  readonly upstream: UpstreamRegistration;
  /** When to try next. Giving up is decided by upstream.expiresAtMs. */
  readonly dueAtMs: number;
  readonly attempts: number;
}
