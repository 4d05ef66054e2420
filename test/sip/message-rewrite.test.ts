import { describe, expect, test } from "vitest";
import { HEADER } from "../../src/sip/header-name.ts";
import { findLine, type SipRequest } from "../../src/sip/message.ts";
import { MessageRewrite } from "../../src/sip/message-rewrite.ts";
import { parseMessage } from "../../src/sip/parse-message.ts";
import { requestOf, responseOf } from "../support/messages.ts";

/** Every line is spelled in a way that nobody would write again by chance. */
const LINES = [
  "INVITE sip:bob@example.com;x SIP/2.0",
  "v:  SIP/2.0/UDP h;branch=z9hG4bK1 , SIP/2.0/TCP i;branch=z9hG4bK2",
  "VIA: SIP/2.0/UDP j",
  "route : <sip:r1;lr>,<sip:r2;lr>",
  "Max-forwards:\t70 ",
  'f: "A, \\"B\\"" <sip:a@example.com>;tag=1',
  "To:\r\n <sip:bob@example.com>",
  "i:c1",
  "CSeq: 0001   INVITE",
  "X-Odd-NAME :  kept\t \r\n\t as it is  ",
  "Route: <sip:r3;lr>",
  "l: 4",
];
const BODY = "\0\r\n\u00ff";
const TEXT = `${LINES.join("\r\n")}\r\n\r\n${BODY}`;

/** The message with some of its lines replaced (or taken away), by their place. */
function textWith(changes: Readonly<Record<number, string | undefined>>): string {
  const lines = LINES.flatMap((line, place) => (place in changes ? (changes[place] ?? []) : line));
  return `${lines.join("\r\n")}\r\n\r\n${BODY}`;
}

const message: SipRequest = requestOf(TEXT);

describe("a change touches nothing but the lines it names", () => {
  test.each<[string, (rewrite: MessageRewrite) => MessageRewrite, string]>([
    ["nothing", (rewrite) => rewrite, TEXT],
    [
      "the start line",
      (rewrite) => rewrite.startLine("INVITE sip:c@d SIP/2.0"),
      textWith({ 0: "INVITE sip:c@d SIP/2.0" }),
    ],
    [
      "lines above, the last one first",
      (rewrite) => rewrite.prepend("Via: 2").prepend("Via: 1"),
      textWith({ 0: `${LINES[0]}\r\nVia: 1\r\nVia: 2` }),
    ],
    [
      "lines below, in order",
      (rewrite) => rewrite.append("A: 1").append("B: 2"),
      textWith({ 11: "l: 4\r\nA: 1\r\nB: 2" }),
    ],
    [
      "a value",
      (rewrite) => rewrite.replaceValue(findLine(message, HEADER.maxForwards), "69"),
      textWith({ 4: "Max-forwards:\t69" }),
    ],
    [
      "a folded value",
      (rewrite) => rewrite.replaceValue(findLine(message, HEADER.to), "<sip:c@d>"),
      textWith({ 6: "To:<sip:c@d>" }),
    ],
    [
      "a line gone",
      (rewrite) => rewrite.removeLine(findLine(message, HEADER.other)),
      textWith({ 9: undefined }),
    ],
    [
      "all lines of a header gone",
      (rewrite) => rewrite.removeAll(HEADER.route),
      textWith({ 3: undefined, 10: undefined }),
    ],
    [
      "one line for several",
      (rewrite) => rewrite.set(HEADER.route, "Route: <sip:x>"),
      textWith({ 3: "Route: <sip:x>", 10: undefined }),
    ],
    [
      "a line where there was none",
      (rewrite) => rewrite.set(HEADER.expires, "Expires: 5"),
      textWith({ 11: "l: 4\r\nExpires: 5" }),
    ],
    [
      "the first value of a list",
      (rewrite) => rewrite.removeFirstValue(HEADER.route),
      textWith({ 3: "route : <sip:r2;lr>" }),
    ],
    [
      "the first values, a whole line of them",
      (rewrite) => rewrite.removeFirstValues(HEADER.route, 2),
      textWith({ 3: undefined }),
    ],
    [
      "more values than there are",
      (rewrite) => rewrite.removeFirstValues(HEADER.route, 9),
      textWith({ 3: undefined, 10: undefined }),
    ],
    ["no values", (rewrite) => rewrite.removeFirstValues(HEADER.route, 0), TEXT],
    [
      "a value of a header that is not there",
      (rewrite) => rewrite.removeFirstValue(HEADER.path),
      TEXT,
    ],
    [
      "a line above the first Via and the Via itself",
      (rewrite) => rewrite.prepend("Via: new").removeFirstValue(HEADER.via),
      textWith({
        0: `${LINES[0]}\r\nVia: new`,
        1: "v:  SIP/2.0/TCP i;branch=z9hG4bK2",
      }),
    ],
    [
      "the same line twice, where the last word counts",
      (rewrite) => rewrite.removeLine(3).replaceValue(3, "1"),
      textWith({ 4: "Max-forwards:\t1" }),
    ],
  ])("%s", (_, change, expected) => {
    expect(change(new MessageRewrite(message)).toText()).toBe(expected);
  });
});

test("a stamped Via goes out as it was stamped, with the other values of its line", () => {
  const stamped = parseMessage(TEXT, "192.0.2.1", 9988);
  if (stamped.kind !== "request") throw new Error("Not a request");
  expect(new MessageRewrite(stamped).toText()).toBe(
    textWith({
      1: "v:  SIP/2.0/UDP h;branch=z9hG4bK1;received=192.0.2.1, SIP/2.0/TCP i;branch=z9hG4bK2",
    }),
  );
});

test("line breaks before the message and bytes behind it do not go out", () => {
  const request = requestOf(`\r\n\r\n${TEXT}surplus`);
  expect(new MessageRewrite(request).toText()).toBe(TEXT);
});

test("the value of a malformed list is taken for one value", () => {
  const request = requestOf(TEXT.replace("<sip:r1;lr>,<sip:r2;lr>", '"open,<sip:r1>'));
  const expected = TEXT.replace("route : <sip:r1;lr>,<sip:r2;lr>\r\n", "");
  expect(new MessageRewrite(request).removeFirstValue(HEADER.route).toText()).toBe(expected);
});

test("a response is changed in the same way", () => {
  const text = TEXT.replace(LINES[0] ?? "", "SIP/2.0 200 OK");
  const rewrite = new MessageRewrite(responseOf(text)).removeFirstValue(HEADER.via);
  expect(rewrite.toText()).toBe(
    text.replace("SIP/2.0/UDP h;branch=z9hG4bK1 , SIP/2.0/TCP i", "SIP/2.0/TCP i"),
  );
});
