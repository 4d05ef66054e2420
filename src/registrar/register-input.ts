import type { AorRecord } from "../location/binding.ts";
import type { SipRequest } from "../sip/message.ts";
import type { RegisterAsk } from "./read-register.ts";
import type { RegisterPolicy } from "./register-policy.ts";
import type { Identity } from "./upstream-identity.ts";

/** Everything a decision on a REGISTER depends on. */
export interface RegisterInput {
  readonly request: SipRequest;
  readonly ask: RegisterAsk;
  readonly record: AorRecord | undefined;
  /** The flow the request came on (location/flow.ts). */
  readonly source: string;
  readonly nowMs: number;
  readonly policy: RegisterPolicy;
  readonly ids: {
    callId(): string;
    mac(text: string): string;
    seal(text: string): string | undefined;
    ctid(aor: string, device: string): string;
    fraction(): number;
  };
  /** The longest lifetime that any policy asks of the main registrar. */
  readonly longestOutgoingSec: number;
  /** host:port of the listener that faces the main registrar. */
  readonly upstreamSentBy: string;
  /** Identity in use for a ctid, when it is newer than the stored one. */
  readonly identities: (ctid: string) => Identity | undefined;
  /** Whether the main registrar may have changed a registration without midreg knowing how. */
  readonly isDoubted: (ctid: string) => boolean;
  /** Whether a host and port of a URI are midreg's own. */
  readonly isOwnHost: (host: string, port: number | undefined) => boolean;
  /** The realm whose credentials are checked here and go no further, if midreg challenges by itself. */
  readonly ownRealmOf?: ((request: SipRequest) => string) | undefined;
  /** A Date header line with CRLF, or empty. */
  readonly dateLine: string;
}
