import { setInterval } from "node:timers/promises";

export interface WaitLimits {
  readonly timeoutMs: number;
  /** Pause between two checks. */
  readonly everyMs: number;
}

/** Asks until the answer is yes. Throws, naming what was waited for, when the time is up. */
export async function waitUntil(
  what: string,
  check: () => boolean | Promise<boolean>,
  { timeoutMs, everyMs }: WaitLimits,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  if (await check()) return;
  for await (const _ of setInterval(everyMs)) {
    if (await check()) return;
    if (performance.now() > deadlineMs) throw new Error(`${what}: not within ${timeoutMs} ms`);
  }
}
