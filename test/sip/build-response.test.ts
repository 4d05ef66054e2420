import { describe, expect, test } from "vitest";
import { buildResponse, responseHeaders } from "../../src/sip/build-response.ts";
import type { RequestHead } from "../../src/sip/message.ts";
import { parseMessage } from "../../src/sip/parse-message.ts";
import { message, requestOf } from "../support/messages.ts";
import { REGISTER, registerWith } from "./requests.ts";

/** What answering a malformed request takes. */
function headOf(text: string): RequestHead {
  const parsed = parseMessage(text);
  if (parsed.kind !== "malformed") throw new Error("Not malformed");
  return parsed.head;
}

test("a response has the five headers of its request, a tag, and no body", () => {
  expect(buildResponse(requestOf(REGISTER), 200, "OK", { toTag: "t1" })).toBe(
    message(
      "SIP/2.0 200 OK",
      "Via: SIP/2.0/UDP 10.1.2.3:5060;rport;branch=z9hG4bKa",
      "From: <sip:alice@example.com>;tag=f1",
      "To: <sip:alice@example.com>;tag=t1",
      "Call-ID: c1@10.1.2.3",
      "CSeq: 12 REGISTER",
      "Content-Length: 0",
    ),
  );
});

test("lines are copied as they came, every Via of them, and further headers come behind", () => {
  const request = requestOf(
    message(
      "INVITE sip:b@h SIP/2.0",
      "cseq :  7 INVITE",
      "t: sip:b@h ",
      'FROM: "x;tag=no"\r\n <sip:a@h>;tag=f',
      "v: SIP/2.0/UDP h1;branch=a, SIP/2.0/UDP h2",
      "Record-Route: <sip:p>",
      "Via: SIP/2.0/UDP h3",
      "i: c",
      "l: 0",
    ),
  );
  const headers = "Retry-After: 5\r\nServer: x\r\n";
  expect(buildResponse(request, 503, "Service Unavailable", { toTag: "t", headers })).toBe(
    message(
      "SIP/2.0 503 Service Unavailable",
      "cseq :  7 INVITE",
      "t: sip:b@h ;tag=t",
      'FROM: "x;tag=no"\r\n <sip:a@h>;tag=f',
      "v: SIP/2.0/UDP h1;branch=a, SIP/2.0/UDP h2",
      "Via: SIP/2.0/UDP h3",
      "i: c",
      "Retry-After: 5",
      "Server: x",
      "Content-Length: 0",
    ),
  );
});

test("long tags and branches are answered whole", () => {
  const long = "x".repeat(20_000);
  const text = registerWith({
    Via: `Via: SIP/2.0/UDP h;branch=z9hG4bK${long}`,
    From: `From: <sip:a@h>;tag=${long}`,
    To: `To: <sip:b@h>;tag=${long}`,
  });
  expect(responseHeaders(requestOf(text), "t")).toBe(
    `Via: SIP/2.0/UDP h;branch=z9hG4bK${long}\r\nFrom: <sip:a@h>;tag=${long}\r\n` +
      `To: <sip:b@h>;tag=${long}\r\nCall-ID: c1@10.1.2.3\r\nCSeq: 12 REGISTER\r\n`,
  );
});

describe("the tag in To", () => {
  test.each([
    ["To: <sip:b@h>", "To: <sip:b@h>;tag=t"],
    ["To: sip:b@h", "To: sip:b@h;tag=t"],
    ["To: sip:b@h;x=tag", "To: sip:b@h;x=tag;tag=t"],
    ["To: <sip:b@h;tag=u>", "To: <sip:b@h;tag=u>;tag=t"],
    ['To: "a;tag=1" <sip:b@h>', 'To: "a;tag=1" <sip:b@h>;tag=t'],
    ["To: <sip:b@h>;tag=1", "To: <sip:b@h>;tag=1"],
    ["To: <sip:b@h> ; TAG = 1", "To: <sip:b@h> ; TAG = 1"],
    ['To: <sip:b@h>;tag=1;x=">"', 'To: <sip:b@h>;tag=1;x=">"'],
    ['To: <sip:b@h>;x=";tag=1"', 'To: <sip:b@h>;x=";tag=1";tag=t'],
    ["To: sip:b@h;tag=1", "To: sip:b@h;tag=1"],
  ])("%s becomes %s", (line, expected) => {
    const answer = responseHeaders(requestOf(registerWith({ To: line })), "t");
    expect(answer).toContain(`\r\n${expected}\r\n`);
  });

  test("no tag asked for is none added", () => {
    expect(responseHeaders(requestOf(REGISTER), "")).toContain(
      "\r\nTo: <sip:alice@example.com>\r\n",
    );
  });
});

