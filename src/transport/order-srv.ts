import type { SrvRecord } from "node:dns";

/**
 * Puts SRV records in the order they are tried (RFC 2782): by priority, and within one priority drawn
 * by weight. `fraction` gives numbers from 0 (included) to 1 (excluded).
 */
export function orderSrv(records: readonly SrvRecord[], fraction: () => number): SrvRecord[] {
  // Weightless records come first within their priority, which leaves them a small chance.
  const left = records.toSorted((a, b) => a.priority - b.priority || a.weight - b.weight);
  const ordered: SrvRecord[] = [];
  while (left.length > 0) ordered.push(...left.splice(draw(left, fraction), 1));
  return ordered;
}

/** Index of the next record among those that share the first one's priority. */
function draw(left: readonly SrvRecord[], fraction: () => number): number {
  const end = left.findIndex(({ priority }) => priority !== left[0]?.priority);
  const rivals = end === -1 ? left : left.slice(0, end);
  const sum = rivals.reduce((total, { weight }) => total + weight, 0);
  const drawn = Math.floor(fraction() * (sum + 1));
  let running = 0;
  return rivals.findIndex(({ weight }) => {
    running += weight;
    return running >= drawn;
  });
}
