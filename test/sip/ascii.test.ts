import { expect, test } from "vitest";
import { isBlank, lowerCase, trimBlanks } from "../../src/sip/ascii.ts";

/** UTF-8 as a byte string. */
const utf8 = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

test.each([
  ["", ""],
  ["  \t", ""],
  ["a", "a"],
  [" \ta b\t ", "a b"],
  // Bytes that String.trim takes for white space: 0B, 0C, A0.
  ["\u000ba\u000c", "\u000ba\u000c"],
  [utf8("voilà"), utf8("voilà")],
  ["\ra\n", "\ra\n"],
])("only spaces and tabs are trimmed: %j", (text, expected) => {
  expect(trimBlanks(text)).toBe(expected);
});

test.each([
  ["", ""],
  ["AbC-09", "abc-09"],
  [utf8("ÀÉ-Ü"), utf8("ÀÉ-Ü")],
  [utf8("ABÀcD"), utf8("abÀcd")],
])("only A to Z get another case: %j", (text, expected) => {
  expect(lowerCase(text)).toBe(expected);
});

test.each([
  [0x20, true],
  [0x09, true],
  [0x0d, false],
  [0xa0, false],
  [Number.NaN, false],
])("character %d is blank: %s", (code, expected) => {
  expect(isBlank(code)).toBe(expected);
});
