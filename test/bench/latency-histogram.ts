const LINEAR_BITS = 11;
const LINEAR = 1 << LINEAR_BITS;
const HALF = LINEAR / 2;
/** Up to 2^31 microseconds, 36 minutes: longer than any transaction lives. */
const BUCKETS = LINEAR + (31 - LINEAR_BITS) * HALF;

export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/**
 * Counts durations in microseconds: exact below 2048, and within 0.1 % above, in the manner of
 * HdrHistogram. Recording is one array increment.
 */
export class LatencyHistogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;
  #max = 0;

  /** Records a duration from 0 to 2^31 microseconds; fractions are cut off. */
  record(durationUs: number): void {
    const us = Math.trunc(durationUs);
    this.#total += 1;
    if (us > this.#max) this.#max = us;
    const bucket = bucketOf(us);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
  }

  /** The smallest bucket's value that `fraction` of all durations do not exceed; 0 when empty. */
  percentile(fraction: number): number {
    let left = Math.max(1, Math.ceil(fraction * this.#total));
    if (this.#total === 0) return 0;
    const bucket = this.#counts.findIndex((count) => {
      left -= count;
      return left <= 0;
    });
    return valueOf(bucket);
  }

  percentiles(): Percentiles {
    return {
      p50: this.percentile(0.5),
      p90: this.percentile(0.9),
      p99: this.percentile(0.99),
      p999: this.percentile(0.999),
      max: this.#max,
    };
  }
}

function bucketOf(us: number): number {
  if (us < LINEAR) return us;
  const shift = 32 - LINEAR_BITS - Math.clz32(us);
  return Math.min(LINEAR + (shift - 1) * HALF + ((us >>> shift) - HALF), BUCKETS - 1);
}

function valueOf(bucket: number): number {
  if (bucket < LINEAR) return bucket;
  const above = bucket - LINEAR;
  return (HALF + (above % HALF)) * 2 ** (Math.floor(above / HALF) + 1);
}
