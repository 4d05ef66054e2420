import { describe, expect, test } from "vitest";
import { indexLines } from "../../src/sip/index-lines.ts";
import { MAX_HEADER_LINES } from "../../src/sip/limits.ts";
import {
  bodyOf,
  type IndexedText,
  lineCount,
  lineId,
  lineText,
  lineValue,
} from "../../src/sip/message.ts";

/** A header section behind a start line, with what follows its empty line. */
function index(section: string, body = ""): { indexed: IndexedText; problem: string | undefined } {
  const { indexed, fault } = indexLines(`X\r\n${section}\r\n${body}`, 1);
  return { indexed, problem: fault?.reason };
}

describe("the body", () => {
  test.each([
    ["nothing said is all the rest", "", "body", "body"],
    ["as long as is said", "Content-Length: 2\r\n", "body", "bo"],
    ["compact, folded, with zeros", "l:\r\n 0004\r\n", "body", "body"],
    ["nothing", "Content-Length: 0\r\n", "body", ""],
    ["an empty line first", "", "\r\nbody", "\r\nbody"],
    ["a space first is no fold", "", " body", " body"],
  ])("%s", (_, section, body, expected) => {
    const { indexed, problem } = index(section, body);
    expect([bodyOf(indexed), problem]).toEqual([expected, undefined]);
  });

  test.each([
    ["Content-Length: 5\r\n", "Content-Length larger than message"],
    [`Content-Length: ${"9".repeat(400)}\r\n`, "Content-Length larger than message"],
    ["Content-Length: 4294967300\r\n", "Content-Length larger than message"],
    ["Content-Length: -1\r\n", "Malformed Content-Length"],
    ["Content-Length: five\r\n", "Malformed Content-Length"],
    ["Content-Length:\r\n", "Malformed Content-Length"],
    ["Content-Length: 2, 2\r\n", "Malformed Content-Length"],
    ["Content-Length: 2\r\nl: 2\r\n", "Repeated Content-Length"],
  ])("%j with four bytes: %s", (section, expected) => {
    expect(index(section, "body").problem).toBe(expected);
  });
});

describe("what is wrong with a header section", () => {
  test.each([
    ["a line without a colon", "Via: a\r\nFoobar roobar\r\n", "Malformed header line"],
    ["a colon on a later line", "Foobar\r\nVia: a\r\n", "Malformed header line"],
    ["no name", ": a\r\n", "Malformed header line"],
    ["a name of blanks", "Via: a\r\nX\r\n : b\r\n", "Malformed header line"],
    ["a space inside a name", "V ia: a\r\n", "Malformed header line"],
    ["a NUL in a name", "Vi\0a: a\r\n", "Malformed header line"],
    ["a byte beyond ASCII in a name", "Vi\u00e4: a\r\n", "Malformed header line"],
    ["a fold with nothing before it", " Via: a\r\n", "Malformed header line"],
    ["a bare line feed", "Subject: a\nVia: b\r\n", "Line break other than CRLF"],
    ["a bare carriage return", "Subject: a\rVia: b\r\n", "Line break other than CRLF"],
    ["a carriage return too many", "Subject: a\r\r\n", "Line break other than CRLF"],
    ["a bare line feed in a fold", "Subject: a\r\n b\nVia: c\r\n", "Line break other than CRLF"],
    ["a line feed before the CRLF", "Subject: a\n\r\n", "Line break other than CRLF"],
    ["two Via are fine", "Via: a\r\nVia: b\r\n", undefined],
    ["From twice", "From: a\r\nf: b\r\n", "Repeated From"],
    ["To twice", "To: a\r\nX: y\r\nTO : b\r\n", "Repeated To"],
    ["Call-ID twice", "i: a\r\nCall-ID: a\r\n", "Repeated Call-ID"],
    ["CSeq twice", "CSeq: a\r\ncseq: a\r\n", "Repeated CSeq"],
    ["Max-Forwards twice", "Max-Forwards: 1\r\nMax-Forwards: 1\r\n", "Repeated Max-Forwards"],
    ["Expires twice", "Expires: 1\r\nExpires: 2\r\n", "Repeated Expires"],
  ])("%s", (_, section, problem) => {
    expect(index(section).problem).toBe(problem);
  });

  test.each(["X\r\nVia: a\r\n", "X\r\nVia: a", "X\r\nVia: a\r\n b", "X\r\n", "X\r\nVia: a\r\n\r"])(
    "%j does not end",
    (text) => {
      expect(indexLines(text, 1).fault?.reason).toBe("Header section not ended");
    },
  );

  test("good lines around a bad one are kept to answer with", () => {
    const { indexed, problem } = index("Via: a\r\nrubbish\r\n going on\r\nTo: b\r\n c\r\n");
    expect(problem).toBe("Malformed header line");
    expect([lineText(indexed, 0), lineText(indexed, 1)]).toEqual(["Via: a", "To: b"]);
    expect(lineCount(indexed)).toBe(2);
  });

  test("the first thing wrong is the one that is told", () => {
    expect(index("rubbish\r\nTo: a\r\nTo: b\r\n: c\r\n").problem).toBe("Malformed header line");
    expect(index("To: a\r\nTo: b\r\n: c\r\n").problem).toBe("Repeated To");
  });

  test.each([
    [MAX_HEADER_LINES, undefined],
    [MAX_HEADER_LINES + 1, "Too many header lines"],
  ])("%i lines: %s", (count, problem) => {
    expect(index("Via: a\r\n".repeat(count)).problem).toBe(problem);
    expect(index(`X:a\r\n${" b\r\n".repeat(count - 1)}`).problem).toBe(problem);
  });
});

test.each(["constructor", "__proto__", "toString"])("a header named %s is any other", (name) => {
  const { indexed, problem } = index(`${name}: a\r\n`);
  expect([problem, lineId(indexed, 0), lineValue(indexed, 0)]).toEqual([undefined, 0, "a"]);
});
