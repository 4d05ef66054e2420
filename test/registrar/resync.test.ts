import { describe, expect, test } from "vitest";
import type { Binding } from "../../src/location/binding.ts";
import {
  buildResync,
  decideResync,
  identityEventOf,
  isRegisteredAt,
  parseUpstreamPlace,
  registrationsOf,
} from "../../src/registrar/resync.ts";
import { answerTo, message, responseOf } from "../support/messages.ts";
import { SequentialIds } from "../support/sequential-ids.ts";
import { POLICY } from "../support/world.ts";
import { AOR, AOR_URI, buildBinding, CTID, NOW_MS, SENT_BY, UPSTREAM_CONTACT } from "./fixtures.ts";

const IDS = new SequentialIds();

/** What it says of midreg itself. */
function at(userAgent: string) {
  return { userAgent, ids: IDS, upstreamSentBy: SENT_BY };
}

const IDENTITY = { key: CTID, callId: "upstream-call-id", cseq: 8 };

describe("the REGISTER that makes a registration anew", () => {
  test("is under midreg's own identity, with the contact as it was and the whole lifetime", () => {
    expect(buildResync([buildBinding()], IDENTITY, POLICY, at("midreg/1"))).toBe(
      message(
        "REGISTER sip:sip.test SIP/2.0",
        "Max-Forwards: 70",
        `From: <${AOR_URI}>;tag=upstream-cal`,
        `To: <${AOR_URI}>`,
        "Call-ID: upstream-call-id",
        "CSeq: 8 REGISTER",
        `Contact: <${UPSTREAM_CONTACT}>;expires=3600`,
        "User-Agent: midreg/1",
        "Content-Length: 0",
      ),
    );
  });

  test("tells the main registrar what it was told of the device, and no more", () => {
    const binding = buildBinding({ q: 500, params: ';methods="INVITE";+sip.instance="<u>"' });
    const text = buildResync([binding], IDENTITY, POLICY, at("x"));
    expect(text).toContain(
      `Contact: <${UPSTREAM_CONTACT}>;methods="INVITE";q=0.5;expires=3600\r\n`,
    );
    const quiet = { ...POLICY, upstreamContactParams: [] };
    expect(buildResync([binding], IDENTITY, quiet, at("x"))).toContain(
      `Contact: <${UPSTREAM_CONTACT}>;expires=3600\r\n`,
    );
  });

  test("says nothing of one device when several share the registration", () => {
    const binding = buildBinding({ q: 500 });
    const text = buildResync([binding, { ...binding, ctid: "other" }], IDENTITY, POLICY, at("x"));
    expect(text).toContain(`Contact: <${UPSTREAM_CONTACT}>;expires=3600\r\n`);
  });

  test("keeps the From of a third-party registration", () => {
    const binding = buildBinding({ upstream: { from: "sip:secretary@sip.test" } });
    const text = buildResync([binding], IDENTITY, POLICY, at("x"));
    expect(text).toContain("From: <sip:secretary@sip.test>;tag=");
  });
});

test("registrations: one for each identity and contact upstream, without what has expired", () => {
  const one = buildBinding({ ctid: "1", upstream: { callId: "a" } });
  const two = buildBinding({ ctid: "2", upstream: { callId: "b" } });
  const shared = buildBinding({ ctid: "3", upstream: { callId: "a" } });
  const old = { ...buildBinding({ ctid: "4", upstream: { callId: "c" } }), expiresAtMs: NOW_MS };
  const found = registrationsOf({ aor: AOR, bindings: [one, two, shared, old] }, NOW_MS);
  expect(found.map((bindings) => bindings.map(({ ctid }) => ctid))).toEqual([["1", "3"], ["2"]]);
});

function outcome(headers: readonly string[] | undefined, status = 200, nowMs = NOW_MS + 50) {
  const binding = buildBinding();
  const register = buildResync([binding], IDENTITY, POLICY, at("x")).replace(
    "Max-Forwards",
    "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\nMax-Forwards",
  );
  const response =
    headers === undefined
      ? undefined
      : responseOf(answerTo(register, status, "Answer", { tag: "t", headers }));
  return decideResync({
    aor: AOR,
    registration: [binding],
    identity: IDENTITY,
    response,
    sentAtMs: NOW_MS,
    nowMs,
    policy: POLICY,
  });
}

/** What an accepted answer leaves of the registration upstream. */
function kept(headers: readonly string[]): Binding["upstream"] | undefined {
  const decided = outcome(headers);
  return decided.kind === "accepted" ? decided.change.put[0]?.upstream : undefined;
}

