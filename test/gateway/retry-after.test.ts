import { expect, test } from "vitest";
import { MAX_RETRY_AFTER_MS } from "../../src/gateway/limits.ts";
import { parseRetryAfter } from "../../src/gateway/retry-after.ts";

const NOW_MS = Date.UTC(2026, 10, 28, 12);

test.each<readonly [string | undefined, number | undefined]>([
  ["0", 0],
  ["7", 7000],
  [" 7 ", 7000],
  ["Sat, 28 Nov 2026 12:00:30 GMT", 30_000],
  ["Sun, 06 Nov 1994 08:49:37 GMT", 0],
  // No longer than anybody is believed.
  ["1000000000000", MAX_RETRY_AFTER_MS],
  ["9".repeat(30), MAX_RETRY_AFTER_MS],
  ["Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER_MS],
  [undefined, undefined],
  ["", undefined],
  ["-5", undefined],
  ["1.5", undefined],
  ["0x10", undefined],
  ["1e9", undefined],
  ["soon", undefined],
  ["Sat, 99 Foo 2026", undefined],
  ["9".repeat(1000), undefined],
])("Retry-After %j means %j milliseconds", (value, expected) => {
  expect(parseRetryAfter(value, NOW_MS)).toBe(expected);
});
