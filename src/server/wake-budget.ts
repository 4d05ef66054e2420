import { MAX_COUNTED_PUSHERS } from "./limits.ts";
import type { PushBudget } from "./push-options.ts";
import { TokenBuckets } from "./token-buckets.ts";

const MINUTE_MS = 60_000;
const ALL = "all";

/**
 * How many pushes requests may cause: a caller cannot keep a device awake until its battery is empty, nor use up what
 * the provider allows for all.
 */
export class WakeBudget {
  readonly #callers: TokenBuckets;
  readonly #devices: TokenBuckets;
  readonly #total: TokenBuckets;

  constructor({ perCaller, perDevice, total }: PushBudget) {
    const names = { periodMs: MINUTE_MS, maxNames: MAX_COUNTED_PUSHERS };
    this.#callers = new TokenBuckets({ max: perCaller, ...names });
    this.#devices = new TokenBuckets({ max: perDevice, ...names });
    this.#total = new TokenBuckets({ max: total, periodMs: 1000, maxNames: 1 });
  }

  /** Takes one push from all budgets, or says which of them is used up and takes nothing. */
  take(caller: string, resource: string, nowMs: number): "caller" | "device" | "total" | undefined {
    // Some tokens can be written in upper and in lower case.
    const device = resource.toLowerCase();
    const isKnown = caller !== "";
    if (isKnown && !this.#callers.has(caller, nowMs)) return "caller";
    if (!this.#devices.has(device, nowMs)) return "device";
    if (!this.#total.has(ALL, nowMs)) return "total";
    if (isKnown) this.#callers.take(caller, nowMs);
    this.#devices.take(device, nowMs);
    this.#total.take(ALL, nowMs);
    return undefined;
  }
}
