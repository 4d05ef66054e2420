import type { Metrics, Tally, Timing } from "../ports.ts";

/** How the waking of a device for one or more requests ended. */
export type WakeResult =
  /** The device has registered, and has got the requests. */
  | "registered"
  | "timeout"
  /** Nobody waits any more: the caller has given up, or another device has answered or declined for all. */
  | "cancelled"
  | "answered"
  | "declined"
  /** The provider will not take a push for this device. */
  | "dead-token"
  | "rejected"
  /** Not even tried: what may be pushed is used up, or too many wait already. */
  | "budget-caller"
  | "budget-device"
  | "budget-total"
  | "full";

/** The metrics of waking. */
export class WakeMetrics {
  readonly #metrics: Metrics;
  readonly #results = new Map<string, Tally>();
  /** From handing the push over to the device's REGISTER being committed. */
  readonly register: Timing;
  /** From handing the push over to the device's first answer to the request. */
  readonly ring: Timing;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.register = metrics.timing("wake_register_seconds");
    this.ring = metrics.timing("wake_ring_seconds");
  }

  count(result: WakeResult, purpose: string): void {
    const key = `${result} ${purpose}`;
    const tally =
      this.#results.get(key) ?? this.#metrics.counter("wakes_total", { result, purpose });
    this.#results.set(key, tally);
    tally.n += 1;
  }

  watch(wakes: () => number, requests: () => number): void {
    this.#metrics.gauge("wakes_pending", {}, wakes);
    this.#metrics.gauge("wake_requests_held", {}, requests);
  }
}
