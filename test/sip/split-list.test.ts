import { expect, test } from "vitest";
import { MAX_LIST_VALUES } from "../../src/sip/limits.ts";
import { firstValueEnd, skipQuoted, splitList } from "../../src/sip/split-list.ts";

test.each([
  ["a", ["a"]],
  ["a,b", ["a", "b"]],
  [" a\t,  b ", ["a", "b"]],
  ["<sip:a,b>,c", ["<sip:a,b>", "c"]],
  ['"x, y" <sip:a>, "z\\", w" <sip:b>', ['"x, y" <sip:a>', '"z\\", w" <sip:b>']],
  ['"<" <sip:a>,b', ['"<" <sip:a>', "b"]],
  ['<sip:a>;x=",",b', ['<sip:a>;x=","', "b"]],
  ["a>,b", ["a>", "b"]],
  ['"\\\\",b', ['"\\\\"', "b"]],
])("%s is split outside quotes and brackets", (text, values) => {
  expect(splitList(text)).toEqual(values);
});

test.each(["", ",", "a,", ",a", "a,,b", "a, ,b", '"a', 'a,"b', '"a\\",b', "<a", "a,<b"])(
  "%j is not well formed",
  (text) => {
    expect(splitList(text)).toBeUndefined();
  },
);

/** A list of so many values. */
function listOf(count: number): string {
  return Array.from({ length: count }, () => "a").join(",");
}

test("a list has a limit", () => {
  expect(splitList(listOf(MAX_LIST_VALUES))).toHaveLength(MAX_LIST_VALUES);
  expect(splitList(listOf(MAX_LIST_VALUES + 1))).toBeUndefined();
});

test.each([
  ["a,b", 0, 1],
  ["a,b", 2, 3],
  ["a", 0, 1],
  ['"a', 0, -1],
])("the first value of %j from %i ends at %i", (text, from, end) => {
  expect(firstValueEnd(text, from)).toBe(end);
});

test.each([
  ['"a"', 2],
  ['"\\""', 3],
  ['"\\\\"', 3],
  ['"\\\\\\""', 5],
  ['"a', -1],
  ['"a\\"', -1],
])("the quoted string %s closes at %i", (text, close) => {
  expect(skipQuoted(text, 0)).toBe(close);
});
