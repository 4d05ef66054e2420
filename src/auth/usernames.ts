import { unescapeUri } from "../sip/escape.ts";
import { parseUri } from "../sip/uri.ts";

/**
 * The user names whose credentials may register an address-of-record, given as the To URI: its user part,
 * or the whole of it as user@host. Nobody else's do (RFC 3261 section 10.3 step 4).
 */
export function usernamesFor(toUri: string): readonly string[] {
  const uri = parseUri(toUri);
  const user = unescapeUri(uri?.user ?? "");
  return uri === undefined || user === "" ? [] : [user, `${user}@${uri.host.toLowerCase()}`];
}

/** Whether a user may register an address-of-record. */
export function mayRegister(username: string, toUri: string, isCaseSensitive: boolean): boolean {
  const fold = (text: string): string => (isCaseSensitive ? text : text.toLowerCase());
  // The host of a name is compared without case, whatever the user part wants (section 19.1.4).
  const at = username.lastIndexOf("@");
  const written = at === -1 ? username : username.slice(0, at) + username.slice(at).toLowerCase();
  return usernamesFor(toUri).some((allowed) => fold(allowed) === fold(written));
}

/** The realm of an address-of-record where none is configured: the host of its To URI. */
export function realmOf(toUri: string): string {
  return parseUri(toUri)?.host.toLowerCase() ?? "";
}
