import { TOUCH_WIDTH } from "./journal-protocol.ts";

/** What a refresh leaves: cseq, expiresAtMs, updatedAtMs. */
export type Refresh = readonly [cseq: number, expiresAtMs: number, updatedAtMs: number];

/** Refreshes that are kept and sorted together: a millisecond's work. */
const RUN = 16_384;

/**
 * Refreshes in the order in which they came, to be told by binding. Typed arrays, because there are
 * hundreds of thousands: 40 bytes each, where maps take 200 with what they leave behind as they grow.
 */
export class RefreshLog {
  readonly #runs: Run[] = [];
  #count = 0;

  /** Refreshes so far: the place of the next one. */
  get count(): number {
    return this.#count;
  }

  /** Adds packed refreshes, TOUCH_WIDTH numbers each. */
  append(touches: Float64Array): void {
    for (let at = 0; at < touches.length; at += TOUCH_WIDTH) {
      let run = this.#runs.at(-1);
      if (run === undefined || run.length === RUN) {
        run = new Run();
        this.#runs.push(run);
      }
      run.add(touches, at);
      this.#count += 1;
    }
  }

  idAt(place: number): number {
    return this.#numberAt(place, 0);
  }

  refreshAt(place: number): Refresh {
    return [this.#numberAt(place, 1), this.#numberAt(place, 2), this.#numberAt(place, 3)];
  }

  /** The place of the last refresh of each binding, by ascending row id. To be used once. */
  *lastPlaces(): Generator<number, void> {
    const runs = this.#runs;
    runs.at(-1)?.sort();
    const heads = Float64Array.from(runs, (run) => run.headId);
    for (;;) {
      const id = heads.reduce((least, head) => (head < least ? head : least), Infinity);
      if (id === Infinity) return;
      let place = 0;
      for (let index = 0; index < runs.length; index += 1) {
        const run = heads[index] === id ? runs[index] : undefined;
        if (run === undefined) continue;
        // A later run is later in time.
        place = index * RUN + run.takeLast(id);
        heads[index] = run.headId;
      }
      yield place;
    }
  }

  #numberAt(place: number, column: number): number {
    const run = this.#runs[Math.floor(place / RUN)];
    return run?.numbers[(place % RUN) * TOUCH_WIDTH + column] ?? 0;
  }
}

class Run {
  readonly numbers = new Float64Array(RUN * TOUCH_WIDTH);
  length = 0;
  /** Row id times RUN plus place within the run; infinite where there is no refresh yet. */
  #keys = new Float64Array(RUN).fill(Infinity);
  #cursor = 0;

  /** Takes the numbers that start at `at`. A full run is sorted at once, so that no later step is long. */
  add(touches: Float64Array, at: number): void {
    const start = this.length * TOUCH_WIDTH;
    for (let column = 0; column < TOUCH_WIDTH; column += 1) {
      this.numbers[start + column] = touches[at + column] ?? 0;
    }
    this.#keys[this.length] = (touches[at] ?? 0) * RUN + this.length;
    this.length += 1;
    if (this.length === RUN) this.sort();
  }

  sort(): void {
    this.#keys = this.#keys.toSorted();
  }

  /** The least row id not taken yet; infinite at the end. */
  get headId(): number {
    return Math.floor((this.#keys[this.#cursor] ?? Infinity) / RUN);
  }

  /** Takes all refreshes of the row at the head; returns the place of the last one. */
  takeLast(id: number): number {
    while (this.headId === id) this.#cursor += 1;
    return (this.#keys[this.#cursor - 1] ?? 0) % RUN;
  }
}
