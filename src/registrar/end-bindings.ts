import type { AorRecord } from "../location/binding.ts";
import type { AorChange } from "../location/change.ts";
import { decideExpiry, type ExpiryInput } from "./decide-expiry.ts";

/**
 * What ending bindings before their time changes: the same as if they expired now, so that the main registrar
 * hears of it in the same way. Bindings that have expired already go along.
 */
export function endBindings(
  { aor, bindings }: AorRecord,
  ctids: readonly string[],
  input: ExpiryInput,
): AorChange | undefined {
  const ended = bindings.map((binding) =>
    ctids.includes(binding.ctid) ? { ...binding, expiresAtMs: input.nowMs, push: "" } : binding,
  );
  return decideExpiry({ aor, bindings: ended }, input);
}
