import type { Clock } from "../../src/ports.ts";

interface Task {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Time that passes only when a test says so. Everything that waits, waits here. */
export class VirtualClock implements Clock {
  #nowMs: number;
  #wallAheadMs = 0;
  #order = 0;
  readonly #tasks: Task[] = [];
  #alarm: Task | undefined;

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#wallAheadMs;
  }

  setAlarm(atMs: number, ring: () => void): void {
    this.#alarm = { atMs, order: (this.#order += 1), run: ring };
  }

  /** Runs something later, such as the delivery of a datagram. */
  later(delayMs: number, run: () => void): void {
    this.#order += 1;
    const task = { atMs: this.#nowMs + delayMs, order: this.#order, run };
    const at = this.#tasks.findLastIndex((other) => other.atMs <= task.atMs);
    this.#tasks.splice(at + 1, 0, task);
  }

  /** Sets the wall clock, which must not matter. */
  stepWall(byMs: number): void {
    this.#wallAheadMs += byMs;
  }

  /** Lets time pass while nothing runs, as on a machine that was suspended. */
  leap(byMs: number): void {
    this.#nowMs += byMs;
  }

  /** Lets time pass, doing everything that becomes due on the way, in order. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (let task = this.#takeDue(endMs); task !== undefined; task = this.#takeDue(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, task.atMs);
      task.run();
    }
    this.#nowMs = endMs;
  }

  #takeDue(endMs: number): Task | undefined {
    const first = this.#tasks[0];
    const alarm = this.#alarm;
    if (alarm !== undefined && alarm.atMs <= endMs && isBefore(alarm, first)) {
      this.#alarm = undefined;
      return alarm;
    }
    return first !== undefined && first.atMs <= endMs ? this.#tasks.shift() : undefined;
  }
}

function isBefore(a: Task, b: Task | undefined): boolean {
  return b === undefined || a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
