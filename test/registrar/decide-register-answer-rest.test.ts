import { describe, expect, test } from "vitest";
import type { Binding } from "../../src/location/binding.ts";
import { answerTo, headerLine, headerLines, message } from "../support/messages.ts";
import { answerOf, expiring, FOREIGN, granted, OTHER, ok, put, remove } from "./answer-fixtures.ts";
import {
  AOR,
  buildBinding,
  CONTACT,
  CTID,
  NOW_MS,
  type RegisterParts,
  UPSTREAM_CONTACT,
} from "./fixtures.ts";

describe("a 2xx to a removal", () => {
  test("removes the binding and drops what was owed for it, as the reference", () => {
    const answer = answerOf({ register: remove, bindings: [expiring], answer: ok([]) });
    expect(answer).toMatchObject({ reason: "accepted", undo: [] });
    const dequeue = [CTID, `<${UPSTREAM_CONTACT}>`];
    expect(answer.change).toMatchObject({ put: [], remove: [CTID], enqueue: [], dequeue });
    expect(headerLines(answer.text, "Contact")).toEqual([]);
  });

  test("of an unknown contact is accepted, as the reference", () => {
    const answer = answerOf({ register: remove, answer: ok([FOREIGN]) });
    expect(answer).toMatchObject({ reason: "accepted", change: { remove: [CTID] } });
    expect(headerLines(answer.text, "Contact")).toEqual([]);
  });

  test("leaves the other devices listed", () => {
    const other = buildBinding({ ctid: "b", contact: OTHER });
    const answer = answerOf({ register: remove, bindings: [expiring, other], answer: ok([]) });
    expect(headerLines(answer.text, "Contact")).toEqual([`<${OTHER}>;expires=30`]);
  });

  test.each([
    ["with 0, as the reference", granted(0), 0],
    ["with a lifetime; differs: it is owed once more", granted(100), 1],
  ])("that still lists it %s removes it here", (_, contact, owed) => {
    const answer = answerOf({ register: remove, bindings: [expiring], answer: ok([contact]) });
    expect(answer.change?.remove).toEqual([CTID]);
    expect(answer.change?.enqueue).toHaveLength(owed);
    if (owed === 0) return;
    expect(answer.change?.enqueue[0]).toMatchObject({
      ctid: CTID,
      attempts: 0,
      dueAtMs: NOW_MS,
      upstream: {
        callId: "upstream-call-id",
        cseq: 8,
        expiresAtMs: NOW_MS + 100_000,
        contact: UPSTREAM_CONTACT,
      },
    });
  });

  test("beside an addition is one change", () => {
    const register = { contacts: [`<${OTHER}>;expires=60`, `<${CONTACT}>;expires=0`] };
    const answer = answerOf({
      register,
      bindings: [expiring],
      answer: (text) => ok([headerLine(text, "Contact").split(", ")[0] ?? ""])(text),
    });
    const added = answer.change?.put[0]?.ctid ?? "";
    expect(answer.change).toMatchObject({ put: [{ contact: OTHER }], remove: [CTID] });
    expect(answer.change?.dequeue.filter((key) => !key.startsWith("<"))).toEqual([added, CTID]);
    expect(headerLines(answer.text, "Contact")).toEqual([`<${OTHER}>;expires=60`]);
  });
});

describe("a 2xx after midreg's own address has changed", () => {
  const sentBy = "192.0.2.2:5060";
  const moved = `sip:alice@${sentBy};ctid=${CTID}`;

  test("leaves the contact of the old address to be removed, under a name of its own", () => {
    const answer = answerOf({
      sentBy,
      bindings: [expiring],
      answer: ok([`<${moved}>;expires=60`]),
    });
    expect(put(answer)?.upstream.contact).toBe(moved);
    expect(answer.change?.enqueue).toEqual([
      {
        ctid: `<${UPSTREAM_CONTACT}>`,
        aor: AOR,
        upstream: { ...expiring.upstream, callId: "upstream-call-id-moved", cseq: 0 },
        dueAtMs: NOW_MS,
        attempts: 0,
      },
    ]);
  });

  test("takes the lifetime of the new contact, in whatever order the two are listed", () => {
    const listed = [`<${UPSTREAM_CONTACT}>;expires=9999`, `<${moved}>;expires=60`];
    for (const contacts of [listed, listed.toReversed()]) {
      const answer = answerOf({ sentBy, bindings: [expiring], answer: ok(contacts) });
      expect(put(answer)?.upstream.expiresAtMs).toBe(NOW_MS + 60_000);
    }
  });

  test("to a removal owes nothing more, since the old contact was removed itself", () => {
    const answer = answerOf({ sentBy, register: remove, bindings: [expiring], answer: ok([]) });
    expect(answer.change).toMatchObject({ remove: [CTID], enqueue: [] });
  });
});

