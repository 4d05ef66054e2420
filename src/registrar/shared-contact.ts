/**
 * AoR throttling: the one contact under which the main registrar knows all devices of an address-of-record,
 * "sip:alice%40example.com@HOST:PORT".
 */
import type { AorPolicy } from "../location/address-of-record.ts";
import type { AorRecord, Binding } from "../location/binding.ts";
import { byPreference } from "../location/match-contact.ts";
import { isSameUri } from "../sip/compare-uri.ts";
import { escapeUser, unescapeUri } from "../sip/escape.ts";
import { parseUri } from "../sip/uri.ts";

/** How an address-of-record becomes a user part. */
export interface SharedContactPolicy {
  readonly aor: AorPolicy;
  /** Stands for the "@" between user and domain; "%40" is its escape. */
  readonly atEscapeStr: string;
}

/** The address-of-record as the user part of a URI. */
export function userOfAor(aor: string, { aor: policy, atEscapeStr }: SharedContactPolicy): string {
  // A user may have an "@" of its own, a domain has none.
  const at = policy.useDomain ? aor.lastIndexOf("@") : -1;
  if (at === -1) return escapeUser(aor);
  return escapeUser(aor.slice(0, at)) + atEscapeStr + escapeUser(aor.slice(at + 1));
}

/** The way back: the address-of-record that a user part, as the main registrar gives it back, stands for. */
function aorOfUser(user: string, { aor: policy, atEscapeStr }: SharedContactPolicy): string {
  const text = unescapeUri(user);
  const mark = unescapeUri(atEscapeStr);
  const at = policy.useDomain ? text.lastIndexOf(mark) : -1;
  const name = at === -1 ? text : text.slice(0, at);
  const domain = at === -1 ? "" : `@${text.slice(at + mark.length).toLowerCase()}`;
  return (policy.caseSensitive ? name : name.toLowerCase()) + domain;
}

/** The same for a whole URI; undefined when it has no user. */
export function aorOfUri(uri: string, policy: SharedContactPolicy): string | undefined {
  const user = parseUri(uri)?.user;
  return user === undefined ? undefined : aorOfUser(user, policy);
}

/** The key of the registration that the devices of an address-of-record share; no ctid looks like it. */
export function sharedKey(aor: string): string {
  return `*${aor}`;
}

/** The key of the registration upstream that a binding depends on: the shared one, or that of its ctid. */
export function registrationKey(
  { ctid, mode }: Pick<Binding, "ctid" | "mode">,
  aor: string,
): string {
  return mode === "aor" ? sharedKey(aor) : ctid;
}

/**
 * The name under which the end of a registration is owed: its key, and which main registrar owes it to forget it
 * unless that is the default one. So what is owed to one survives a registration at another.
 */
export function owedKey(key: string, upstream: string): string {
  return upstream === "" ? key : `${key}@${upstream}`;
}

/** The bindings that stand upstream together. */
export function sharers(record: AorRecord | undefined): readonly Binding[] {
  return (record?.bindings ?? []).filter(({ mode }) => mode === "aor");
}

/** What a request to the shared contact is for: all of them that it can be for, most preferred first. */
export function sharedTargets(
  record: AorRecord | undefined,
  isTarget: (binding: Binding) => boolean,
): readonly Binding[] {
  return byPreference(sharers(record).filter((binding) => isTarget(binding)));
}

/** Whether a contact the main registrar lists is the shared one: by its URI, or at least by its user. */
export function isSharedContact(listed: string, ours: string): boolean {
  if (isSameUri(listed, ours)) return true;
  const user = parseUri(ours)?.user;
  const listedUser = parseUri(listed)?.user;
  return (
    user !== undefined && listedUser !== undefined && unescapeUri(user) === unescapeUri(listedUser)
  );
}
