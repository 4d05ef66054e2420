import type {
  AorRecord,
  Binding,
  DeRegistration,
  UpstreamRegistration,
} from "../location/binding.ts";
import { type AorChange, buildChange } from "../location/change.ts";
import { reachableUntilMs } from "../location/reach.ts";
import type { RegisterInput } from "./register-input.ts";
import { owedKey, registrationKey, sharers } from "./shared-contact.ts";

/** What the end of lifetimes depends on besides the record itself. */
export type ExpiryInput = LastKnownInput & {
  /** For how long a device that can be woken is kept beyond its end (reach.ts). */
  readonly afterExpiryMs: number;
};

/** What is known of registrations upstream besides the record itself. */
type LastKnownInput = Pick<RegisterInput, "nowMs" | "identities" | "isDoubted"> & {
  readonly outgoingExpiresSec: number;
};

/**
 * What the end of lifetimes changes: expired bindings go, unless they can be woken still, and each leaves behind a de-registration
 * that midreg owes the main registrar while that still remembers the contact. Undefined when nothing
 * has expired.
 */
export function decideExpiry(record: AorRecord, input: ExpiryInput): AorChange | undefined {
  const { aor, bindings } = record;
  const { nowMs, afterExpiryMs } = input;
  const isOver = (binding: Binding): boolean => reachableUntilMs(binding, afterExpiryMs) <= nowMs;
  const expired = bindings.filter(isOver);
  if (expired.length === 0) return undefined;
  const owing = new Map<string, DeRegistration>();
  for (const binding of expired) {
    if (!leavesRegistration(binding, record, isOver)) continue;
    const key = registrationKey(binding, aor);
    const upstream = lastKnown(binding, key, input);
    if (upstream.expiresAtMs <= nowMs) continue;
    const ctid = owedKey(key, upstream.upstream);
    owing.set(ctid, { ctid, aor, upstream, dueAtMs: nowMs, attempts: 0 });
  }
  const enqueue = [...owing.values()];
  return buildChange(aor, { remove: expired.map(({ ctid }) => ctid), enqueue });
}

/**
 * Whether the end of a binding leaves a registration of midreg's behind: not one that others share, nor the
 * phone's own, which ends upstream by itself.
 */
function leavesRegistration(
  { mode }: Binding,
  record: AorRecord,
  isOver: (binding: Binding) => boolean,
): boolean {
  if (mode === "aor") return sharers(record).every((sharer) => isOver(sharer));
  return mode === "contact";
}

/**
 * The registration upstream as it may be by now: with the highest CSeq that has been used, and with the
 * longest life it can have got where an answer was lost.
 */
export function lastKnown(
  { ctid, upstream }: Binding,
  key: string,
  input: LastKnownInput,
): UpstreamRegistration {
  const { nowMs, identities, isDoubted, outgoingExpiresSec } = input;
  const pending = identities(key);
  const cseq = pending?.callId === upstream.callId ? pending.cseq - 1 : upstream.cseq;
  const longestMs = isDoubted(ctid) ? nowMs + outgoingExpiresSec * 1000 : 0;
  return { ...upstream, cseq, expiresAtMs: Math.max(upstream.expiresAtMs, longestMs) };
}

/** When the first of the bindings expires; undefined for an empty record. */
export function nextExpiryMs(record: AorRecord, afterExpiryMs: number): number | undefined {
  let next: number | undefined;
  for (const binding of record.bindings) {
    const endMs = reachableUntilMs(binding, afterExpiryMs);
    if (next === undefined || endMs < next) next = endMs;
  }
  return next;
}
