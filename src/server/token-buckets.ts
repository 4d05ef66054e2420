interface Bucket {
  tokens: number;
  atMs: number;
}

/** How much one name may have: `max` at once, and as much again in each period. */
export interface BucketSize {
  readonly max: number;
  readonly periodMs: number;
  /** Names that are counted; those that were counted longest ago are forgotten first. */
  readonly maxNames: number;
}

/** Bounds how often something happens by name. A `max` of 0 bounds nothing. */
export class TokenBuckets {
  readonly #size: BucketSize;
  readonly #buckets = new Map<string, Bucket>();

  constructor(size: BucketSize) {
    this.#size = size;
  }

  /** Whether there is a token left, which `take` would get. */
  has(name: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(name);
    return this.#size.max === 0 || bucket === undefined || this.#left(bucket, nowMs) >= 1;
  }

  take(name: string, nowMs: number): void {
    if (this.#size.max === 0) return;
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) return this.#open(name, nowMs);
    bucket.tokens = this.#left(bucket, nowMs) - 1;
    bucket.atMs = nowMs;
    // What is in use is not forgotten because many others are counted.
    this.#buckets.delete(name);
    this.#buckets.set(name, bucket);
    return undefined;
  }

  #left({ tokens, atMs }: Bucket, nowMs: number): number {
    const { max, periodMs } = this.#size;
    return Math.min(max, tokens + ((nowMs - atMs) / periodMs) * max);
  }

  #open(name: string, nowMs: number): void {
    if (this.#buckets.size >= this.#size.maxNames) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    this.#buckets.set(name, { tokens: this.#size.max - 1, atMs: nowMs });
  }
}
