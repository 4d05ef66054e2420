import { expect, test } from "vitest";
import { LINE_BURST, LINES_PER_SECOND } from "../../src/server/limits.ts";
import { LineLimiter } from "../../src/server/line-limiter.ts";

test("a burst of lines is written, then so many a second, and the next line says how many were left out", () => {
  const lines = new LineLimiter();
  const written = Array.from({ length: 1000 }, () => lines.take(5000)).filter(
    (leftOut) => leftOut !== undefined,
  );
  expect(written).toEqual(Array.from({ length: LINE_BURST }, () => 0));
  expect(lines.take(5000 + 1000 / LINES_PER_SECOND)).toBe(1000 - LINE_BURST);
  expect(lines.take(5000 + 1000 / LINES_PER_SECOND)).toBeUndefined();
  expect(lines.take(1_000_000)).toBe(1);
  expect(lines.take(1_000_000)).toBe(0);
});

test("a clock that goes back makes no more lines", () => {
  const lines = new LineLimiter();
  for (let line = 0; line < LINE_BURST; line += 1) lines.take(10_000);
  expect(lines.take(0)).toBeUndefined();
});
