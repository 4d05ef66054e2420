/**
 * The parser of whole messages and what is built from its results.
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseAuthHeader } from "../../src/sip/auth-header.ts";
import { buildResponse } from "../../src/sip/build-response.ts";
import { contactsOf } from "../../src/sip/contact.ts";
import { HEADER } from "../../src/sip/header-name.ts";
import {
  addressesOf,
  featureCapsOf,
  paramValuesOf,
  retryAfterOf,
  secondsHeader,
  tokensOf,
  warningsOf,
} from "../../src/sip/header-values.ts";
import {
  type IndexedText,
  lineCount,
  lineStart,
  lineText,
  lineValue,
  type SipRequest,
  type SipResponse,
} from "../../src/sip/message.ts";
import { MessageRewrite } from "../../src/sip/message-rewrite.ts";
import {
  type MalformedRequest,
  type ParsedMessage,
  parseMessage,
} from "../../src/sip/parse-message.ts";
import { isUri } from "../../src/sip/uri.ts";
import { withoutSurplus } from "../conformance/corpus.ts";
import { check, SEED, TIMEOUT_MS } from "./fuzz.ts";
import { anything, request } from "./inputs.ts";

/** What an answer may have more than its request: status line, tag, stamp, length. */
const MAX_GROWTH = 300;
const BARE_BREAK = /\r(?!\n)|(?<!\r)\n/u;
const ANY_BREAK = /[\r\n]/u;

/** Asks everything of a message that can be asked. */
function readAll(message: IndexedText): void {
  const lists = [HEADER.route, HEADER.recordRoute, HEADER.path, HEADER.serviceRoute];
  for (const id of lists) addressesOf(message, id);
  for (const id of [HEADER.supported, HEADER.require, HEADER.allow]) tokensOf(message, id);
  for (const id of [HEADER.expires, HEADER.minExpires, HEADER.flowTimer])
    secondsHeader(message, id);
  for (const id of [HEADER.accept, HEADER.event]) paramValuesOf(message, id);
  contactsOf(message);
  featureCapsOf(message);
  warningsOf(message);
  retryAfterOf(message);
  for (let line = 0; line < lineCount(message); line += 1)
    parseAuthHeader(lineValue(message, line));
}

/** Lines that hold a line break, or values that do. */
function brokenLines(message: IndexedText): string[] {
  const lines = Array.from({ length: lineCount(message) }, (_, line) => line);
  return lines
    .filter(
      (line) =>
        BARE_BREAK.test(lineText(message, line)) || ANY_BREAK.test(lineValue(message, line)),
    )
    .map((line) => lineText(message, line));
}

/** What is unsound about an accepted message. */
function faultsOf(message: SipRequest | SipResponse): string[] {
  readAll(message);
  const faults = brokenLines(message);
  if (!isUri(message.from.uri) || !isUri(message.to.uri)) faults.push("a malformed URI");
  if (!/^[^\s]+$/u.test(message.callId.replaceAll("\u00a0", "_")))
    faults.push("a malformed Call-ID");
  if (message.cseq.number >= 2 ** 31) faults.push("CSeq out of range");
  if (message.bodyEnd > message.text.length) faults.push("a body beyond the end");
  return faults;
}

/** What is unsound about the answer to a malformed request. */
function faultsOfAnswer({ head, error, method }: MalformedRequest): string[] {
  readAll(head);
  const faults = brokenLines(head);
  const answer = buildResponse(head, error.status, error.reason, { toTag: "t" });
  if (![400, 414, 505].includes(error.status)) faults.push(`status ${error.status}`);
  if (BARE_BREAK.test(answer)) faults.push("a line break in the answer");
  if (answer.length > head.text.length + MAX_GROWTH) faults.push("an answer that is too long");
  if (!/^[^\s/]+$/u.test(method)) faults.push("a method that is none");
  return faults;
}

function judge(parsed: ParsedMessage): string[] {
  switch (parsed.kind) {
    case "garbage":
      return [];
    case "malformed":
      return faultsOfAnswer(parsed);
    case "request":
    case "response":
      return faultsOf(parsed);
  }
}

test(`every input ends as a message, an answered error, or garbage (FUZZ_SEED=${SEED})`, {
  timeout: TIMEOUT_MS,
}, () => {
  check(anything, (text) => {
    expect(judge(parseMessage(text, "192.0.2.1", 9988))).toEqual([]);
  });
});

test(`a message passed on unchanged has the same bytes (FUZZ_SEED=${SEED})`, {
  timeout: TIMEOUT_MS,
}, () => {
  check(anything, (text) => {
    const parsed = parseMessage(text);
    fc.pre(parsed.kind === "request" || parsed.kind === "response");
    const passedOn = new MessageRewrite(parsed).toText();
    expect(passedOn).toBe(withoutSurplus(text, parsed));
    expect(parseMessage(passedOn).kind).toBe(parsed.kind);
  });
});

test(`the answer to a request is a response that belongs to it (FUZZ_SEED=${SEED})`, {
  timeout: TIMEOUT_MS,
}, () => {
  check(anything, (text) => {
    const parsed = parseMessage(text, "192.0.2.1", 9988);
    fc.pre(parsed.kind === "request");
    const answer = parseMessage(buildResponse(parsed, 200, "OK", { toTag: "t" }));
    expect(answer).toMatchObject({
      kind: "response",
      status: 200,
      callId: parsed.callId,
      cseq: parsed.cseq,
      from: parsed.from,
      via: { branch: parsed.via.branch, sentBy: parsed.via.sentBy, rest: parsed.via.rest },
    });
  });
});

test(`a well-formed request is accepted, and a line taken away is all that goes (FUZZ_SEED=${SEED})`, {
  timeout: TIMEOUT_MS,
}, () => {
  check(fc.tuple(request, fc.nat()), ([text, number]) => {
    const parsed = parseMessage(text);
    expect(parsed).toMatchObject({ kind: "request" });
    fc.pre(parsed.kind === "request");
    const line = number % lineCount(parsed);
    const gone = `${lineText(parsed, line)}\r\n`;
    const start = lineStart(parsed, line);
    const result = new MessageRewrite(parsed).removeLine(line).toText();
    expect(result.slice(0, start) + gone + result.slice(start)).toBe(text);
  });
});
