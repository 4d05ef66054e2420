import { MAX_RETRY_AFTER_MS } from "./limits.ts";

/**
 * Milliseconds of a Retry-After (RFC 9110 section 10.2.3): seconds, or a date, and no more than is believed; undefined
 * when it is neither.
 */
export function parseRetryAfter(value: string | undefined, wallMs: number): number | undefined {
  const delayMs = value === undefined ? Number.NaN : readDelay(value.trim(), wallMs);
  return Number.isNaN(delayMs) ? undefined : Math.min(Math.max(0, delayMs), MAX_RETRY_AFTER_MS);
}

function readDelay(value: string, wallMs: number): number {
  if (/^\d{1,30}$/u.test(value)) return Number(value) * 1000;
  return /^[A-Z][a-z]{2}, .{1,40}$/u.test(value) ? Date.parse(value) - wallMs : Number.NaN;
}
