import { describe, expect, test } from "vitest";
import type { Binding } from "../../src/location/binding.ts";
import { decideRegister } from "../../src/registrar/decide-register.ts";
import { headerLine, headerLines, message, requestOf } from "../support/messages.ts";
import {
  AOR,
  buildBinding,
  buildInput,
  CONTACT,
  CTID,
  decide,
  decideAs,
  type InputParts,
  NOW_MS,
  type RegisterParts,
  SOURCE,
} from "./fixtures.ts";

const OTHER = "sip:alice@203.0.113.9:5062";

function other(parts: Partial<Binding> = {}): Binding {
  return buildBinding({ ctid: "00000000000000ff", contact: OTHER, callId: "other", ...parts });
}

const known = [buildBinding()];

describe("rows of every mode (spec section 1.4)", () => {
  test("S, as the reference: * is forwarded as it is", () => {
    const { reason, forward } = decideAs("forward", {
      register: { contacts: ["*"], expires: "0" },
      bindings: [buildBinding(), other()],
    });
    expect(reason).toBe("star");
    expect(headerLine(forward.text, "Contact")).toBe("*");
    expect(headerLine(forward.text, "Expires")).toBe("0");
    expect(forward.affected).toEqual([CTID, "00000000000000ff"]);
  });

  test("S for an unknown address-of-record, as the reference", () => {
    const register = { contacts: ["*"], expires: "0" };
    expect(decideAs("forward", { register })).toMatchObject({
      reason: "star",
      forward: { affected: [], contacts: [] },
    });
  });

  test.each([
    ["a later REGISTER of its Call-ID has bound something", 3, "old-cseq"],
    ["the CSeq is that of the last REGISTER", 2, "star"],
  ])("S, differs: by RFC 3261 section 10.3 step 6, when %s", (_, cseq, reason) => {
    const register = { contacts: ["*"], expires: "0" };
    const bindings = [other({ cseq: 99 }), buildBinding({ cseq })];
    expect(decide({ register, bindings })).toMatchObject({ reason });
  });

  test("F, differs: a proven fetch lists the bindings, an absorbed one changes nothing (T2)", () => {
    const bindings = [buildBinding({ replay: "Service-Route: <sip:m;lr>\r\n" }), other({ q: 500 })];
    const { reason, change, answer } = decideAs("absorb", { register: { contacts: [] }, bindings });
    expect({ reason, change }).toEqual({ reason: "fetch", change: undefined });
    expect(headerLines(answer, "Contact")).toEqual([
      `<${CONTACT}>;expires=30, <${OTHER}>;q=0.5;expires=30`,
    ]);
    expect(headerLine(answer, "Service-Route")).toBe("<sip:m;lr>");
  });

  test.each<[string, InputParts]>([
    ["an unknown address-of-record", {}],
    ["another source", { bindings: known, source: `${SOURCE}1` }],
    ["another Call-ID", { bindings: known, register: { contacts: [], callId: "x" } }],
    ["an older CSeq", { bindings: [buildBinding({ cseq: 3 })] }],
    ["a binding that has expired", { bindings: [buildBinding({ expiresAtMs: NOW_MS })] }],
  ])("F, differs: a fetch is forwarded for %s (T2)", (_, parts) => {
    expect(decide({ register: { contacts: [] }, ...parts })).toMatchObject({
      kind: "forward",
      reason: "fetch",
    });
  });

  test("F with auth.absorb open, as the reference: absorbed for anybody; differs: it lists", () => {
    const policy = { absorb: "open" } as const;
    const register = { contacts: [], callId: "x" };
    const { answer } = decideAs("absorb", { register, policy, bindings: known, source: "x" });
    expect(headerLine(answer, "Contact")).toBe(`<${CONTACT}>;expires=30`);
    const empty = decideAs("absorb", { register, policy });
    expect(headerLines(empty.answer, "Contact")).toEqual([]);
  });

  test("N, as the reference: an unknown address-of-record is forwarded", () => {
    expect(decide()).toMatchObject({ kind: "forward", reason: "new-aor" });
  });

  test("Require is for the main registrar to judge", () => {
    const register = { headers: ["Require: path"] };
    expect(decide({ register, bindings: known })).toMatchObject({ reason: "require" });
    expect(decide({ register: { ...register, contacts: [] }, bindings: known })).toMatchObject({
      reason: "require",
    });
  });

  test.each([
    ["max_contacts", { policy: { maxContacts: 1 }, bindings: [other()] }, "too-many-contacts"],
    ["an older CSeq", { bindings: [buildBinding({ cseq: 3 })] }, "old-cseq"],
  ])("Require does not get past %s (T8)", (_, parts, reason) => {
    const register = { headers: ["Require: path"] };
    expect(decide({ register, ...parts })).toMatchObject({ kind: "reject", reason });
  });
});

