import { describe, expect, test } from "vitest";
import { HEADER } from "../../src/sip/header-name.ts";
import { indexLines } from "../../src/sip/index-lines.ts";
import {
  findLine,
  hasHeader,
  headerValue,
  headerValues,
  lineCount,
  lineId,
  linePrefix,
  lineText,
  lineValue,
} from "../../src/sip/message.ts";

describe("reading lines", () => {
  const { indexed } = indexLines(
    [
      "X\r\n",
      "Via: a\r\n",
      "v :b\r\n",
      "Subject:\t folded \r\n\tonce  \r\n   and again \t\r\n",
      "X-Empty:\r\n",
      "X-Folded-Empty: \r\n \r\n",
      "CONTACT: \t c \t\r\n",
      "Subject: \u00a0kept\u00a0\r\n",
      "\r\n",
    ].join(""),
    1,
  );

  test("every header line is one line, folded ones too", () => {
    const ids = Array.from({ length: lineCount(indexed) }, (_, line) => lineId(indexed, line));
    const subject = ids[2];
    expect(ids).toEqual([HEADER.via, HEADER.via, subject, 0, 0, HEADER.contact, subject]);
  });

  test.each([
    [0, "a"],
    [1, "b"],
    [2, "folded once and again"],
    [3, ""],
    [4, ""],
    [5, "c"],
    [6, "\u00a0kept\u00a0"],
  ])("the value of line %i is %j", (line, value) => {
    expect(lineValue(indexed, line)).toBe(value);
  });

  test.each([
    [0, "Via: a", "Via: "],
    [1, "v :b", "v :"],
    [2, "Subject:\t folded \r\n\tonce  \r\n   and again \t", "Subject:\t "],
    [3, "X-Empty:", "X-Empty:"],
    [5, "CONTACT: \t c \t", "CONTACT: \t "],
  ])("line %i as received is %j", (line, text, prefix) => {
    expect(lineText(indexed, line)).toBe(text);
    expect(linePrefix(indexed, line)).toBe(prefix);
  });

  test("lines are found by their header, from anywhere", () => {
    expect(findLine(indexed, HEADER.via)).toBe(0);
    expect(findLine(indexed, HEADER.via, 1)).toBe(1);
    expect(findLine(indexed, HEADER.via, 2)).toBe(-1);
    expect(findLine(indexed, HEADER.contact)).toBe(5);
    expect(findLine(indexed, HEADER.to)).toBe(-1);
    expect(findLine(indexed, HEADER.route)).toBe(-1);
    expect(findLine(indexed, HEADER.other)).toBe(3);
  });

  test.each([-1, 99])("line %i, which is none, is empty", (line) => {
    expect([lineValue(indexed, line), lineText(indexed, line)]).toEqual(["", ""]);
    expect([linePrefix(indexed, line), lineId(indexed, line)]).toEqual(["", HEADER.other]);
  });

  test("values come by header", () => {
    expect(headerValue(indexed, HEADER.via)).toBe("a");
    expect(headerValue(indexed, HEADER.to)).toBeUndefined();
    expect(headerValues(indexed, HEADER.via)).toEqual(["a", "b"]);
    expect(headerValues(indexed, HEADER.to)).toEqual([]);
    expect([hasHeader(indexed, HEADER.via), hasHeader(indexed, HEADER.to)]).toEqual([true, false]);
  });

  test("without folds the values are the same", () => {
    const plain = indexLines("X\r\nVia: \ta b\t \r\nTo:\r\n\r\n", 1).indexed;
    expect([lineValue(plain, 0), lineValue(plain, 1)]).toEqual(["a b", ""]);
  });
});
