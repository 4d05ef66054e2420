import { assert, constantFrom, integer, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { registerLonger, tooBriefFor } from "../../src/registrar/interval-too-brief.ts";
import type { ForwardedRegister } from "../../src/registrar/rewrite-register.ts";
import type { SipResponse } from "../../src/sip/message.ts";
import { answerTo, headerLine, requestOf, responseOf } from "../support/messages.ts";
import { answerOf, expiring } from "./answer-fixtures.ts";
import { CONTACT, decideAs, type RegisterParts, UPSTREAM_CONTACT } from "./fixtures.ts";

const OTHER = "sip:alice@203.0.113.9:5062";

function forwardOf(register: RegisterParts = {}): ForwardedRegister {
  return decideAs("forward", { bindings: [expiring], register }).forward;
}

function refusal(
  forward: ForwardedRegister,
  headers: readonly string[],
  status = 423,
): SipResponse {
  return responseOf(answerTo(forward.text, status, "Interval Too Brief", { headers }));
}

describe("a 423 to a lifetime of midreg's own", () => {
  test("is answered with the same under the next CSeq, for as long as is wanted", () => {
    const forward = forwardOf({
      contacts: [`<${CONTACT}>;q=0.5;methods="INVITE, BYE";expires=60`, `<${OTHER}>;expires=0`],
      expires: "60",
      headers: ["Authorization: Digest response=x"],
    });
    const longer = registerLonger(forward, refusal(forward, ["Min-Expires: 7200"]), 3600);
    const text = longer?.forward.text ?? "";
    const before = forward.text.split("\r\n");
    const changed = text.split("\r\n").filter((line, at) => line !== before[at]);
    const { cseq } = forward.identity;
    expect(text.split("\r\n")).toHaveLength(before.length);
    expect(changed).toEqual([
      `CSeq: ${cseq + 1} REGISTER`,
      expect.stringMatching(
        /^Contact: <sip:alice@192\.0\.2\.1:5060;ctid=\w+>;methods="INVITE, BYE";q=0\.5;expires=7200, <.*>;expires=0$/u,
      ),
      "Expires: 7200",
    ]);
    expect(headerLine(text, "Contact")).toContain(UPSTREAM_CONTACT);
    expect(longer).toMatchObject({
      outgoingExpiresSec: 7200,
      forward: { identity: { ...forward.identity, cseq: cseq + 1 }, contacts: forward.contacts },
    });
  });

  test.each<[string, readonly string[], number, boolean]>([
    ["of no more than was asked for", ["Min-Expires: 3600"], 423, false],
    ["without Min-Expires", [], 423, false],
    ["with a malformed Min-Expires", ["Min-Expires: soon"], 423, false],
    ["of more than a day", ["Min-Expires: 86401"], 423, true],
    ["of all time", ["Min-Expires: 99999999999"], 423, true],
    ["with another status", ["Min-Expires: 7200"], 400, false],
  ])("is not: %s", (_, headers, status, isTooBrief) => {
    const forward = forwardOf();
    const response = refusal(forward, headers, status);
    expect(registerLonger(forward, response, 3600)).toBeUndefined();
    expect(tooBriefFor(forward, response, 3600) !== undefined).toBe(isTooBrief);
  });

  test.each<[string, RegisterParts]>([
    ["a removal", { contacts: [`<${CONTACT}>;expires=0`] }],
    ["a removal of everything", { contacts: ["*"], expires: "0" }],
    ["a fetch", { contacts: [], callId: "other" }],
  ])("means nothing for %s", (_, register) => {
    const forward = forwardOf(register);
    const response = refusal(forward, ["Min-Expires: 7200"]);
    expect(tooBriefFor(forward, response, 3600)).toBeUndefined();
  });

  test("that cannot be met is no business of the phone's", () => {
    const answer = answerOf({
      bindings: [expiring],
      answer: (text) =>
        answerTo(text, 423, "Interval Too Brief", { headers: ["Min-Expires: 100000"] }),
    });
    expect(answer).toMatchObject({ reason: "refused", status: 500, change: undefined, undo: [] });
    expect(answer.text).not.toContain("Min-Expires");
  });

  test("leads to a good request that differs in nothing but numbers, whatever is wanted", () => {
    assert(
      property(
        integer({ min: 1, max: 86_400 }),
        constantFrom("60", undefined),
        (minSec, expires) => {
          const forward = forwardOf({ expires });
          const response = refusal(forward, [`Min-Expires: ${minSec}`]);
          const longer = registerLonger(forward, response, 3600);
          const text = longer?.forward.text ?? forward.text;
          expect(longer !== undefined).toBe(minSec > 3600);
          expect(requestOf(text).callId).toBe(forward.identity.callId);
          expect(text.replace(/\d+/gu, "0")).toBe(forward.text.replace(/\d+/gu, "0"));
        },
      ),
    );
  });
});
