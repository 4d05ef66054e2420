import type { Binding } from "../location/binding.ts";
import { isOfFlow, type PingHealth } from "../location/ping-health.ts";

/** What pings have told of one device; it changes with each of them. */
export class PingEntry implements PingHealth {
  readonly flow: string;
  pingedAtMs: number;
  answeredAtMs: number | undefined;
  latencyMs: number | undefined;
  lost = 0;

  constructor(flow: string, pingedAtMs: number) {
    this.flow = flow;
    this.pingedAtMs = pingedAtMs;
  }
}

/**
 * What pings have told of devices, by ctid: 150 bytes for each that is pinged. What a whole round has not come by is
 * gone from the store, and forgotten in the round after.
 */
export class PingTable {
  #present = new Map<string, PingEntry>();
  #before = new Map<string, PingEntry>();

  get size(): number {
    return Math.max(this.#present.size, this.#before.size);
  }

  /** Undefined where nothing is known of the flow that the binding has by now. */
  of(binding: Pick<Binding, "ctid" | "source">): PingEntry | undefined {
    const { ctid } = binding;
    const entry = this.#present.get(ctid) ?? this.#before.get(ctid);
    return isOfFlow(entry, binding) ? entry : undefined;
  }

  /** The walk has come by: what is known of the binding is kept for another round. */
  keep(binding: Pick<Binding, "ctid" | "source">): PingEntry | undefined {
    const entry = this.of(binding);
    if (entry !== undefined) this.#present.set(binding.ctid, entry);
    return entry;
  }

  /** A ping is sent now. */
  begin(binding: Binding, nowMs: number): PingEntry {
    const { ctid, source, updatedAtMs } = binding;
    const known = this.of(binding);
    const entry = known ?? new PingEntry(source, nowMs);
    // A device that has refreshed since the last one was alive after all.
    if (updatedAtMs > entry.pingedAtMs) entry.lost = 0;
    entry.pingedAtMs = nowMs;
    this.#present.set(ctid, entry);
    return entry;
  }

  /** A round has ended. */
  turn(): void {
    this.#before = this.#present;
    this.#present = new Map();
  }
}