test("the stamped Via takes the place of the first, with the other values of its line", () => {
  const text = registerWith({
    Via: ["v : SIP/2.0/UDP h;rport, SIP/2.0/TCP i", "Via: SIP/2.0/UDP j;rport"],
  });
  const request = parseMessage(text, "192.0.2.1", 9988);
  if (request.kind !== "request") throw new Error("Not a request");
  expect(responseHeaders(request, "").split("\r\n").slice(0, 2)).toEqual([
    "v : SIP/2.0/UDP h;rport=9988;received=192.0.2.1, SIP/2.0/TCP i",
    "Via: SIP/2.0/UDP j;rport",
  ]);
});

test("a 100 has no tag and gives the Timestamp back (RFC 3261 section 8.2.6.1)", () => {
  const timed = requestOf(registerWith({ "User-Agent": "Timestamp: 54" }));
  expect(buildResponse(timed, 100, "Trying", { toTag: "t" })).toBe(
    message(
      "SIP/2.0 100 Trying",
      "Via: SIP/2.0/UDP 10.1.2.3:5060;rport;branch=z9hG4bKa",
      "From: <sip:alice@example.com>;tag=f1",
      "To: <sip:alice@example.com>",
      "Call-ID: c1@10.1.2.3",
      "CSeq: 12 REGISTER",
      "Timestamp: 54",
      "Content-Length: 0",
    ),
  );
  expect(buildResponse(timed, 200, "OK", { toTag: "t" })).not.toContain("Timestamp");
  expect(buildResponse(requestOf(REGISTER), 100, "Trying", { toTag: "t" })).not.toContain(
    "Timestamp",
  );
});

describe("the answer to a malformed request", () => {
  test("has each header once, and what can be read of the rest", () => {
    const head = headOf(
      registerWith({
        To: ["To: <sip:b@h>", "t: <sip:c@h>;tag=x"],
        From: ["rubbish", " folded", "From: <sip:a@h>"],
        CSeq: [],
      }),
    );
    expect(buildResponse(head, 400, "Bad", { toTag: "t" })).toBe(
      message(
        "SIP/2.0 400 Bad",
        "Via: SIP/2.0/UDP 10.1.2.3:5060;rport;branch=z9hG4bKa",
        "From: <sip:a@h>",
        "To: <sip:b@h>;tag=t",
        "Call-ID: c1@10.1.2.3",
        "Content-Length: 0",
      ),
    );
  });

  test.each([
    ['To: "open <sip:b@h>', 'To: "open <sip:b@h>;tag=t'],
    ["To:", "To:;tag=t"],
    ["To: <sip:b@h>;tag=1", "To: <sip:b@h>;tag=1"],
  ])("%j becomes %j", (line, expected) => {
    const head = headOf(registerWith({ To: line, "Max-Forwards": "Max-Forwards: x" }));
    expect(responseHeaders(head, "t")).toContain(`\r\n${expected}\r\n`);
  });

  test("is stamped too", () => {
    const parsed = parseMessage(registerWith({ CSeq: [] }), "192.0.2.1", 9988);
    if (parsed.kind !== "malformed") throw new Error("Not malformed");
    expect(responseHeaders(parsed.head, "t")).toContain(
      ";rport=9988;branch=z9hG4bKa;received=192.0.2.1\r\n",
    );
  });
});
