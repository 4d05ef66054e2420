import type { Listener, Target } from "../ports.ts";
import { MAX_TCP_REFUSALS, MAX_UDP_REQUEST_BYTES, TCP_REFUSED_MS } from "./limits.ts";

/** A request before it has its Via, and where it would go. */
export interface LargeCandidate {
  readonly text: string;
  readonly listener: Listener;
  readonly target: Target;
}

/**
 * What a Via of midreg's has besides its sent-by: "Via: SIP/2.0/UDP ", ";branch=" with the branch and what tells
 * loops, ";rport" and the line's end.
 */
const VIA_BYTES = 80;

/**
 * Requests too large for a datagram go by TCP to the same address and port (RFC 3261 section 18.1.1), where midreg
 * has a listener of TCP to call it by, and except to peers that have not taken it of late.
 */
export class LargeRequests {
  readonly #nowMs: () => number;
  /** Until when a place is not tried by TCP, the oldest first. */
  readonly #refusedUntilMs = new Map<string, number>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** The way by TCP that a request has to take; undefined when it is fine as it is. */
  byTcp(
    { text, listener, target }: LargeCandidate,
    listenerFor: (target: Target) => Listener | undefined,
  ): Omit<LargeCandidate, "text"> | undefined {
    if (target.protocol !== "udp") return undefined;
    if (text.length + listener.sentBy.length + VIA_BYTES <= MAX_UDP_REQUEST_BYTES) return undefined;
    if (this.#isRefused(placeOf(target))) return undefined;
    const other: Target = { ...target, protocol: "tcp" };
    const from = listenerFor(other);
    return from?.protocol === "tcp" ? { listener: from, target: other } : undefined;
  }

  /** That peer has not taken a request by TCP. */
  refused(target: Target): void {
    const place = placeOf(target);
    this.#refusedUntilMs.delete(place);
    this.#refusedUntilMs.set(place, this.#nowMs() + TCP_REFUSED_MS);
    const [oldest] = this.#refusedUntilMs.keys();
    if (this.#refusedUntilMs.size > MAX_TCP_REFUSALS && oldest !== undefined) {
      this.#refusedUntilMs.delete(oldest);
    }
  }

  #isRefused(place: string): boolean {
    const untilMs = this.#refusedUntilMs.get(place);
    if (untilMs === undefined) return false;
    if (this.#nowMs() < untilMs) return true;
    this.#refusedUntilMs.delete(place);
    return false;
  }
}

function placeOf({ address, port }: Target): string {
  return `${address} ${port}`;
}
