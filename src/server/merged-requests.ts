import type { SipRequest } from "../sip/message.ts";
import { MAX_MERGED_REQUESTS, MERGE_MS } from "./limits.ts";

/**
 * Finds requests that have come to a device before, by another of its flows: a main registrar that knows the flows of a
 * device as several contacts forks to all of them, and the device must ring once (RFC 5626 section 7).
 */
export class MergedRequests {
  /** When a request has come first, by its name and the device; oldest first. */
  readonly #seen = new Map<string, number>();

  /** Whether the request has come to the device already; if not, it has now. */
  isRepeated({ callId, fromTag, cseq }: SipRequest, device: string, nowMs: number): boolean {
    for (const [key, atMs] of this.#seen) {
      if (nowMs - atMs <= MERGE_MS && this.#seen.size < MAX_MERGED_REQUESTS) break;
      this.#seen.delete(key);
    }
    // What makes a request the same is that of RFC 3261 section 8.2.2.2.
    const key = `${callId}\0${fromTag}\0${cseq.number} ${cseq.method}\0${device}`;
    if (this.#seen.has(key)) return true;
    this.#seen.set(key, nowMs);
    return false;
  }
}
