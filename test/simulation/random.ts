/** Random choices that a seed repeats, the same everywhere: Mulberry32. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** A number from 0 (included) to 1 (excluded). */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Whether something of that probability happens. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** A whole number from 0 (included) to `end` (excluded). */
  below(end: number): number {
    return Math.floor(this.fraction() * end);
  }

  pick<T>(choices: readonly T[]): T {
    // The index is within bounds, so undefined can only be a choice.
    return choices[this.below(choices.length)] as T;
  }
}
