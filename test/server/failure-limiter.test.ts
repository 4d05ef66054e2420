import { expect, test } from "vitest";
import { FailureLimiter } from "../../src/server/failure-limiter.ts";
import { AUTH_FAILURE_WINDOW_MS, MAX_COUNTED_FAILURES } from "../../src/server/limits.ts";

test("failures up to the limit are put up with, and are forgotten one by one", () => {
  const limiter = new FailureLimiter(5);
  for (let n = 0; n < 5; n += 1) {
    expect(limiter.isOver("a", 0)).toBe(false);
    limiter.add("a", 0);
  }
  expect(limiter.isOver("a", 0)).toBe(true);
  expect(limiter.isOver("b", 0)).toBe(false);
  expect(limiter.isOver("a", AUTH_FAILURE_WINDOW_MS / 5 - 1)).toBe(true);
  expect(limiter.isOver("a", AUTH_FAILURE_WINDOW_MS / 5)).toBe(false);
  limiter.add("a", AUTH_FAILURE_WINDOW_MS / 5);
  expect(limiter.isOver("a", AUTH_FAILURE_WINDOW_MS / 5)).toBe(true);
  expect(limiter.isOver("a", 3 * AUTH_FAILURE_WINDOW_MS)).toBe(false);
});

test("a guesser who keeps at it gets no more than the limit in a window", () => {
  const limiter = new FailureLimiter(5);
  let guesses = 0;
  for (let nowMs = 0; nowMs < 10 * AUTH_FAILURE_WINDOW_MS; nowMs += 100) {
    if (limiter.isOver("a", nowMs)) continue;
    limiter.add("a", nowMs);
    guesses += 1;
  }
  expect(guesses).toBeGreaterThan(50);
  expect(guesses).toBeLessThanOrEqual(55);
});

test("there is a limit of names, and the oldest go first", () => {
  const limiter = new FailureLimiter(1);
  for (let n = 0; n <= MAX_COUNTED_FAILURES; n += 1) limiter.add(String(n), 0);
  expect(limiter.isOver("0", 0)).toBe(false);
  expect(limiter.isOver("1", 0)).toBe(true);
  expect(limiter.isOver(String(MAX_COUNTED_FAILURES), 0)).toBe(true);
});
