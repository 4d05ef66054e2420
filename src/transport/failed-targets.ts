import type { Target } from "../ports.ts";
import { FAILED_FOR_MS, MAX_FAILED_TARGETS } from "./limits.ts";

/** The next hops that failed of late (time-out, transport error, 503): tried last for 30 s. */
export class FailedTargets {
  readonly #nowMs: () => number;
  /** When each is forgiven, oldest first. */
  readonly #untilMs = new Map<string, number>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  add(target: Target): void {
    const key = targetKey(target);
    this.#untilMs.delete(key);
    this.#untilMs.set(key, this.#nowMs() + FAILED_FOR_MS);
    const [oldest] = this.#untilMs.keys();
    if (this.#untilMs.size > MAX_FAILED_TARGETS && oldest !== undefined)
      this.#untilMs.delete(oldest);
  }

  /** The same targets without repetitions, failed ones behind the others, else in their order. */
  putLast(targets: readonly Target[]): Target[] {
    const distinct = new Map(targets.map((target) => [targetKey(target), target]));
    if (this.#untilMs.size === 0 || distinct.size < 2) return [...distinct.values()];
    const failed: Target[] = [];
    for (const [key, target] of distinct) {
      if (!this.#hasFailed(key)) continue;
      distinct.delete(key);
      failed.push(target);
    }
    return [...distinct.values(), ...failed];
  }

  #hasFailed(key: string): boolean {
    const untilMs = this.#untilMs.get(key);
    if (untilMs === undefined) return false;
    if (this.#nowMs() < untilMs) return true;
    this.#untilMs.delete(key);
    return false;
  }
}

function targetKey({ protocol, address, port }: Target): string {
  return `${protocol}:${address}:${port}`;
}
