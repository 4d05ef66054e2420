/** The choice among the final responses of several branches (RFC 3261 section 16.7 step 6). */

/** Ones that tell the caller what to do to have more success. */
const TELLING = [401, 407, 415, 420, 484];
/**
 * Ones that say little: the device is away, its flow is dead, it is silent, it was told to stop, or it is
 * overloaded, which only passes when there is nothing else. They come last, in this order.
 */
const VAGUE = [480, 430, 408, 487, 503];

const DECLINED = 600;

/** Lower is better: any 6xx, else the lowest class, and within it what helps before what is vague. */
function rank(status: number): number {
  if (status >= DECLINED) return 0;
  const base = Math.floor(status / 100) * 10;
  if (TELLING.includes(status)) return base;
  const vague = VAGUE.indexOf(status);
  return vague === -1 ? base + 1 : base + 2 + vague;
}

/** The best of the responses, the first of equals; undefined when there are none. */
export function bestResponse<T extends { readonly status: number }>(
  responses: readonly T[],
): T | undefined {
  let best: T | undefined;
  for (const response of responses) {
    if (best === undefined || rank(response.status) < rank(best.status)) best = response;
  }
  return best;
}
