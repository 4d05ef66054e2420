import { isSameUri } from "../sip/compare-uri.ts";
import type { AorRecord, Binding } from "./binding.ts";

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
  if (valid.length < 2) return valid;
  return valid.toSorted((a, b) => (b.q ?? DEFAULT_Q) - (a.q ?? DEFAULT_Q));
}

/** A contact without q is preferred like one with q=1 (RFC 3261 section 10.2.1.2 leaves it open). */
const DEFAULT_Q = 1000;