describe("an absorbed refresh", () => {
  const register: RegisterParts = {
    contacts: [`<${CONTACT}>;expires=60;+sip.instance="<urn:x>"`],
    headers: ["Path: <sip:edge.test;lr>", "Supported: path"],
  };
  const binding = buildBinding({
    params: ';+sip.instance="<urn:x>"',
    path: "<sip:edge.test;lr>",
    replay: "Service-Route: <sip:main.test;lr>\r\nP-Associated-URI: <sip:alice@sip.test>\r\n",
    userAgent: "first",
  });

  test("is answered to the byte: its bindings, Path, what main said, Date; no Expires (section 1.8)", () => {
    const { answer } = decideAs("absorb", {
      register,
      bindings: [binding, other({ q: 500, expiresAtMs: NOW_MS + 9999 })],
      dateLine: "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n",
    });
    expect(answer).toBe(
      message(
        "SIP/2.0 200 OK",
        "Via: SIP/2.0/UDP 198.51.100.7:40000;branch=z9hG4bK-phone",
        "From: <sip:alice@sip.test>;tag=phone",
        `To: <sip:alice@sip.test>;tag=${CTID}`,
        "Call-ID: phone-call-id",
        "CSeq: 2 REGISTER",
        `Contact: <${CONTACT}>;+sip.instance="<urn:x>";expires=60, <${OTHER}>;q=0.5;expires=9`,
        "Path: <sip:edge.test;lr>",
        "Service-Route: <sip:main.test;lr>",
        "P-Associated-URI: <sip:alice@sip.test>",
        "Date: Thu, 01 Jan 2026 00:00:00 GMT",
        "Content-Length: 0",
      ),
    );
  });

  test("stamps the Via with where it came from", () => {
    const input = buildInput({ bindings: known });
    const text = input.request.text.replace("branch", "rport;branch");
    const request = requestOf(text, "203.0.113.1", 1234);
    const decision = decideRegister({ ...input, request });
    expect(decision).toMatchObject({
      answer: expect.stringContaining(";rport=1234;branch=z9hG4bK-phone;received=203.0.113.1\r\n"),
    });
  });

  test("does not give Path back to a device that does not understand it (section 7.2, path-lazy)", () => {
    const headers = ["Path: <sip:edge.test;lr>"];
    const { answer } = decideAs("absorb", {
      register: { ...register, headers },
      bindings: [binding],
    });
    expect(headerLines(answer, "Path")).toEqual([]);
  });

  test("with proof moves four numbers and nothing else", () => {
    const { reason, change } = decideAs("absorb", { register, bindings: [binding, other()] });
    expect(reason).toBe("refresh");
    expect(change).toMatchObject({ aor: AOR, put: [], remove: [], enqueue: [], dequeue: [] });
    const { ctid } = binding;
    expect(change?.touch).toEqual([
      { ctid, cseq: 2, expiresAtMs: NOW_MS + 60_000, updatedAtMs: NOW_MS },
    ]);
  });

  test("without proof replaces what it changes (open, as the reference)", () => {
    const source = `${SOURCE}9`;
    const { change } = decideAs("absorb", {
      register: {
        contacts: [`<sip:alice@198.51.100.7:40000;rinstance=1>;q=0.5;methods=INVITE;expires=60`],
        callId: "moved",
        cseq: 1,
        headers: ["User-Agent: second"],
      },
      bindings: [binding],
      source,
      policy: { absorb: "open" },
    });
    expect(change?.touch).toEqual([]);
    expect(change?.put).toEqual([
      {
        ...binding,
        params: ";methods=INVITE",
        q: 500,
        callId: "moved",
        cseq: 1,
        expiresAtMs: NOW_MS + 60_000,
        updatedAtMs: NOW_MS,
        source,
        path: "",
        userAgent: "second",
        registeredAtMs: NOW_MS,
      },
    ]);
  });

  test.each<[string, RegisterParts, InputParts]>([
    ["contact parameters", { contacts: [`<${CONTACT}>;methods=INVITE`] }, {}],
    ["a preference", { contacts: [`<${CONTACT}>;q=0.1`] }, {}],
    ["a Call-ID", { callId: "x" }, {}],
    ["a Path", { headers: ["Path: <sip:e;lr>"] }, {}],
    ["a User-Agent", { headers: ["User-Agent: x"] }, {}],
    ["a source", {}, { source: "x" }],
  ])("without proof replaces the binding for the sake of %s alone", (_, part, parts) => {
    const given = { register: { expires: "60", ...part }, bindings: known, ...parts };
    const { change } = decideAs("absorb", { ...given, policy: { absorb: "open" } });
    expect([change?.put.length, change?.touch.length]).toEqual([1, 0]);
  });

  test("without proof touches a binding it does not change", () => {
    const { change } = decideAs("absorb", { bindings: known, policy: { absorb: "open" } });
    expect([change?.put.length, change?.touch.length]).toEqual([0, 1]);
  });

  test("keeps the ctid and the contact as first seen without proof (matching mode 0, as the reference)", () => {
    const contacts = ["<sip:%61lice@198.51.100.7:40000>;expires=60"];
    const { change, answer } = decideAs("absorb", {
      register: { contacts },
      bindings: known,
      policy: { absorb: "open" },
    });
    expect(change?.touch).toMatchObject([{ ctid: CTID }]);
    expect(headerLine(answer, "Contact")).toMatch(`<${CONTACT}>`);
  });

  test("gets its lifetime spread, and the phone is told of what it has", () => {
    const policy = { expiresMaxDeviationSec: 20 };
    const { change, answer } = decideAs("absorb", { bindings: known, policy });
    // SequentialIds give a fraction of 0.5, the middle of the range.
    expect(change?.touch[0]?.expiresAtMs).toBe(NOW_MS + 60_000);
    const input = buildInput({ bindings: known, policy });
    const spread = decideRegister({ ...input, ids: { ...bound(input.ids), fraction: () => 0 } });
    expect(spread).toMatchObject({ change: { touch: [{ expiresAtMs: NOW_MS + 40_000 }] } });
    expect(headerLine(answer, "Contact")).toBe(`<${CONTACT}>;expires=60`);
  });

  test("that is a retransmission is answered again without any change (T27)", () => {
    const bindings = [buildBinding({ cseq: 2, updatedAtMs: NOW_MS - 500 })];
    const { reason, change, answer } = decideAs("absorb", { bindings });
    expect({ reason, change }).toEqual({ reason: "retransmission", change: undefined });
    expect(headerLine(answer, "Contact")).toBe(`<${CONTACT}>;expires=30`);
    expect(headerLine(answer, "To")).toBe(`<sip:alice@sip.test>;tag=${CTID}`);
  });

  test("is not held up by Max-Forwards 0, since it travels no further", () => {
    expect(decide({ register: { maxForwards: "0" }, bindings: known }).kind).toBe("absorb");
  });

  test("lists at least one second of what is about to expire, and nothing that has", () => {
    const bindings = [buildBinding(), other({ expiresAtMs: NOW_MS + 1 })];
    const { answer } = decideAs("absorb", { bindings });
    expect(headerLine(answer, "Contact")).toBe(`<${CONTACT}>;expires=60, <${OTHER}>;expires=1`);
    const gone = decideAs("absorb", { bindings: [buildBinding(), other({ expiresAtMs: NOW_MS })] });
    expect(headerLine(gone.answer, "Contact")).toBe(`<${CONTACT}>;expires=60`);
  });
});

