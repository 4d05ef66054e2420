import { describe, expect, test } from "vitest";
import type { Binding } from "../../src/location/binding.ts";
import { answerTo, headerLine, headerLines, message } from "../support/messages.ts";
import { answerOf, expiring, FOREIGN, granted, OTHER, ok, put } from "./answer-fixtures.ts";
import { AOR, buildBinding, CONTACT, CTID, NOW_MS, SOURCE, UPSTREAM_CONTACT } from "./fixtures.ts";

describe("a 2xx that lists the contact (spec section 2.1)", () => {
  test("becomes the phone's own 200, to the byte", () => {
    const headers = [
      "Expires: 3600",
      "Path: <sip:main;lr>",
      "Record-Route: <sip:main;lr>",
      "Date: Thu, 01 Jan 2026 00:00:00 GMT",
      "Service-Route: <sip:main.test;lr>",
      "P-Associated-URI: <sip:alice@sip.test>",
      "X-Odd:  kept ",
    ];
    const answer = answerOf({
      register: {
        contacts: [`<${CONTACT}>;q=0.5;+sip.instance="<urn:x>"`],
        expires: "60",
        headers: ["Path: <sip:edge;lr>", "k: path", "User-Agent: Phone"],
      },
      answer: (text) =>
        answerTo(text, 200, "Fine", {
          tag: "main",
          headers: [`m: ${granted(3600)}`, ...headers],
          body: "hello",
        }),
    });
    expect(answer).toMatchObject({ reason: "accepted", status: 200 });
    expect(answer.text).toBe(
      message(
        "SIP/2.0 200 Fine",
        "Via: SIP/2.0/UDP 198.51.100.7:40000;branch=z9hG4bK-phone",
        "From: <sip:alice@sip.test>;tag=phone",
        "To: <sip:alice@sip.test>;tag=main",
        "Call-ID: phone-call-id",
        "CSeq: 2 REGISTER",
        `Contact: <${CONTACT}>;+sip.instance="<urn:x>";q=0.5;expires=60`,
        "Path: <sip:edge;lr>",
        "Date: Thu, 01 Jan 2026 00:00:00 GMT",
        "Service-Route: <sip:main.test;lr>",
        "P-Associated-URI: <sip:alice@sip.test>",
        "X-Odd:  kept ",
        "Content-Length: 5",
      ).concat("hello"),
    );
    expect(answer.change).toEqual({
      aor: AOR,
      put: [
        {
          ctid: CTID,
          contact: CONTACT,
          params: ';+sip.instance="<urn:x>"',
          q: 500,
          callId: "phone-call-id",
          cseq: 2,
          expiresAtMs: NOW_MS + 60_000,
          updatedAtMs: NOW_MS,
          source: SOURCE,
          path: "<sip:edge;lr>",
          userAgent: "Phone",
          // T20: kept for absorbed answers.
          replay: "Service-Route: <sip:main.test;lr>\r\nP-Associated-URI: <sip:alice@sip.test>\r\n",
          mode: "contact",
          methods: "",
          attr: "",
          registeredAtMs: NOW_MS,
          upstreamGruu: "",
          push: "",
          upstream: {
            upstream: "",
            callId: "upstream-0001-call-id",
            cseq: 1,
            expiresAtMs: NOW_MS + 3_600_000,
            contact: UPSTREAM_CONTACT,
            requestUri: "sip:sip.test",
            to: "sip:alice@sip.test",
            from: "",
          },
        },
      ],
      touch: [],
      remove: [],
      enqueue: [],
      dequeue: [CTID, `<${UPSTREAM_CONTACT}>`],
    });
  });

  test("registers anew what can be undone, and refreshes what cannot", () => {
    const added = answerOf({ answer: ok([granted(3600)]) });
    expect(added.undo).toEqual([
      { ctid: CTID, aor: AOR, upstream: put(added)?.upstream, dueAtMs: NOW_MS, attempts: 0 },
    ]);
    const refreshed = answerOf({ bindings: [expiring], answer: ok([granted(3600)]) });
    expect(refreshed.undo).toEqual([]);
    expect(put(refreshed)?.upstream).toMatchObject({ callId: "upstream-call-id", cseq: 8 });
  });

  test.each<[string, string[], string[], number, number]>([
    ["the contact's own expires", [granted(100)], ["Expires: 50"], 60, 100],
    ["the Expires header without one", [`<${UPSTREAM_CONTACT}>`], ["Expires: 50"], 48, 50],
    ["what was asked for without either", [`<${UPSTREAM_CONTACT}>`], [], 60, 3600],
    ["what was asked for where its own is malformed", [granted("soon")], [], 60, 3600],
    [
      "what was asked for where the header is malformed",
      [`<${UPSTREAM_CONTACT}>`],
      ["Expires: soon"],
      60,
      3600,
    ],
    ["more than was asked for", [granted(86_400)], [], 60, 86_400],
    ["T29: 4294967295", [granted(4_294_967_295)], [], 60, 4_294_967_295],
    ["less than the phone asked for, less the margin", [granted(30)], [], 28, 30],
    ["no more than twice the margin, halved", [granted(4)], [], 2, 4],
    ["a second", [granted(1)], [], 1, 1],
    ["the contact among foreign ones", [FOREIGN, `${FOREIGN}, ${granted(100)}`], [], 60, 100],
    [
      "the contact in another spelling",
      [`"x" <SIP:alice@192.0.2.1:5060;CTID=${CTID};y>;EXPIRES=100`],
      [],
      60,
      100,
    ],
    [
      "the contact with its host rewritten",
      [`<sip:alice@10.0.0.1;ctid=${CTID}>;expires=100`],
      [],
      60,
      100,
    ],
    [
      "the first of its contacts when none is as it was sent",
      [
        `<sip:alice@10.0.0.1;ctid=${CTID}>;expires=100`,
        `<sip:alice@10.0.0.2;ctid=${CTID}>;expires=50`,
      ],
      [],
      60,
      100,
    ],
  ])("grants %s", (_, contacts, headers, ...[told, upstreamSec]) => {
    const answer = answerOf({ answer: ok(contacts, headers) });
    expect(headerLines(answer.text, "Contact")).toEqual([`<${CONTACT}>;expires=${told}`]);
    expect(headerLines(answer.text, "Expires")).toEqual([]);
    expect(put(answer)?.expiresAtMs).toBe(NOW_MS + told * 1000);
    expect(put(answer)?.upstream.expiresAtMs).toBe(NOW_MS + upstreamSec * 1000);
  });

  test("T3: a slow answer stretches neither lifetime", () => {
    const slow = answerOf({ answer: ok([granted(30)]), tookMs: 9000 });
    expect(put(slow)).toMatchObject({
      updatedAtMs: NOW_MS + 9000,
      expiresAtMs: NOW_MS + 30_000,
      upstream: { expiresAtMs: NOW_MS + 30_000 },
    });
    expect(headerLine(slow.text, "Contact")).toBe(`<${CONTACT}>;expires=21`);
  });

  test.each([
    [8999, "accepted"],
    [9000, "contact-missing"],
  ])("T3: that took %i ms of the 9 s it grants is %s", (tookMs, reason) => {
    expect(answerOf({ answer: ok([granted(9)]), tookMs }).reason).toBe(reason);
  });

  test("lists the other devices too, those of the main registrar not (as the reference)", () => {
    const other = buildBinding({ ctid: "b", contact: OTHER, q: 1000 });
    const answer = answerOf({
      bindings: [other, expiring, buildBinding({ ctid: "c", contact: "sip:x@h", expiresAtMs: 1 })],
      answer: ok([FOREIGN, granted(3600)]),
    });
    expect(headerLines(answer.text, "Contact")).toEqual([
      `<${OTHER}>;q=1;expires=30, <${CONTACT}>;expires=60`,
    ]);
  });

  test("gives the phone a tag of midreg's own where the main registrar gave none", () => {
    const { text } = answerOf({
      answer: (forwarded) => ok([granted(60)])(forwarded).replace(";tag=main", ""),
    });
    expect(headerLine(text, "To")).toBe("<sip:alice@sip.test>;tag=own-tag");
  });

  test("is as good with another status of its class", () => {
    const answer = answerOf({
      answer: (text) => ok([granted(60)])(text).replace("200 OK", "202 Accepted"),
    });
    expect(answer).toMatchObject({ reason: "accepted", status: 202 });
    expect(answer.text.startsWith("SIP/2.0 202 Accepted\r\n")).toBe(true);
  });
});

