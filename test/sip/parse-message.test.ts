import { describe, expect, test } from "vitest";
import { MAX_URI_LENGTH } from "../../src/sip/limits.ts";
import { bodyOf } from "../../src/sip/message.ts";
import { parseMessage } from "../../src/sip/parse-message.ts";
import { message, requestOf, responseOf } from "../support/messages.ts";
import { REGISTER, registerWith } from "./requests.ts";

const RESPONSE = message(
  "SIP/2.0 200 OK",
  "Via: SIP/2.0/UDP h;branch=z9hG4bKa",
  "From: <sip:a@h>;tag=f",
  "To: <sip:b@h>;tag=t",
  "Call-ID: c",
  "CSeq: 1 REGISTER",
);

/** Kind, and what is told of what is wrong. */
function outcome(text: string): string {
  const parsed = parseMessage(text);
  switch (parsed.kind) {
    case "request":
    case "response":
      return parsed.kind;
    case "malformed":
      return `${parsed.error.status} ${parsed.error.reason}`;
    case "garbage":
      return parsed.reason;
  }
}

test("a request is its bytes, an index of its lines, and the headers every request has", () => {
  const request = requestOf(REGISTER);
  expect(request).toEqual({
    kind: "request",
    text: REGISTER,
    lines: request.lines,
    startLineEnd: 32,
    headersStart: 34,
    bodyStart: REGISTER.length,
    bodyEnd: REGISTER.length,
    isFolded: false,
    first: request.first,
    via: {
      transport: "UDP",
      host: "10.1.2.3",
      port: 5060,
      sentBy: "10.1.2.3:5060",
      params: ";rport;branch=z9hG4bKa",
      isWellFormed: true,
      branch: "z9hG4bKa",
      text: "SIP/2.0/UDP 10.1.2.3:5060;rport;branch=z9hG4bKa",
      rest: "",
    },
    from: { display: "", uri: "sip:alice@example.com", params: ";tag=f1" },
    to: { display: "", uri: "sip:alice@example.com", params: "" },
    fromTag: "f1",
    toTag: "",
    callId: "c1@10.1.2.3",
    cseq: { number: 12, method: "REGISTER" },
    method: "REGISTER",
    uri: "sip:example.com",
    stampedVia: undefined,
  });
});

test("a response has a status and a reason", () => {
  const response = responseOf(`${RESPONSE}body`);
  expect(response).toMatchObject({ kind: "response", status: 200, reason: "OK", toTag: "t" });
  expect(bodyOf(response)).toBe("body");
});

describe("the request line", () => {
  test.each([
    ["REGISTER sip:example.com SIP/2.0", "request"],
    ["REGISTER sip:example.com sip/2.0", "request"],
    ["REGISTER tel:+1 SIP/2.0", "request"],
    ["REGISTER sip:a?b@example.com SIP/2.0", "request"],
    [" REGISTER sip:example.com SIP/2.0", "400 Malformed Request-Line"],
    ["REGISTER  sip:example.com SIP/2.0", "400 Malformed Request-Line"],
    ["REGISTER sip:example.com  SIP/2.0", "400 Malformed Request-Line"],
    ["REGISTER\tsip:example.com SIP/2.0", "400 Malformed Request-Line"],
    ["REGISTER sip:example.com SIP/2.0 ", "400 Malformed Request-Line"],
    ["REGISTER SIP/2.0", "400 Malformed Request-Line"],
    ["REGISTER  SIP/2.0", "400 Malformed Request-Line"],
    ["REGISTER sip:example.com; lr SIP/2.0", "400 Malformed Request-Line"],
    ["REGISTER sip:example.com SIP/3.0", "505 Version Not Supported"],
    ["REGISTER sip:example.com SIP/2.00", "505 Version Not Supported"],
    ["REGISTER x SIP/1.0", "505 Version Not Supported"],
    ["REGISTER <sip:example.com> SIP/2.0", "400 Malformed Request-URI"],
    ["REGISTER sip:example.com:70000 SIP/2.0", "400 Malformed Request-URI"],
    ["REGISTER sip:[fe80::1%25eth0] SIP/2.0", "400 Malformed Request-URI"],
    ["REGISTER sip:exa\0mple.com SIP/2.0", "400 Malformed Request-URI"],
    ["REGISTER sip:exa\nmple.com SIP/2.0", "400 Malformed Request-URI"],
    ["REGISTER * SIP/2.0", "400 Malformed Request-URI"],
    ["REGISTER sip:example.com?Route=x SIP/2.0", "400 Headers in Request-URI"],
    [`REGISTER sip:${"h".repeat(MAX_URI_LENGTH)} SIP/2.0`, "414 Request-URI Too Long"],
    ["register sip:example.com SIP/2.0", "400 CSeq method does not match request"],
    ["REG@STER sip:example.com SIP/2.0", "not-sip"],
    ["REGISTER sip:example.com", "not-sip"],
    ["REGISTER sip:example.com HTTP/1.1", "not-sip"],
    ["GET / HTTP/1.1", "not-sip"],
    ["REGISTER", "not-sip"],
    ["", "not-sip"],
  ])("%j: %s", (line, expected) => {
    expect(outcome(registerWith({ REGISTER: line }))).toBe(expected);
  });
});

