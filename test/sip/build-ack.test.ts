import { expect, test } from "vitest";
import { buildAck, buildCancel } from "../../src/sip/build-ack.ts";
import { answerTo, message, responseOf } from "../support/messages.ts";

const INVITE = message(
  "INVITE sip:b@h;lr SIP/2.0",
  "Via: SIP/2.0/UDP us;branch=z9hG4bKus;rport, SIP/2.0/UDP them",
  "Via: SIP/2.0/UDP others",
  "Max-Forwards: 66",
  "Route: <sip:r1;lr>, <sip:r2;lr>",
  "f: <sip:a@h>;tag=f",
  "t: <sip:b@h>",
  "i: c",
  "CSeq: 7 INVITE",
  "Proxy-Authorization: Digest a=b",
  "route: <sip:r3;lr>",
  "Content-Length: 0",
);

/** The request with that method and To line. */
function hop(method: string, to: string): string {
  return message(
    `${method} sip:b@h;lr SIP/2.0`,
    "Via: SIP/2.0/UDP us;branch=z9hG4bKus;rport",
    "Max-Forwards: 70",
    "f: <sip:a@h>;tag=f",
    to,
    "i: c",
    `CSeq: 7 ${method}`,
    "Route: <sip:r1;lr>, <sip:r2;lr>",
    "route: <sip:r3;lr>",
    "Content-Length: 0",
  );
}

test("the ACK to a failure has the To of the response (RFC 3261 section 17.1.1.3)", () => {
  const full = INVITE.replace("f:", "From:").replace("t:", "To:").replace("i:", "Call-ID:");
  const response = responseOf(answerTo(full, 486, "Busy Here", { tag: "x" }));
  expect(buildAck(INVITE, response)).toBe(hop("ACK", "To: <sip:b@h>;tag=x"));
});

test("the CANCEL has the To of the INVITE (RFC 3261 section 9.1)", () => {
  expect(buildCancel(INVITE)).toBe(hop("CANCEL", "t: <sip:b@h>"));
});

test("what cannot be read gets neither", () => {
  const response = responseOf(
    message(
      "SIP/2.0 486 Busy",
      "Via: SIP/2.0/UDP us",
      "From: <sip:a@h>",
      "To: <sip:b@h>",
      "Call-ID: c",
      "CSeq: 7 INVITE",
    ),
  );
  expect([buildAck("rubbish", response), buildCancel("rubbish")]).toEqual(["", ""]);
});
