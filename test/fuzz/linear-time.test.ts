/**
 * No input of 64 kB may take much more than 8 times as long as 8 kB of the same kind. A parser that goes
 * over its input again for every byte of it takes 64 times as long.
 */
import { expect, test } from "vitest";
import { parseAuthHeader } from "../../src/sip/auth-header.ts";
import { buildResponse } from "../../src/sip/build-response.ts";
import { isSameUri } from "../../src/sip/compare-uri.ts";
import { contactsOf } from "../../src/sip/contact.ts";
import { HEADER } from "../../src/sip/header-name.ts";
import {
  addressesOf,
  featureCapsOf,
  paramValuesOf,
  retryAfterOf,
  tokensOf,
  warningsOf,
} from "../../src/sip/header-values.ts";
import { headerValues } from "../../src/sip/message.ts";
import { MessageRewrite } from "../../src/sip/message-rewrite.ts";
import { paramValue, parseParams, unquote, withoutParams } from "../../src/sip/params.ts";
import { parseMessage } from "../../src/sip/parse-message.ts";
import { StreamFramer } from "../../src/sip/stream-framer.ts";
import { REGISTER, registerWith } from "../sip/requests.ts";

const SMALL = 8000;
const LARGE = 8 * SMALL;
/** 8 times for the size, and as much again for caches, garbage collection and other processes. */
const MAX_RATIO = 32;
/** What is that fast at its full size is no danger, whatever the ratio of two such small numbers. */
const HARMLESS_MS = 10;
const MAX_ROUNDS = 12;

const PATTERNS = [
  ...'a |,|;|<|>|"|\\|%|=|:|@|&|[|?|*|0|a|A|\u00c3| |\t|\0'.split("|"),
  ...'a b|a,|,a|a;|;a|;a=b|;a="|;a="b"|;a=";"|"\\|\\"|"a"|<a>|<a>,|"a",|%41|%4|a="b",|a=b,'.split(
    "|",
  ),
  ...'SIP/2.0 |SIP/2.0|sip:a@|::1|1.1.1.1|a:|a:b;|SIP/2.0/UDP h,|*;+a|1 a "b",|a/b;c,'.split("|"),
  "\r\n ",
  " \r\n ",
  "a\r\n\t",
  "\r\n",
  "\r\nA:b",
  "\r\nA",
  "\r\n:",
  "\n",
  "\r",
];

const NAMES = ["Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Contact", "Content-Length"];
const OTHERS = [
  "Route",
  "Authorization",
  "Accept",
  "Feature-Caps",
  "Warning",
  "Retry-After",
  "Allow",
];

const PLACES: readonly (readonly [string, (filling: string) => string])[] = [
  ["a whole datagram", (filling) => filling],
  ["the method", (filling) => REGISTER.replace("REGISTER", filling)],
  ["the Request-URI", (filling) => REGISTER.replace("sip:example.com", `sip:${filling}`)],
  ["a status line", (filling) => `SIP/2.0 200 ${filling}\r\n\r\n`],
  ["a body", (filling) => REGISTER + filling],
  ...NAMES.map(
    (name) => [name, (filling: string) => registerWith({ [name]: `${name}: ${filling}` })] as const,
  ),
  ...OTHERS.map(
    (name) =>
      [name, (filling: string) => registerWith({ "User-Agent": `${name}: ${filling}` })] as const,
  ),
  ["the parameters of Via", (filling) => registerWith({ Via: `Via: SIP/2.0/UDP h${filling}` })],
  ["the parameters of From", (filling) => registerWith({ From: `From: <sip:a@b>${filling}` })],
  ["a fold in From", (filling) => registerWith({ From: `From: <sip:a@b>\r\n ;x=y${filling}z` })],
  ["a fold in Contact", (filling) => registerWith({ Contact: `m: <sip:a@b>${filling}\r\n ;x` })],
  ["the display name of To", (filling) => registerWith({ To: `To: ${filling}<sip:a@b>` })],
  ["the digest", (filling) => registerWith({ "User-Agent": `Authorization: Digest ${filling}` })],
];

/** Does with a text all that is done with what comes from the network. */
function work(text: string): void {
  const parsed = parseMessage(text, "192.0.2.1", 9988);
  new StreamFramer().push(text);
  if (parsed.kind === "garbage") return;
  const message = parsed.kind === "malformed" ? parsed.head : parsed;
  for (const id of [HEADER.route, HEADER.path]) addressesOf(message, id);
  contactsOf(message);
  tokensOf(message, HEADER.allow);
  paramValuesOf(message, HEADER.accept);
  featureCapsOf(message);
  warningsOf(message);
  retryAfterOf(message);
  for (const value of headerValues(message, HEADER.authorization)) parseAuthHeader(value);
  if (parsed.kind === "malformed") buildResponse(parsed.head, 400, "Bad", { toTag: "t" });
  if (parsed.kind === "request") buildResponse(parsed, 200, "OK", { toTag: "t" });
  if (parsed.kind === "request") new MessageRewrite(parsed).removeFirstValue(HEADER.via).toText();
}

/** What is done with pieces of text. */
function workOnPiece(piece: string): void {
  parseParams(piece);
  paramValue(piece, "absent");
  withoutParams(piece, (name) => name === "a");
  unquote(piece);
  isSameUri(`sip:a@b;${piece}`, "sip:a@b;x");
  isSameUri(`sip:a@b?${piece}`, "sip:a@b?x");
  isSameUri(`sip:${piece}`, `sips:${piece}`);
}

/** The shortest of some runs, in milliseconds. One that is harmless is short enough. */
function shortest(run: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < MAX_ROUNDS && best > HARMLESS_MS; round += 1) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

function filled(pattern: string, length: number): string {
  return pattern.repeat(Math.ceil(length / pattern.length)).slice(0, length);
}

/** The patterns that take more than their share. */
function slowOf(patterns: readonly string[], run: (filling: string) => void): string[] {
  return patterns.filter((pattern) => {
    const large = shortest(() => run(filled(pattern, LARGE)));
    if (large < HARMLESS_MS) return false;
    return large > MAX_RATIO * shortest(() => run(filled(pattern, SMALL)));
  });
}

test.each(PLACES)("%s full of anything is read in linear time", (_, place) => {
  expect(slowOf(PATTERNS, (filling) => work(place(filling)))).toEqual([]);
});

test("pieces full of anything are read in linear time", () => {
  expect(slowOf(PATTERNS, workOnPiece)).toEqual([]);
});

test.each([
  ["bytes", 1],
  ["small chunks", 7],
])("a stream that comes in %s is framed in linear time", (_, size) => {
  const slow = slowOf(["a", "\r\n ", "\r\nA:b"], (filling) => {
    const framer = new StreamFramer();
    const text = REGISTER.replace("phone 1.0", filling.slice(0, -REGISTER.length));
    for (let at = 0; at < text.length; at += size) framer.push(text.slice(at, at + size));
  });
  expect(slow).toEqual([]);
});