describe("the status line", () => {
  test.each([
    ["SIP/2.0 100 ", "response"],
    ["SIP/2.0 100", "response"],
    ["SIP/2.0 699 \u00c3\u00a9 = 5%", "response"],
    ["sip/2.0 200 OK", "response"],
    ["SIP/2.0 099 x", "bad-response"],
    ["SIP/2.0 700 x", "bad-response"],
    ["SIP/2.0 2000 x", "bad-response"],
    ["SIP/2.0 4294967301 x", "bad-response"],
    ["SIP/2.0 OK", "bad-response"],
    ["SIP/2.0  200 OK", "bad-response"],
    ["SIP/3.0 200 OK", "bad-response"],
    ["SIP/", "bad-response"],
    ["XIP/2.0 200 OK", "not-sip"],
  ])("%j: %s", (line, expected) => {
    expect(outcome(RESPONSE.replace("SIP/2.0 200 OK", line))).toBe(expected);
  });
});

describe("what is before and behind a message", () => {
  test.each([
    ["line breaks first", `\r\n\r\n${REGISTER}`, "request"],
    ["half a line break first", `\n${REGISTER}`, "not-sip"],
    ["half of another first", `\r${REGISTER}`, "not-sip"],
    ["bytes behind it", `${REGISTER}rubbish`, "request"],
    ["nothing at all", "", "not-sip"],
    ["a keep-alive", "\r\n\r\n", "not-sip"],
    ["four zero bytes", "\0\0\0\0", "not-sip"],
    ["no line break", "REGISTER sip:example.com SIP/2.0", "not-sip"],
    ["line feeds alone", REGISTER.replaceAll("\r\n", "\n"), "not-sip"],
    ["carriage returns alone", REGISTER.replaceAll("\r\n", "\r"), "not-sip"],
    ["a start line alone", "REGISTER sip:example.com SIP/2.0\r\n\r\n", "no-via"],
    ["a status line alone", "SIP/2.0 200 OK\r\n\r\n", "bad-response"],
  ])("%s", (_, text, expected) => {
    expect(outcome(text)).toBe(expected);
  });
});

