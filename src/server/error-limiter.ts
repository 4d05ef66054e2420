import { ERROR_BURST, ERRORS_PER_SECOND, MAX_COUNTED_SOURCES } from "./limits.ts";

interface Bucket {
  tokens: number;
  atMs: number;
}

/**
 * Bounds how many error answers one source address gets, so that midreg is no use as a reflector and a
 * scanner cannot keep it busy answering. Over the limit it is silent.
 */
export class ErrorLimiter {
  readonly #buckets = new Map<string, Bucket>();

  /** Whether another error may be sent to this address now. */
  allows(address: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(address);
    if (bucket === undefined) {
      this.#remember(address, nowMs);
      return true;
    }
    const earned = ((nowMs - bucket.atMs) / 1000) * ERRORS_PER_SECOND;
    bucket.tokens = Math.min(ERROR_BURST, bucket.tokens + earned);
    bucket.atMs = nowMs;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  #remember(address: string, nowMs: number): void {
    if (this.#buckets.size >= MAX_COUNTED_SOURCES) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    this.#buckets.set(address, { tokens: ERROR_BURST - 1, atMs: nowMs });
  }
}