describe("the worked example of the reference (section 1.4): outgoing 20, granted 9, e 4", () => {
  test.each([
    ["differs: with the margin of 2 s, forwarded again at t=4", 2, [0, 4]],
    ["differs: without a margin absorbed at t=5 too, forwarded at t=6", 0, [0, 6]],
  ])("%s", (_, upstreamMarginSec, expected) => {
    const policy = { minExpiresSec: 0, outgoingExpiresSec: 20, upstreamMarginSec };
    let binding: Binding | undefined;
    const forwarded: number[] = [];
    for (let second = 0; second <= expected.length + 4; second += 1) {
      const nowMs = NOW_MS + second * 1000;
      const register = { cseq: second + 1, contacts: [`<${CONTACT}>;expires=4`] };
      const bindings = binding === undefined ? [] : [binding];
      const decision = decide({ register, bindings, policy, nowMs });
      if (decision.kind === "forward") {
        forwarded.push(second);
        const upstream = { expiresAtMs: nowMs + 9000 };
        binding = buildBinding({ upstream, cseq: second + 1, expiresAtMs: nowMs + 4000 });
      } else if (decision.kind === "absorb" && binding !== undefined) {
        binding = { ...binding, ...decision.change?.touch[0] };
      }
    }
    expect(forwarded).toEqual(expected);
  });
});

function bound(ids: ReturnType<typeof buildInput>["ids"]): typeof ids {
  return {
    callId: () => ids.callId(),
    mac: (text) => ids.mac(text),
    seal: (text) => ids.seal(text),
    ctid: (aor, device) => ids.ctid(aor, device),
    fraction: () => ids.fraction(),
  };
}