describe("several contacts registered at once (T5)", () => {
  const register = { contacts: [`<${CONTACT}>`, `<${OTHER}>`] };
  test("go on under names of their own: only the first has lent its own", () => {
    const { change, undo } = answerOf({ register, answer: echo });
    const [one, two] = change?.put ?? [];
    expect(one?.upstream).toMatchObject({ callId: "upstream-0001-call-id", cseq: 1 });
    expect(two?.upstream).toMatchObject({
      callId: `upstream-0001-call-id.${two?.ctid ?? ""}`,
      cseq: 0,
    });
    expect(undo.map(({ upstream }) => upstream)).toEqual([one?.upstream, two?.upstream]);
  });

  test.each([
    ["keeps the name it has", { callId: "own", cseq: 4 }, { callId: "own", cseq: 4 }],
    [
      "gets one when it shares that of the first",
      { callId: "upstream-call-id" },
      { callId: "upstream-call-id.b", cseq: 0 },
    ],
  ])("the second of two refreshed %s", (_, upstream, expected) => {
    const bindings = [expiring, secondBinding(upstream)];
    const { change } = answerOf({ register, bindings, answer: echo });
    expect(change?.put[0]?.upstream).toMatchObject({ callId: "upstream-call-id", cseq: 8 });
    expect(change?.put[1]?.upstream).toMatchObject(expected);
  });

  test("names do not grow with each contact that goes along", () => {
    const bindings = [buildBinding({ upstream: { expiresAtMs: 0, callId: "first.of-another" } })];
    const { change } = answerOf({ register, bindings, answer: echo });
    const two = change?.put[1];
    expect(two?.upstream.callId).toBe(`first.${two?.ctid ?? ""}`);
  });
});

