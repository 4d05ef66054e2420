import { describe, expect, test } from "vitest";
import { type ForwardReason, judgeContact } from "../../src/registrar/judge-contact.ts";
import {
  AOR_URI,
  type BindingParts,
  buildBinding,
  buildInput,
  CONTACT,
  CTID,
  type InputParts,
  NOW_MS,
  type RegisterParts,
  SOURCE,
} from "./fixtures.ts";

type Verdict = ForwardReason | "refresh" | "retransmission" | "old-cseq" | "proven-removal";

/** Judges the only contact of a request. */
function judge(parts: InputParts): Verdict {
  const input = buildInput(parts);
  const [asked] = input.ask.contacts;
  if (asked === undefined) throw new Error("No contact");
  return judgeContact(asked, input, 0).verdict;
}

function judgeKnown(binding: BindingParts, parts: InputParts = {}): Verdict {
  return judge({ bindings: [buildBinding(binding)], ...parts });
}

/** A binding that was refreshed so long ago, with that CSeq. */
function heard(cseq: number, agoMs: number): BindingParts {
  return { cseq, updatedAtMs: NOW_MS - agoMs };
}

/** An upstream registration that lasts so much longer. */
function lasting(ms: number): BindingParts {
  return { upstream: { expiresAtMs: NOW_MS + ms } };
}

const BOTH = ["proven", "open"] as const;

describe.each(BOTH)("contact throttling, auth.absorb %s (spec section 1.4)", (absorb) => {
  const policy = { absorb, minExpiresSec: 0 };

  test("N, as the reference: a contact of an unknown address-of-record is forwarded", () => {
    expect(judge({ policy })).toBe("new-aor");
  });

  test("C1, as the reference: a removal is forwarded, whether its contact is known or not", () => {
    const register = { contacts: [`<${CONTACT}>;expires=0`] };
    expect(judge({ policy, register })).toBe("removal");
    expect(judge({ policy, register, bindings: [buildBinding({ contact: "sip:x@h" })] })).toBe(
      "removal",
    );
    expect(judgeKnown({}, { policy, register })).toBe("removal");
    expect(judgeKnown({}, { policy, register: { contacts: [`<${CONTACT}>`], expires: "0" } })).toBe(
      "removal",
    );
  });

  test("C2, as the reference: an older CSeq of the same Call-ID is an error, even for a removal", () => {
    expect(judgeKnown(heard(3, 1000), { policy })).toBe("old-cseq");
    const register = { contacts: [`<${CONTACT}>;expires=0`] };
    expect(judgeKnown(heard(3, 1000), { policy, register })).toBe("old-cseq");
    expect(judgeKnown({ ...heard(3, 1000), expiresAtMs: NOW_MS }, { policy })).toBe("old-cseq");
  });

  test("C2, differs: CSeq 1 too low is an error too, not a retransmission (T27)", () => {
    expect(judgeKnown(heard(3, 0), { policy })).toBe("old-cseq");
  });

  test("C3, differs: it is the equal CSeq that is a retransmission, below cseq_delay (T27)", () => {
    expect(judgeKnown(heard(2, 0), { policy })).toBe("retransmission");
    expect(judgeKnown(heard(2, 19_999), { policy })).toBe("retransmission");
  });

  test("C3, differs: an equal CSeq after cseq_delay is forwarded, neither absorbed nor an error", () => {
    expect(judgeKnown(heard(2, 20_000), { policy })).toBe("repeated-cseq");
    expect(judgeKnown(heard(2, 0), { policy: { ...policy, cseqDelaySec: 0 } })).toBe(
      "repeated-cseq",
    );
  });

  test("C4, as the reference: an unknown contact of a known address-of-record is forwarded", () => {
    expect(judgeKnown({ contact: "sip:alice@203.0.113.9" }, { policy })).toBe("new-contact");
  });

  test("C5, as the reference: without knowledge of the upstream registration it is forwarded", () => {
    expect(judgeKnown(lasting(0), { policy })).toBe("upstream-expiring");
    expect(judgeKnown({}, { policy, doubted: [CTID] })).toBe("upstream-doubtful");
    expect(judgeKnown({}, { policy, doubted: ["other"] })).toBe("refresh");
  });

  test.each<[string, number, number, number, Verdict]>([
    [
      "differs: absorbed while upstream outlives it by the margin exactly",
      60,
      62_000,
      2,
      "refresh",
    ],
    ["differs: forwarded one millisecond below the margin", 60, 61_999, 2, "upstream-expiring"],
    [
      "differs: absorbed at remaining = e without a margin, where the reference forwards",
      4,
      4000,
      0,
      "refresh",
    ],
    ["as the reference: forwarded at remaining < e", 4, 3999, 0, "upstream-expiring"],
    [
      "as the reference: e=25 of a grant of 20 is always forwarded",
      25,
      20_000,
      2,
      "upstream-expiring",
    ],
    [
      "as the reference: e=3600 of a grant of 3600 is never absorbed (T23)",
      3600,
      3_600_000,
      2,
      "upstream-expiring",
    ],
    ["as the reference: remaining > e is absorbed (C7)", 60, 3_600_000, 2, "refresh"],
  ])("C6, %s", (_, expires, remainingMs, ...[upstreamMarginSec, verdict]) => {
    const register = { contacts: [`<${CONTACT}>;expires=${expires}`] };
    const given = { ...policy, upstreamMarginSec };
    expect(judgeKnown(lasting(remainingMs), { policy: given, register })).toBe(verdict);
  });

  test("C6, differs: the lifetime is compared as it will be granted, its random part included (T3)", () => {
    const input = buildInput({
      policy: { ...policy, expiresMaxDeviationSec: 10 },
      bindings: [buildBinding(lasting(62_000))],
    });
    const [asked] = input.ask.contacts;
    if (asked === undefined) throw new Error("No contact");
    const judgeAt = (fraction: number): ReturnType<typeof judgeContact> =>
      judgeContact(asked, input, fraction);
    expect(judgeAt(0)).toMatchObject({ verdict: "refresh", lifetimeSec: 50 });
    expect(judgeAt(0.5)).toMatchObject({ verdict: "refresh", lifetimeSec: 60 });
    expect(judgeAt(0.53)).toMatchObject({ verdict: "upstream-expiring", lifetimeSec: 61 });
  });

  test("C7, differs: an expired binding is no binding, though it has not been swept yet", () => {
    expect(judgeKnown({ expiresAtMs: NOW_MS }, { policy })).toBe("expired");
    expect(judgeKnown({ expiresAtMs: NOW_MS + 1 }, { policy })).toBe("refresh");
  });
});