describe("a 2xx to a star (spec section 2.4)", () => {
  const star: RegisterParts = { contacts: ["*"], expires: "0" };

  test("removes all bindings and what is owed for them; differs: no de-registration follows (T10)", () => {
    const bindings = [buildBinding(), buildBinding({ ctid: "b", contact: OTHER })];
    const answer = answerOf({ register: star, bindings, answer: ok([FOREIGN]) });
    expect(answer.change).toMatchObject({
      put: [],
      remove: [CTID, "b"],
      enqueue: [],
      dequeue: [CTID, "b", `*${AOR}`],
    });
    expect(headerLines(answer.text, "Contact")).toEqual([]);
  });

  test("for an unknown address-of-record changes nothing", () => {
    const answer = answerOf({ register: star, answer: ok([]) });
    expect(answer).toMatchObject({ reason: "accepted", change: { remove: [] }, undo: [] });
  });
});

describe("a 2xx to a fetch", () => {
  test.each<[string, Binding[], string[]]>([
    ["lists midreg's own bindings", [buildBinding()], [`<${CONTACT}>;expires=30`]],
    ["lists nothing for an unknown address-of-record", [], []],
  ])("%s and changes nothing", (_, bindings, contacts) => {
    const register = { contacts: [], callId: "unproven" };
    const answer = answerOf({ register, bindings, answer: ok([FOREIGN, granted(60)]) });
    expect(answer).toMatchObject({ reason: "accepted", change: undefined, undo: [] });
    expect(headerLines(answer.text, "Contact")).toEqual(contacts);
  });
});

describe("everything else passes as it is and changes nothing (spec section 2.3, as the reference)", () => {
  test.each<[number, string, string, string[]]>([
    [300, "Multiple Choices", "refused", ["Contact: <sip:elsewhere@h>;q=0.5"]],
    [302, "Moved Temporarily", "refused", ["m: <sip:elsewhere@h>", "Expires: 7"]],
    [
      401,
      "Unauthorized",
      "challenged",
      ['WWW-Authenticate: Digest realm="x", nonce="n"', "WWW-Authenticate: Digest realm=y"],
    ],
    [403, "Forbidden", "refused", ['Warning: 399 h "no"']],
    [404, "Not Found", "refused", []],
    [407, "Proxy Authentication Required", "challenged", ["Proxy-Authenticate: Digest realm=x"]],
    [423, "Interval Too Brief", "refused", ["Min-Expires: 3600"]],
    [
      500,
      "Server \xc3\xa9rror",
      "failed",
      ["Retry-After: 5 (oops);duration=1", "X-A: 1", "x-a : 2", "Path: <sip:p;lr>"],
    ],
    [503, "Service Unavailable", "failed", ["Retry-After: 30"]],
    [603, "Decline", "failed", []],
  ])("%i %s", (status, phrase, reason, headers) => {
    const answer = answerOf({
      bindings: [expiring],
      answer: (text) =>
        answerTo(text, status, phrase, { tag: "main", headers, body: "a\0b\r\n\r\n" }),
    });
    expect(answer).toMatchObject({ reason, status, change: undefined, undo: [] });
    expect(answer.text).toBe(
      message(
        `SIP/2.0 ${status} ${phrase}`,
        "Via: SIP/2.0/UDP 198.51.100.7:40000;branch=z9hG4bK-phone",
        "From: <sip:alice@sip.test>;tag=phone",
        "To: <sip:alice@sip.test>;tag=main",
        "Call-ID: phone-call-id",
        "CSeq: 2 REGISTER",
        ...headers,
        "Content-Length: 7",
      ).concat("a\0b\r\n\r\n"),
    );
  });

  test("without a Record-Route, since a REGISTER builds no route set (RFC 3261 section 10.3)", () => {
    const answer = answerOf({
      answer: (text) => answerTo(text, 404, "Not Found", { headers: ["Record-Route: <sip:m;lr>"] }),
    });
    expect(headerLines(answer.text, "Record-Route")).toEqual([]);
  });
});

describe("no answer at all", () => {
  test.each([
    [0, []],
    [9, ["11"]],
  ])(
    "is a 504 of midreg's own and changes nothing; differs: never a 408 (RFC 4320)",
    (retryAfterSec, lines) => {
      const answer = answerOf({ bindings: [expiring], policy: { retryAfterSec } });
      expect(answer).toMatchObject({ reason: "timeout", status: 504, change: undefined, undo: [] });
      expect(answer.text.startsWith("SIP/2.0 504 Main registrar did not answer\r\n")).toBe(true);
      expect(headerLine(answer.text, "To")).toBe("<sip:alice@sip.test>;tag=own-tag");
      expect(headerLines(answer.text, "Retry-After")).toEqual(lines);
    },
  );
});
