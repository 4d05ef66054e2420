import { setInterval } from "node:timers/promises";

const LOOK_AGAIN_MS = 25;

/** Asks until the answer is not undefined, and returns it. Rejects after `limitMs`. */
export async function until<T>(
  what: string,
  limitMs: number,
  ask: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const giveUpAtMs = performance.now() + limitMs;
  for await (const _ of setInterval(LOOK_AGAIN_MS)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > giveUpAtMs) break;
  }
  throw new Error(`${what}: not within ${limitMs} ms`);
}

/** Does the work for one item after the other. */
export async function inTurn<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  await items.reduce(async (before, item) => {
    await before;
    await work(item);
  }, Promise.resolve());
}
