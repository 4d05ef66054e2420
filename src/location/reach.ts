import type { Binding } from "./binding.ts";

/**
 * Until when a binding leads to its device. One that can be woken goes on beyond its own end, asleep, for as long as the
 * operator wants it (pn_after_expiry) and not longer than the main registrar has it: calls come here until then, and a
 * push may still bring the device back. It is no binding to anybody else: no answer lists it, and a REGISTER for it is
 * forwarded like that of a new contact.
 */
export function reachableUntilMs(
  { push, expiresAtMs, upstream }: Binding,
  afterExpiryMs: number,
): number {
  if (push === "" || afterExpiryMs === 0) return expiresAtMs;
  return Math.max(expiresAtMs, Math.min(expiresAtMs + afterExpiryMs, upstream.expiresAtMs));
}
