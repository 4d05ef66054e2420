import { describe, expect, test } from "vitest";
import { MAX_MESSAGE_BYTES } from "../../src/sip/limits.ts";
import { type FramerEvent, StreamFramer } from "../../src/sip/stream-framer.ts";
import { REGISTER } from "./requests.ts";

const BODY = `${REGISTER.replace("Content-Length: 0", "l : 5")}\r\n\r\na`;

/** What comes out when the chunks go in one by one. */
function framed(...chunks: string[]): FramerEvent[] {
  const framer = new StreamFramer();
  return chunks.flatMap((chunk) => framer.push(chunk));
}

const gives = (text: string): FramerEvent => ({ kind: "message", text });
const breaks = (reason: string): unknown => ({ kind: "broken", reason });
const PONG: FramerEvent = { kind: "pong" };
const PING: FramerEvent = { kind: "ping" };

test.each<[string, string[], unknown[]]>([
  ["a message", [REGISTER], [gives(REGISTER)]],
  ["a message with a body", [BODY], [gives(BODY)]],
  ["messages in one chunk", [REGISTER + BODY + REGISTER], [REGISTER, BODY, REGISTER].map(gives)],
  ["a message in single bytes", BODY.split(""), [gives(BODY)]],
  ["the end of the headers cut in two", [REGISTER.slice(0, -2), "\r\n"], [gives(REGISTER)]],
  ["a body cut in two", [BODY.slice(0, -1), `a${REGISTER}`], [gives(BODY), gives(REGISTER)]],
  [
    "a folded Content-Length",
    [BODY.replace("l : 5", "l:\r\n 5")],
    [gives(BODY.replace("l : 5", "l:\r\n 5"))],
  ],
  ["half a message", [REGISTER.slice(0, 100)], []],
  ["nothing", ["", ""], []],
  ["one CRLF", ["\r\n"], [PONG]],
  ["a CRLF cut in two", ["\r", "\n"], [PONG]],
  ["two CRLF", ["\r\n\r\n"], [PONG, PING]],
  ["two CRLF in single bytes", ["\r", "\n", "\r", "\n"], [PONG, PING]],
  ["three CRLF", ["\r\n\r\n\r\n"], [PONG, PING, PONG]],
  ["four CRLF", ["\r\n\r\n", "\r\n\r\n"], [PONG, PING, PONG, PING]],
  ["a CRLF before a message", [`\r\n${REGISTER}`], [PONG, gives(REGISTER)]],
  ["a message between two CRLF", [`\r\n${REGISTER}\r\n`], [PONG, gives(REGISTER), PONG]],
  ["a ping behind a message", [`${REGISTER}\r\n\r\n`], [gives(REGISTER), PONG, PING]],
])("%s", (_, chunks, events) => {
  expect(framed(...chunks)).toEqual(events);
});

describe("a stream that cannot be read any further", () => {
  const endless = `X: ${"y".repeat(MAX_MESSAGE_BYTES)}`;

  test.each<[string, string[], unknown[]]>([
    ["half a CRLF between messages", ["\rX"], [breaks("bad-header")]],
    ["half a CRLF in another chunk", ["\r", "X"], [breaks("bad-header")]],
    ["two carriage returns", ["\r\r\n"], [breaks("bad-header")]],
    ["headers that never end", [endless], [breaks("too-large")]],
    [
      "headers that never end, bit by bit",
      endless.match(/[^]{1,1000}/gu) ?? [],
      [breaks("too-large")],
    ],
    ["headers that end too late", [`${endless}\r\n\r\n`], [breaks("too-large")]],
    ["a body that is too long", [BODY.replace("l : 5", "l : 65535")], [breaks("too-large")]],
    [
      "a length beyond all numbers",
      [BODY.replace("l : 5", `l : ${"9".repeat(400)}`)],
      [breaks("too-large")],
    ],
    ["no length", [REGISTER.replace("Content-Length: 0\r\n", "")], [breaks("no-length")]],
    ["no length and no headers", ["GET / HTTP/1.1\r\n\r\n"], [breaks("no-length")]],
    [
      "a bad line instead of a length",
      [REGISTER.replace("Content-Length: 0", "rubbish")],
      [breaks("bad-header")],
    ],
    ["a negative length", [REGISTER.replace("Content-Length: 0", "l: -1")], [breaks("bad-length")]],
    [
      "a length that is no number",
      [REGISTER.replace("Content-Length: 0", "l: five")],
      [breaks("bad-length")],
    ],
    ["an empty length", [REGISTER.replace("Content-Length: 0", "l:")], [breaks("bad-length")]],
    [
      "two lengths",
      [REGISTER.replace("Content-Length: 0", "l: 0\r\nl: 0")],
      [breaks("bad-length")],
    ],
    ["a good message first", [`${REGISTER}\rX`], [gives(REGISTER), breaks("bad-header")]],
    ["good messages behind it", ["\rX", REGISTER, "\r\n"], [breaks("bad-header")]],
    ["good messages in the same chunk", [`\rX${REGISTER}`], [breaks("bad-header")]],
  ])("%s", (_, chunks, events) => {
    expect(framed(...chunks)).toEqual(events);
  });
});

test("a bad line that leaves the length alone leaves the stream alone", () => {
  const text = REGISTER.replace("User-Agent: phone 1.0", "rubbish");
  expect(framed(text + REGISTER)).toEqual([gives(text), gives(REGISTER)]);
});

test("a message may be as long as the limit", () => {
  const room = MAX_MESSAGE_BYTES - REGISTER.length - "59999".length + 1;
  const text = REGISTER.replace("Content-Length: 0", `Content-Length: ${room}`) + "x".repeat(room);
  expect(text).toHaveLength(MAX_MESSAGE_BYTES);
  expect(framed(text)).toEqual([gives(text)]);
  const longer = text.replace(`${room}`, `${room + 1}`);
  expect(framed(`${longer}x`)).toEqual([breaks("too-large")]);
});

test("what is held is known", () => {
  const framer = new StreamFramer();
  const held = ["\r", "\n", "REGISTER", " sip:h"].map((chunk) => {
    framer.push(chunk);
    return framer.pendingBytes;
  });
  expect(held).toEqual([1, 0, 8, 14]);
  framer.push("\r\n\r\n");
  expect(framer.pendingBytes).toBe(0);
});