describe("what the answer means", () => {
  test.each<[string, readonly string[], number]>([
    ["the expires of its contact", [`Contact: <${UPSTREAM_CONTACT}>;expires=120`], 120],
    ["among others", [`Contact: <sip:x@y>;expires=9, <${UPSTREAM_CONTACT}>;expires=130`], 130],
    ["the Expires header", [`Contact: <${UPSTREAM_CONTACT}>`, "Expires: 140"], 140],
    ["what was asked for", [`Contact: <${UPSTREAM_CONTACT}>`], 3600],
    ["what was asked for, if nonsense", [`Contact: <${UPSTREAM_CONTACT}>;expires=x`], 3600],
    [
      "of another spelling with the same identifier",
      [`Contact: <sip:alice@other.test;ctid=${CTID}>;expires=150`],
      150,
    ],
  ])("granted is %s, counted from the sending", (_, headers, sec) => {
    expect(kept(headers)).toEqual({
      ...buildBinding().upstream,
      cseq: 8,
      expiresAtMs: NOW_MS + sec * 1000,
    });
  });

  test.each([
    [3600, 0],
    [20, 20 - POLICY.upstreamMarginSec],
    [2, 1],
  ])("%i s upstream shorten what depends on them, as a registration would", (sec, localSec) => {
    const decided = outcome([`Contact: <${UPSTREAM_CONTACT}>;expires=${sec}`]);
    const [put] = decided.kind === "accepted" ? decided.change.put : [];
    const { expiresAtMs } = buildBinding();
    expect(put?.expiresAtMs).toBe(localSec === 0 ? expiresAtMs : NOW_MS + localSec * 1000);
  });

  test("an acceptance overtakes a de-registration that is owed", () => {
    expect(outcome([`Contact: <${UPSTREAM_CONTACT}>`])).toMatchObject({
      kind: "accepted",
      change: { aor: AOR, dequeue: [CTID], remove: [], enqueue: [] },
    });
  });

  test.each<[string, readonly string[] | undefined, number, string, string]>([
    ["nothing", undefined, 0, "timeout", "timeout"],
    ["a challenge", [], 401, "challenged", "challenged"],
    ["a proxy's challenge", [], 407, "challenged", "challenged"],
    ["a refusal", [], 403, "refused", "refused"],
    ["a redirection", [], 302, "refused", "refused"],
    ["a failure", [], 503, "failed", "refused"],
    ["a 200 without contacts", [], 200, "contact-missing", "unlisted"],
    ["a 200 with others", ["Contact: <sip:x@y>;expires=9"], 200, "contact-missing", "unlisted"],
    [
      "no lifetime",
      [`Contact: <${UPSTREAM_CONTACT}>;expires=0`],
      200,
      "contact-missing",
      "unlisted",
    ],
  ])("%s keeps nothing, and says how to go on", (...row) => {
    const [, headers, status, kind, event] = row;
    const decided = outcome(headers, status);
    expect(decided).toEqual({ kind });
    expect(decided.kind === "accepted" ? "" : identityEventOf(decided.kind)).toBe(event);
  });

  test("a lifetime that is over when the answer comes is none", () => {
    const headers = [`Contact: <${UPSTREAM_CONTACT}>;expires=5`];
    expect(outcome(headers, 200, NOW_MS + 5000)).toEqual({ kind: "contact-missing" });
  });
});

test.each<[written: string, isMain: boolean, isDomain: boolean]>([
  ["sip:10.0.0.2:5070", true, false],
  ["10.0.0.2", true, false],
  ["10.0.0.2:5060", false, false],
  ["SIP.test", false, true],
  ["sip.test:5060", false, true],
  ["sip.test:5061", false, false],
])("%s names the main registrar: %s, the domain: %s", (written, isMain, isDomain) => {
  const { upstream } = buildBinding();
  const place = parseUpstreamPlace(written) ?? { host: "", port: undefined };
  const elsewhere = { ...upstream, requestUri: "sip:elsewhere.test" };
  expect(isRegisteredAt(elsewhere, place, "sip:10.0.0.2:5070")).toBe(isMain);
  expect(isRegisteredAt(upstream, place, "sip:192.0.2.77")).toBe(isDomain);
});

test.each(["", "::", "tel:1x", "sip:a b"])("%j names no upstream", (text) => {
  expect(parseUpstreamPlace(text)).toBeUndefined();
});
