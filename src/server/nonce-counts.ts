import type { OwnNonce } from "../auth/nonce.ts";
import { MAX_COUNTED_NONCES, RETRANSMISSION_MS } from "./limits.ts";

/** The last request that used a nonce. */
interface Use {
  count: number;
  /** Names the request to the byte, with where it came from. */
  fingerprint: string;
  atMs: number;
}

/**
 * The highest count that each nonce was used with, so that no request is taken twice (RFC 7616 section 3.4). Two
 * generations, of which the older is dropped when its nonces have had their time, or when the newer is full.
 */
export class NonceCounts {
  readonly #lifetimeMs: number;
  #current = new Map<string, Use>();
  #previous = new Map<string, Use>();
  #startedAtMs: number;
  /** Of nonces made before this, not all counts are known. */
  #knownSinceMs: number;

  /** Counts from before `startMs` are lost, so the nonces from before are not good any more. */
  constructor(lifetimeMs: number, startMs: number) {
    this.#lifetimeMs = lifetimeMs;
    this.#startedAtMs = startMs;
    this.#knownSinceMs = Math.floor(startMs);
  }

  /** Whether a request may use a nonce with this count. "repeated" is the last one that did, once more. */
  use(
    { key, issuedAtMs }: OwnNonce,
    count: number,
    fingerprint: string,
    nowMs: number,
  ): "fresh" | "repeated" | "spent" {
    const ageMs = nowMs - issuedAtMs;
    if (ageMs < 0 || ageMs > this.#lifetimeMs)
      return this.#repetition(key, count, fingerprint, nowMs);
    this.#turn(nowMs);
    const use = this.#find(key);
    if (use === undefined) {
      if (issuedAtMs < this.#knownSinceMs) return "spent";
      this.#current.set(key, { count, fingerprint, atMs: nowMs });
      return "fresh";
    }
    if (count <= use.count) return this.#repetition(key, count, fingerprint, nowMs);
    use.count = count;
    use.fingerprint = fingerprint;
    use.atMs = nowMs;
    return "fresh";
  }

  #find(key: string): Use | undefined {
    return this.#current.get(key) ?? this.#previous.get(key);
  }

  #repetition(
    key: string,
    count: number,
    fingerprint: string,
    nowMs: number,
  ): "repeated" | "spent" {
    const use = this.#find(key);
    const isSame =
      use?.count === count &&
      use.fingerprint === fingerprint &&
      nowMs - use.atMs < RETRANSMISSION_MS;
    return isSame ? "repeated" : "spent";
  }

  #turn(nowMs: number): void {
    const isFull = this.#current.size >= MAX_COUNTED_NONCES;
    if (!isFull && nowMs - this.#startedAtMs < this.#lifetimeMs) return;
    // What is dropped was used, and so was made, before the present generation started.
    if (this.#previous.size > 0) this.#knownSinceMs = Math.ceil(this.#startedAtMs);
    this.#previous = this.#current;
    this.#current = new Map();
    this.#startedAtMs = nowMs;
  }
}
