import { expect, test } from "vitest";
import { isToken, parseDigits } from "../../src/sip/grammar.ts";

test.each([
  ["INVITE", true],
  ["-.!%*_+`'~09azAZ", true],
  ["", false],
  ["a b", false],
  ["a:b", false],
  ["a@b", false],
  ["\u00e9", false],
  ["a\0", false],
  ["a\n", false],
])("%j is a token: %s", (text, expected) => {
  expect(isToken(text)).toBe(expected);
});

test.each([
  ["0", 0],
  ["0068", 68],
  ["4294967296", 4_294_967_296],
  ["9".repeat(400), Number.POSITIVE_INFINITY],
  ["", undefined],
  ["-1", undefined],
  ["+1", undefined],
  ["1.0", undefined],
  ["1e3", undefined],
  ["0x1", undefined],
  [" 1", undefined],
  ["1\u00b2", undefined],
])("%j as a row of digits is %s", (text, expected) => {
  expect(parseDigits(text)).toBe(expected);
});
