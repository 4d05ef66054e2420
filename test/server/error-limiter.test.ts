import { expect, test } from "vitest";
import { ErrorLimiter } from "../../src/server/error-limiter.ts";
import { ERROR_BURST, ERRORS_PER_SECOND, MAX_COUNTED_SOURCES } from "../../src/server/limits.ts";

function allowed(
  limiter: ErrorLimiter,
  nowMs: number,
  tries: number,
  address = "192.0.2.66",
): number {
  return Array.from({ length: tries }, () => limiter.allows(address, nowMs)).filter(Boolean).length;
}

test("a burst is answered, and then so many errors a second", () => {
  const limiter = new ErrorLimiter();
  expect(allowed(limiter, 0, 1000)).toBe(ERROR_BURST);
  expect(allowed(limiter, 49, 10)).toBe(0);
  expect(allowed(limiter, 50, 10)).toBe(1);
  expect(allowed(limiter, 1050, 1000)).toBe(ERRORS_PER_SECOND);
});

test("many refused tries do not keep an address from earning its next answer", () => {
  const limiter = new ErrorLimiter();
  allowed(limiter, 0, ERROR_BURST);
  let answered = 0;
  for (let ms = 1; ms <= 10_000; ms += 1) answered += allowed(limiter, ms, 3);
  expect(answered).toBe(10 * ERRORS_PER_SECOND);
});

test("silence earns no more than one burst", () => {
  const limiter = new ErrorLimiter();
  allowed(limiter, 0, 1000);
  expect(allowed(limiter, 3_600_000, 1000)).toBe(ERROR_BURST);
});

test("addresses are counted by themselves", () => {
  const limiter = new ErrorLimiter();
  allowed(limiter, 0, 1000);
  expect(allowed(limiter, 0, 1000, "192.0.2.67")).toBe(ERROR_BURST);
});

test(`${MAX_COUNTED_SOURCES} addresses are counted, and those seen first are forgotten first`, () => {
  const limiter = new ErrorLimiter();
  for (let at = 0; at < MAX_COUNTED_SOURCES; at += 1) allowed(limiter, 0, ERROR_BURST, String(at));
  expect(allowed(limiter, 0, 1, "0")).toBe(0);
  expect(allowed(limiter, 0, 1, "one more")).toBe(1);
  expect(allowed(limiter, 0, 1, "1")).toBe(0);
  expect(allowed(limiter, 0, 1000, "0")).toBe(ERROR_BURST);
});
