import { freezeDeep } from "./machine.ts";
import type { RepeatingTimer, TimerName } from "./timers.ts";

/**
 * What a timer action asks for: "start" lets the timer run for `firstDurationMs`, "restart" for
 * `nextDurationMs`, "restart-at-t2" for T2. An executor may leave "stop" out: a stopped timer that fires all
 * the same finds no entry in the table.
 */
export type TimerOrder =
  | { readonly verb: "start" | "stop"; readonly timer: TimerName }
  | { readonly verb: "restart"; readonly timer: RepeatingTimer }
  | { readonly verb: "restart-at-t2"; readonly timer: "timer-e" };

/** Every timer action of the four machines. */
export const TIMER_ORDERS = freezeDeep({
  "start-timer-a": { verb: "start", timer: "timer-a" },
  "start-timer-b": { verb: "start", timer: "timer-b" },
  "start-timer-d": { verb: "start", timer: "timer-d" },
  "start-timer-e": { verb: "start", timer: "timer-e" },
  "start-timer-f": { verb: "start", timer: "timer-f" },
  "start-timer-g": { verb: "start", timer: "timer-g" },
  "start-timer-h": { verb: "start", timer: "timer-h" },
  "start-timer-i": { verb: "start", timer: "timer-i" },
  "start-timer-j": { verb: "start", timer: "timer-j" },
  "start-timer-k": { verb: "start", timer: "timer-k" },
  "start-timer-l": { verb: "start", timer: "timer-l" },
  "start-timer-m": { verb: "start", timer: "timer-m" },
  "start-timer-100": { verb: "start", timer: "timer-100" },
  "restart-timer-a": { verb: "restart", timer: "timer-a" },
  "restart-timer-e": { verb: "restart", timer: "timer-e" },
  "restart-timer-g": { verb: "restart", timer: "timer-g" },
  "restart-timer-e-at-t2": { verb: "restart-at-t2", timer: "timer-e" },
  "stop-timer-a": { verb: "stop", timer: "timer-a" },
  "stop-timer-b": { verb: "stop", timer: "timer-b" },
  "stop-timer-d": { verb: "stop", timer: "timer-d" },
  "stop-timer-e": { verb: "stop", timer: "timer-e" },
  "stop-timer-f": { verb: "stop", timer: "timer-f" },
  "stop-timer-g": { verb: "stop", timer: "timer-g" },
  "stop-timer-h": { verb: "stop", timer: "timer-h" },
  "stop-timer-100": { verb: "stop", timer: "timer-100" },
} satisfies Readonly<Record<string, TimerOrder>>);

export type TimerAction = keyof typeof TIMER_ORDERS;

/** Tells timer actions from the rest; `TIMER_ORDERS` then says what is asked for. */
export function isTimerAction(action: string): action is TimerAction {
  return Object.hasOwn(TIMER_ORDERS, action);
}
