import { unescapeUri } from "../sip/escape.ts";
import { badRequest, type SipError } from "../sip/sip-error.ts";
import { parseUri } from "../sip/uri.ts";

/** How the To URI of a REGISTER becomes the key of its bindings. Lengths are in bytes. */
export interface AorPolicy {
  readonly useDomain: boolean;
  readonly caseSensitive: boolean;
  /** Prefix taken off the host, such as "sip."; empty for none. */
  readonly realmPrefix: string;
  readonly maxUsernameLength: number;
  readonly maxDomainLength: number;
  readonly maxAorLength: number;
}

/** Control characters and bytes beyond ASCII: nothing an address-of-record may hold unescaped. */
const NOT_PRINTABLE = /[^ -~]/u;

/**
 * The address-of-record of a URI in canonical form (RFC 3261 section 10.3 step 5): scheme, port and
 * parameters gone, escapes undone, host in lower case.
 */
export function canonicalAor(uriText: string, policy: AorPolicy): string | SipError {
  const uri = parseUri(uriText);
  if (uri === undefined || (uri.scheme !== "sip" && uri.scheme !== "sips")) {
    return badRequest("Malformed address-of-record");
  }
  const written = unescapeUri(uri.user ?? "");
  if (written === "") return badRequest("Address-of-record without a user");
  if (NOT_PRINTABLE.test(written)) return badRequest("Malformed address-of-record");
  const user = policy.caseSensitive ? written : written.toLowerCase();
  const host = canonicalHost(uri.host, policy.realmPrefix);
  if (user.length > policy.maxUsernameLength) return badRequest("User part too long");
  if (host.length > policy.maxDomainLength) return badRequest("Domain too long");
  const aor = policy.useDomain ? `${user}@${host}` : user;
  return aor.length > policy.maxAorLength ? badRequest("Address-of-record too long") : aor;
}

function canonicalHost(written: string, prefix: string): string {
  const host = written.toLowerCase();
  const hasPrefix = prefix !== "" && host.length > prefix.length && host.startsWith(prefix);
  return hasPrefix ? host.slice(prefix.length) : host;
}