describe("a 2xx that does not list the contact (T9)", () => {
  test.each<[string, string[], string[]]>([
    ["has none at all", [], []],
    ["has foreign ones only", [FOREIGN], []],
    ["has another ctid", [`<sip:alice@192.0.2.1:5060;ctid=${"0".repeat(16)}>;expires=60`], []],
    ["grants it 0", [granted(0)], []],
    ["grants it 0 in the header", [`<${UPSTREAM_CONTACT}>`], ["Expires: 0"]],
    ["has a star", ["*"], []],
    ["has one that is malformed", [granted(60), "<nonsense"], []],
  ])(
    "is an error to the phone when it %s; differs: not the main registrar's 200",
    (_, contacts, headers) => {
      const answer = answerOf({ answer: ok(contacts, headers), policy: { retryAfterSec: 5 } });
      expect(answer).toMatchObject({ reason: "contact-missing", status: 500, undo: [] });
      expect(answer.change).toBeUndefined();
      expect(answer.text).toBe(
        message(
          "SIP/2.0 500 Main registrar did not list the contact",
          "Via: SIP/2.0/UDP 198.51.100.7:40000;branch=z9hG4bK-phone",
          "From: <sip:alice@sip.test>;tag=phone",
          "To: <sip:alice@sip.test>;tag=own-tag",
          "Call-ID: phone-call-id",
          "CSeq: 2 REGISTER",
          "Retry-After: 6",
          "Content-Length: 0",
        ),
      );
    },
  );

  test("is an error for all of several, and what was new is to be undone", () => {
    const register = { contacts: [`<${CONTACT}>`, `<${OTHER}>`, "<sip:x@h>;expires=0"] };
    const answer = answerOf({ register, answer: ok([granted(60)]) });
    expect(answer).toMatchObject({ reason: "contact-missing", change: undefined });
    expect(answer.undo.map(({ ctid }) => ctid)).toEqual([CTID]);
    const known = answerOf({ register, bindings: [expiring], answer: ok([granted(60)]) });
    expect(known.undo).toEqual([]);
  });
});

/** A second device, of which the main registrar has forgotten. */
function secondBinding(parts: Partial<Binding["upstream"]>): Binding {
  return buildBinding({ ctid: "b", contact: OTHER, upstream: { expiresAtMs: 0, ...parts } });
}

/** A 2xx that lists what it was asked for. */
function echo(text: string): string {
  return ok([headerLine(text, "Contact")])(text);
}
