/**
 * The REGISTER with expires 0 that midreg sends by itself, and what its answer means for the outbox.
 */
import type { DeRegistration } from "../location/binding.ts";
import { buildOwnRegister } from "./own-register.ts";

/** First wait after a failed attempt; each further one doubles it. */
const FIRST_RETRY_MS = 5000;
/** Longest wait between attempts. */
const MAX_RETRY_MS = 300_000;

/**
 * The message without a Via, and with the CSeq it uses. `credentials` is a header line with CRLF that answers a
 * challenge, or empty.
 */
export function buildDeRegister(owed: DeRegistration, userAgent: string, credentials = ""): string {
  const { callId, contact } = owed.upstream;
  const parts = { contact: `<${contact}>;expires=0`, userAgent, credentials };
  return buildOwnRegister(owed.upstream, { callId, cseq: nextCSeq(owed) }, parts);
}

function nextCSeq(owed: DeRegistration): number {
  return owed.upstream.cseq + 1;
}

/** What is owed once an attempt has been made: the number was used, whatever became of it. */
export function afterAttempt(owed: DeRegistration): DeRegistration {
  return { ...owed, upstream: { ...owed.upstream, cseq: nextCSeq(owed) } };
}

export type DeRegisterOutcome =
  | { readonly kind: "done" }
  | { readonly kind: "given-up" }
  | { readonly kind: "retry"; readonly next: DeRegistration };

/**
 * What follows from an attempt. `status` is undefined when there was no answer. The entry stays until
 * the main registrar says the contact is gone, or has forgotten it by itself.
 */
export function decideDeRegister(
  owed: DeRegistration,
  status: number | undefined,
  nowMs: number,
): DeRegisterOutcome {
  const isGone = status !== undefined && ((status >= 200 && status < 300) || status === 404);
  if (isGone) return { kind: "done" };
  const attempts = owed.attempts + 1;
  const backOffMs = Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 16), MAX_RETRY_MS);
  // Towards the end of its life upstream the waits get shorter again, so that no chance is missed.
  const halfLeftMs = Math.ceil((owed.upstream.expiresAtMs - nowMs) / 2);
  const dueAtMs = nowMs + Math.min(backOffMs, Math.max(halfLeftMs, FIRST_RETRY_MS));
  if (dueAtMs >= owed.upstream.expiresAtMs) return { kind: "given-up" };
  return { kind: "retry", next: { ...afterAttempt(owed), attempts, dueAtMs } };
}
