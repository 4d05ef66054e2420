import { describe, expect, test } from "vitest";
import {
  isParamList,
  paramValue,
  parseParams,
  quote,
  unquote,
  withoutParams,
} from "../../src/sip/params.ts";

const LIST = ';tag=a1 ; Flag;q = 0.5;x="a;b=c\\"d";tag=second;empty=';

describe("a parameter by its name", () => {
  test.each([
    ["tag", "a1"],
    ["flag", ""],
    ["q", "0.5"],
    ["x", '"a;b=c\\"d"'],
    ["empty", ""],
    ["b", undefined],
    ["fla", undefined],
    ["flags", undefined],
    ["constructor", undefined],
    ["__proto__", undefined],
  ])("%s is %j", (name, value) => {
    expect(paramValue(LIST, name)).toBe(value);
  });

  test.each([
    ["", "a", undefined],
    ["no semicolon", "no", undefined],
    [";", "a", undefined],
    [";;;a", "a", ""],
    [";TAG=x", "tag", "x"],
    [";tag", "tag", ""],
    [";tag ", "tag", ""],
    [";tag =x", "tag", "x"],
    [";tag= x ", "tag", "x"],
    [";tagged=x", "tag", undefined],
    [';a="x"y";tag=1', "tag", undefined],
    [';a="x"y"z";tag=1', "tag", "1"],
    [';a=b"c;d"e;tag=1', "tag", "1"],
    [';a="open;tag=1', "tag", undefined],
    [';tag=1;a="x"', "tag", "1"],
    [';a="x";b;c="y;tag=0";tag=1', "tag", "1"],
    [";constructor=1", "constructor", "1"],
    [";__proto__=1", "__proto__", "1"],
  ])("in %j, %s is %j", (list, name, value) => {
    expect(paramValue(list, name)).toBe(value);
  });
});

test("all parameters come in order, each with its place", () => {
  expect(parseParams(LIST)).toEqual([
    { name: "tag", value: "a1", start: 0, end: 8 },
    { name: "Flag", value: undefined, start: 8, end: 14 },
    { name: "q", value: "0.5", start: 14, end: 22 },
    { name: "x", value: '"a;b=c\\"d"', start: 22, end: 35 },
    { name: "tag", value: "second", start: 35, end: 46 },
    { name: "empty", value: "", start: 46, end: 53 },
  ]);
});

test.each(["", ";", ";;", " ; ; "])("%j has no parameters", (list) => {
  expect(parseParams(list)).toEqual([]);
});

test.each([
  ["", true],
  [";a", true],
  [";a=b;c", true],
  [" ; a = b ; c ", true],
  [';a="x;y\\"";b', true],
  [';a="\\\0"', true],
  [";a=", true],
  [";received=2001:db8::1;received=[2001:db8::1]", true],
  [";\u00c3=1", false],
  [";a=\u00c3\u00a9", true],
  [";;", false],
  [";a;", false],
  [";a;;b", false],
  [";=b", false],
  ["a=b", false],
  [";a b", false],
  [";a=b c", false],
  [";a=b,c", false],
  [";a=<b>", false],
  [';a="b', false],
  [';a="b"c', false],
  [";a=b\0", false],
  [";a\0=b", false],
  [";a=b\u007f", false],
])("%j is a list of header parameters: %s", (list, expected) => {
  expect(isParamList(list)).toBe(expected);
});

test.each([
  [";a=1;B=2;c", ";c"],
  [";a", ""],
  ["", ""],
  [' ; a="x;b=1" ; d ', "; d "],
])("%j without a and b is %j", (list, expected) => {
  expect(withoutParams(list, (name) => name === "a" || name === "b")).toBe(expected);
});

test.each([
  ['"x"', "x"],
  ['""', ""],
  ['"a\\"b\\\\"', 'a"b\\'],
  ['"\\\0"', "\0"],
  ["x", "x"],
  ['"', '"'],
  ['"x', '"x'],
  ['"x\\"', '"x\\"'],
  ['"x"y"', '"x"y"'],
])("%j unquoted is %j", (value, expected) => {
  expect(unquote(value)).toBe(expected);
});

test.each([
  ["x", '"x"'],
  ['a"b\\', '"a\\"b\\\\"'],
  ["a\r\nVia: b", '"a Via: b"'],
])("%j quoted is %j", (text, expected) => {
  expect(quote(text)).toBe(expected);
});
