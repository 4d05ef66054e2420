import { isSameUri } from "../sip/compare-uri.ts";
import { paramValue, unquote } from "../sip/params.ts";
import { parseUri, uriParam } from "../sip/uri.ts";
import type { AorRecord, Binding } from "./binding.ts";

/**
 * When two contacts of an address-of-record are the same device: by URI (RFC 3261), by URI and Call-ID, by
 * +sip.instance and reg-id (RFC 5626 section 6), or by the value of a URI parameter (lower-case name).
 */
export type MatchingMode = "contact" | "contact-call-id" | "instance" | `param:${string}`;

/** What a contact is recognised by. */
export interface ContactIdentity {
  readonly uri: string;
  /** Contact header parameters as written. */
  readonly params: string;
}

/**
 * The binding a contact belongs to. In the modes that go by a parameter, a contact without it is compared by
 * URI, and only with bindings that have none either: it must never take another device's place (spec section
 * 1.3, where it takes the first).
 */
export function findBinding(
  record: AorRecord | undefined,
  contact: ContactIdentity,
  callId: string,
  mode: MatchingMode,
): Binding | undefined {
  if (mode === "contact" || record === undefined) return matchContact(record, contact.uri);
  const { aor, bindings } = record;
  if (mode === "contact-call-id") {
    const sameCall = bindings.filter((binding) => binding.callId === callId);
    return matchContact({ aor, bindings: sameCall }, contact.uri);
  }
  const key = contactKey(contact, mode);
  const keyOf = ({ contact: uri, params }: Binding) => contactKey({ uri, params }, mode);
  if (key !== undefined) return bindings.find((binding) => keyOf(binding) === key);
  const keyless = bindings.filter((binding) => keyOf(binding) === undefined);
  return matchContact({ aor, bindings: keyless }, contact.uri);
}

/** What names the device in the modes that go by a parameter; undefined in the others, and without it. */
export function contactKey(
  { uri, params }: ContactIdentity,
  mode: MatchingMode,
): string | undefined {
  if (mode === "instance") {
    const instance = instanceOf(params);
    // Two flows of one device differ by reg-id, and both are to be kept.
    if (instance === undefined) return undefined;
    return `${instance} ${paramValue(params, "reg-id") ?? ""}`;
  }
  if (!mode.startsWith("param:")) return undefined;
  const parsed = parseUri(uri);
  const value = parsed && uriParam(parsed, mode.slice("param:".length));
  return value === "" ? undefined : value;
}

/**
 * The instance identifier of a device in comparable form, undefined for none. Of a URN the beginning is
 * without case, and all of it when it is a UUID (RFC 8141 section 3.1, RFC 9562 section 4).
 */
export function instanceOf(params: string): string | undefined {
  const value = unquote(paramValue(params, "+sip.instance") ?? "");
  if (value === "") return undefined;
  const [beginning = ""] = /^<?urn:[^:]*:/iu.exec(value) ?? [];
  const isUuid = beginning.toLowerCase().endsWith("urn:uuid:");
  return isUuid ? value.toLowerCase() : beginning.toLowerCase() + value.slice(beginning.length);
}

/**
 * The binding a contact URI belongs to, by RFC 3261 section 10.3 step 7 and the URI comparison of
 * section 19.1.4; undefined when the address-of-record has none.
 */
export function matchContact(record: AorRecord | undefined, uriText: string): Binding | undefined {
  if (record === undefined) return undefined;
  // Devices repeat their Contact to the byte, so the cheap comparison nearly always decides.
  for (const binding of record.bindings) if (binding.contact === uriText) return binding;
  return record.bindings.find((binding) => isSameUri(binding.contact, uriText));
}

/** The bindings whose lifetime has not ended, most preferred first, then in order of registration. */
export function validBindings(record: AorRecord | undefined, nowMs: number): readonly Binding[] {
  if (record === undefined) return [];
  const isValid = ({ expiresAtMs }: Binding): boolean => expiresAtMs > nowMs;
  const { bindings } = record;
  const valid = bindings.every(isValid) ? bindings : bindings.filter(isValid);
  return byPreference(valid);
}

/** Most preferred first, then in the order they came in. */
export function byPreference(bindings: readonly Binding[]): readonly Binding[] {
  if (bindings.length < 2) return bindings;
  return bindings.toSorted((a, b) => (b.q ?? DEFAULT_Q) - (a.q ?? DEFAULT_Q));
}

/** A contact without q is preferred like one with q=1 (RFC 3261 section 10.2.1.2 leaves it open). */
const DEFAULT_Q = 1000;
