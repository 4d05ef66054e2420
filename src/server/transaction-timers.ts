import { TIMER_ORDERS, type TimerAction } from "../transaction/timer-action.ts";
import {
  firstDurationMs,
  nextDurationMs,
  RFC_TIMINGS,
  type TimerName,
} from "../transaction/timers.ts";
import type { Timer, TimerOwner, TimerQueue } from "./timer-queue.ts";

/** The running timers of one transaction, as the actions of its table start and stop them. */
export class TransactionTimers {
  readonly #queue: TimerQueue;
  readonly #owner: TimerOwner;
  readonly #isReliable: boolean;
  /** Two or three at most; one that has fired or was stopped is taken out. */
  readonly #running: { readonly name: TimerName; readonly timer: Timer }[] = [];
  /** How long the repeating timer has run last; a transaction has one at most. */
  #repeatMs = 0;

  constructor(queue: TimerQueue, owner: TimerOwner, isReliable: boolean) {
    this.#queue = queue;
    this.#owner = owner;
    this.#isReliable = isReliable;
  }

  /** Carries out a timer action. */
  order(action: TimerAction): void {
    const order = TIMER_ORDERS[action];
    switch (order.verb) {
      case "stop":
        this.#takeOut(order.timer)?.cancel();
        return;
      case "start":
        return this.#start(
          order.timer,
          firstDurationMs(order.timer, this.#isReliable, RFC_TIMINGS),
        );
      case "restart":
        return this.#start(order.timer, nextDurationMs(order.timer, this.#repeatMs, RFC_TIMINGS));
      case "restart-at-t2":
        return this.#start(order.timer, RFC_TIMINGS.t2Ms);
      default:
        return order satisfies never;
    }
  }

  /** A timer has fired. */
  fired(timer: string): void {
    this.#takeOut(timer);
  }

  /** Lets go of everything. */
  clear(): void {
    for (const { timer } of this.#running) timer.cancel();
    this.#running.length = 0;
  }

  #takeOut(name: string): Timer | undefined {
    const at = this.#running.findIndex((running) => running.name === name);
    return at === -1 ? undefined : this.#running.splice(at, 1)[0]?.timer;
  }

  #start(name: TimerName, durationMs: number | undefined): void {
    if (durationMs === undefined) return;
    if (name === "timer-a" || name === "timer-e" || name === "timer-g") {
      this.#repeatMs = durationMs;
    }
    this.#running.push({ name, timer: this.#queue.start(durationMs, this.#owner, name) });
  }
}
