import type { PingTally } from "../registrar/decide-ping.ts";

/** Counts how pings have ended in the last one to two periods. */
export class LossWindow {
  readonly #periodMs: number;
  #since = 0;
  #now = { answered: 0, lost: 0 };
  #before = { answered: 0, lost: 0 };

  constructor(periodMs: number) {
    this.#periodMs = periodMs;
  }

  count(how: "answered" | "lost", nowMs: number): void {
    this.#turn(nowMs);
    this.#now[how] += 1;
  }

  at(nowMs: number): PingTally {
    this.#turn(nowMs);
    return {
      answered: this.#before.answered + this.#now.answered,
      lost: this.#before.lost + this.#now.lost,
    };
  }

  #turn(nowMs: number): void {
    const periods = Math.floor((nowMs - this.#since) / this.#periodMs);
    if (periods < 1) return;
    this.#before = periods === 1 ? this.#now : { answered: 0, lost: 0 };
    this.#now = { answered: 0, lost: 0 };
    this.#since += periods * this.#periodMs;
  }
}