describe("the headers every request has", () => {
  test.each<[string, Readonly<Record<string, string | readonly string[]>>, string]>([
    ["no Via", { Via: [] }, "no-via"],
    ["an empty Via", { Via: "Via:" }, "no-via"],
    ["a Via without sent-by", { Via: "Via: SIP/2.0/UDP" }, "no-via"],
    ["a Via with a port beyond 65535", { Via: "Via: SIP/2.0/UDP h:65536" }, "no-via"],
    ["a Via with an empty parameter", { Via: "Via: SIP/2.0/UDP h;;" }, "400 Malformed Via"],
    ["a Via of another version", { Via: "Via: SIP/3.0/UDP h" }, "request"],
    ["a good second Via", { Via: ["Via: SIP/2.0/UDP h", "Via: rubbish"] }, "request"],
    ["no From", { From: [] }, "400 Missing From"],
    ["an empty From", { From: "From:" }, "400 Malformed From"],
    ["From without a tag (RFC 2543)", { From: "From: <sip:a@h>" }, "request"],
    ["From with a port beyond 65535", { From: "From: <sip:a@h:65536>" }, "400 Malformed From"],
    ["no To", { To: [] }, "400 Missing To"],
    ["To with another scheme", { To: "To: isbn:2983792873" }, "request"],
    ["To without a scheme", { To: "To: alice" }, "400 Malformed To"],
    ["To with two addresses", { To: "To: <sip:a@h>, <sip:b@h>" }, "400 Malformed To"],
    ["To twice, once compact", { To: ["To: <sip:a@h>", "t: <sip:a@h>"] }, "400 Repeated To"],
    ["no Call-ID", { "Call-ID": [] }, "400 Missing Call-ID"],
    ["an empty Call-ID", { "Call-ID": "i:" }, "400 Malformed Call-ID"],
    ["a Call-ID with a space", { "Call-ID": "Call-ID: a b" }, "400 Malformed Call-ID"],
    ["a Call-ID with a NUL", { "Call-ID": "Call-ID: a\0" }, "400 Malformed Call-ID"],
    ["a Call-ID beyond ASCII", { "Call-ID": "Call-ID: \u00c3\u00a0" }, "request"],
    ["a folded Call-ID", { "Call-ID": "Call-ID:\r\n a" }, "request"],
    ["no CSeq", { CSeq: [] }, "400 Missing CSeq"],
    ["a CSeq of 2**31", { CSeq: "CSeq: 2147483648 REGISTER" }, "400 Malformed CSeq"],
    [
      "another method in CSeq",
      { CSeq: "CSeq: 1 INVITE" },
      "400 CSeq method does not match request",
    ],
    ["no Max-Forwards (RFC 2543)", { "Max-Forwards": [] }, "request"],
    ["Max-Forwards 0", { "Max-Forwards": "Max-Forwards: 0" }, "request"],
    ["Max-Forwards 255", { "Max-Forwards": "Max-Forwards: 255" }, "request"],
    ["Max-Forwards 256", { "Max-Forwards": "Max-Forwards: 256" }, "400 Malformed Max-Forwards"],
    ["an empty Max-Forwards", { "Max-Forwards": "Max-Forwards:" }, "400 Malformed Max-Forwards"],
    ["a negative one", { "Max-Forwards": "Max-Forwards: -1" }, "400 Malformed Max-Forwards"],
    ["white space before a colon", { "Call-ID": "Call-ID \t : a" }, "request"],
    [
      "a bare line feed",
      { "User-Agent": "User-Agent: a\nVia: b" },
      "400 Line break other than CRLF",
    ],
    ["a bare carriage return", { "User-Agent": "X: a\rVia: b" }, "400 Line break other than CRLF"],
    ["a NUL in a header nobody reads", { "User-Agent": "X: a\0b" }, "request"],
    ["a header named constructor", { "User-Agent": "constructor: a" }, "request"],
    ["a header named __proto__", { "User-Agent": "__proto__: a" }, "request"],
  ])("%s", (_, lines, expected) => {
    expect(outcome(registerWith(lines))).toBe(expected);
  });

  test("what is wrong with the request line is told first, then with the lines, then with Via", () => {
    const bad = { "User-Agent": "rubbish", Via: "Via: SIP/2.0/UDP h;;", CSeq: [] };
    expect(outcome(registerWith({ ...bad, REGISTER: "REGISTER x SIP/2.0" }))).toBe(
      "400 Malformed Request-URI",
    );
    expect(outcome(registerWith(bad))).toBe("400 Malformed header line");
    expect(outcome(registerWith({ ...bad, "User-Agent": [] }))).toBe("400 Malformed Via");
  });

  test("a malformed ACK is told by its method, since it gets no answer", () => {
    const text = registerWith({ REGISTER: "ACK sip:h SIP/2.0", CSeq: "CSeq: x" });
    expect(parseMessage(text)).toMatchObject({ kind: "malformed", method: "ACK" });
  });
});

describe("a malformed response is dropped", () => {
  test.each([
    ["no Via", "Via: SIP/2.0/UDP h;branch=z9hG4bKa", "X: y"],
    ["a Via with an empty parameter", ";branch", ";;branch"],
    ["no From", "From: <sip:a@h>;tag=f", "X: y"],
    ["a line without a colon", "Call-ID: c", "Call-ID: c\r\nrubbish"],
    ["a CSeq beyond its range", "CSeq: 1", "CSeq: 9292394834772304023312"],
    ["more Content-Length than bytes", "Call-ID: c", "Call-ID: c\r\nContent-Length: 1"],
  ])("%s", (_, part, replacement) => {
    expect(outcome(RESPONSE.replace(part, replacement))).toBe("bad-response");
  });
});
