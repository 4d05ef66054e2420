import { step } from "../../src/transaction/machine.ts";
import {
  isTimerAction,
  TIMER_ORDERS,
  type TimerOrder,
} from "../../src/transaction/timer-action.ts";
import type { TimerName } from "../../src/transaction/timers.ts";
import { firstDurationMs, nextDurationMs, RFC_TIMINGS } from "../../src/transaction/timers.ts";
import type { AnyMachine } from "./machines.ts";

/** Something a transaction was asked to do, when, and because of which event. */
export interface Done {
  readonly atMs: number;
  readonly event: string;
  readonly action: string;
}

/** One transaction carried out on virtual time, as the room's README says. */
export class TransactionRun {
  readonly done: Done[] = [];
  /** The events that had an entry in the table. */
  readonly taken: string[] = [];
  readonly running = new Map<TimerName, { dueAtMs: number; durationMs: number }>();
  state: string;
  nowMs = 0;
  readonly #machine: AnyMachine;
  readonly #isReliable: boolean;

  constructor(machine: AnyMachine, isReliable: boolean) {
    this.#machine = machine;
    this.#isReliable = isReliable;
    this.state = machine.start.to;
    this.#perform("start", machine.start.actions);
  }

  /** Takes an event, then fires the timers that are due. */
  take(event: string): this {
    this.#step(event);
    return this.wait(0);
  }

  /** Lets time pass, firing timers as they fall due. */
  wait(ms: number): this {
    const untilMs = this.nowMs + ms;
    for (let timer = this.#next(untilMs); timer !== undefined; timer = this.#next(untilMs)) {
      this.nowMs = this.running.get(timer)?.dueAtMs ?? this.nowMs;
      this.#fire(timer);
    }
    this.nowMs = untilMs;
    return this;
  }

  /** When an action was done. */
  timesOf(action: string): number[] {
    return this.done.filter((entry) => entry.action === action).map(({ atMs }) => atMs);
  }

  #next(untilMs: number): TimerName | undefined {
    const due = [...this.running].filter(([, { dueAtMs }]) => dueAtMs <= untilMs);
    return due.toSorted(([, one], [, other]) => one.dueAtMs - other.dueAtMs)[0]?.[0];
  }

  #fire(timer: TimerName): void {
    const durationMs = this.running.get(timer)?.durationMs ?? 0;
    this.running.delete(timer);
    this.#step(timer, durationMs);
  }

  #step(event: string, firedAfterMs = 0): void {
    const transition = step(this.#machine.table, this.state, event);
    if (transition === undefined) return;
    this.taken.push(event);
    this.state = transition.to;
    this.#perform(event, transition.actions, firedAfterMs);
  }

  #perform(event: string, actions: readonly string[], firedAfterMs = 0): void {
    for (const action of actions) {
      this.done.push({ atMs: this.nowMs, event, action });
      if (isTimerAction(action)) this.#order(TIMER_ORDERS[action], firedAfterMs);
    }
  }

  #order(order: TimerOrder, firedAfterMs: number): void {
    switch (order.verb) {
      case "start":
        return this.#run(order.timer, firstDurationMs(order.timer, this.#isReliable, RFC_TIMINGS));
      case "restart":
        return this.#run(order.timer, nextDurationMs(order.timer, firedAfterMs, RFC_TIMINGS));
      case "restart-at-t2":
        return this.#run(order.timer, RFC_TIMINGS.t2Ms);
      case "stop":
        this.running.delete(order.timer);
        return undefined;
      default:
        return order satisfies never;
    }
  }

  #run(timer: TimerName, durationMs: number | undefined): void {
    if (this.running.has(timer)) throw new Error(`${timer} was started while it ran`);
    if (durationMs === undefined) return;
    this.running.set(timer, { dueAtMs: this.nowMs + durationMs, durationMs });
  }
}
