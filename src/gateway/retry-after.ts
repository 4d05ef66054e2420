/** Milliseconds of a Retry-After (RFC 9110 section 10.2.3): seconds, or a date; undefined when it is neither. */
export function parseRetryAfter(value: string | undefined, wallMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/u.test(value)) return Number(value) * 1000;
  const atMs = /^[A-Z][a-z]{2}, .{1,40}$/u.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - wallMs);
}