describe("what a refresh may change and still be absorbed (spec row C7)", () => {
  const path = { headers: ["Path: <sip:edge.test;lr>"] };
  test.each<[string, InputParts, ForwardReason]>([
    ["another source port", { source: `${SOURCE}1` }, "changed-source"],
    [
      "another source address",
      { source: "udp:192.0.2.1:5060<203.0.113.66:40000" },
      "changed-source",
    ],
    ["another listener", { source: "udp:192.0.2.2:5060<198.51.100.7:40000" }, "changed-source"],
    ["another Call-ID", { register: { callId: "other" } }, "changed-call-id"],
    [
      "a lower CSeq of another Call-ID",
      { register: { callId: "other", cseq: 0 } },
      "changed-call-id",
    ],
    ["a Path that was not there", { register: path }, "changed-path"],
    ["another spelling of its contact", { register: contact(";rinstance=1") }, "changed-contact"],
    ["a contact parameter", { register: contact("", ";methods=INVITE") }, "changed-contact"],
    ["an instance", { register: contact("", ';+sip.instance="<urn:x>"') }, "changed-contact"],
    ["a preference", { register: contact("", ";q=0.5") }, "changed-contact"],
  ])(
    "%s: open absorbs it as the reference does; differs: proven forwards it (T1)",
    (_, parts, reason) => {
      expect(judgeKnown({}, { ...parts, policy: { absorb: "open" } })).toBe("refresh");
      expect(judgeKnown({}, parts)).toBe(reason);
    },
  );

  test.each<[string, RegisterParts]>([
    ["User-Agent", { headers: ["User-Agent: other"] }],
    ["Allow", { headers: ["Allow: INVITE"] }],
    ["credentials", { headers: ["Authorization: Digest response=x"] }],
    ["From", { from: `"Alice" <${AOR_URI}>;tag=other` }],
    ["a shorter lifetime", contact("", ";expires=30")],
    ["a longer lifetime", contact("", ";expires=600")],
    ["a CSeq that leaps", { cseq: 2_147_483_647 }],
    ["a CSeq after 1000 lost ones", { cseq: 1001 }],
  ])("%s: absorbed either way, as the reference", (_, register) => {
    expect(judgeKnown({}, { register })).toBe("refresh");
    expect(judgeKnown({}, { register, policy: { absorb: "open" } })).toBe("refresh");
  });

  test("a Path that is gone is a change", () => {
    expect(judgeKnown({ path: "<sip:edge.test;lr>" })).toBe("changed-path");
    expect(judgeKnown({ path: "<sip:edge.test;lr>" }, { register: path })).toBe("refresh");
  });

  test("a push token that appears makes another device of it (RFC 8599 section 5.3)", () => {
    expect(judgeKnown({}, { register: contact(";pn-prid=x") })).toBe("new-contact");
  });
});

function contact(uriParams: string, params = ""): RegisterParts {
  return { contacts: [`<${CONTACT}${uriParams}>${params || ";expires=60"}`], expires: "60" };
}
