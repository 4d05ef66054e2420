import { describe, expect, test } from "vitest";
import type { Binding } from "../../src/location/binding.ts";
import { retryAfterLine } from "../../src/registrar/register-answer.ts";
import { headerLine, headerLines, message, statusOf } from "../support/messages.ts";
import {
  buildBinding,
  CONTACT,
  CTID,
  decide,
  decideAs,
  type InputParts,
  NOW_MS,
} from "./fixtures.ts";

const OTHER = "sip:alice@203.0.113.9:5062";

function other(parts: Partial<Binding> = {}): Binding {
  return buildBinding({ ctid: "00000000000000ff", contact: OTHER, callId: "other", ...parts });
}

const known = [buildBinding()];

describe("several contacts (T30)", () => {
  const both = [`<${CONTACT}>;expires=60`, `<${OTHER}>;expires=60`];
  const bindings = [buildBinding(), other({ callId: "phone-call-id" })];

  test("all refreshed are one change and one answer", () => {
    const { change, answer } = decideAs("absorb", { register: { contacts: both }, bindings });
    expect(change?.touch.map(({ ctid }) => ctid)).toEqual([CTID, "00000000000000ff"]);
    expect(headerLine(answer, "Contact")).toBe(`${both[0]}, ${both[1]}`);
  });

  test.each<[string, InputParts, string]>([
    ["unknown", { bindings: [buildBinding()] }, "new-contact"],
    [
      "to be removed",
      { bindings, register: { contacts: [both[0] ?? "", `<${OTHER}>;expires=0`] } },
      "removal",
    ],
    [
      "expiring upstream",
      {
        bindings: [
          buildBinding(),
          other({
            callId: "phone-call-id",
            upstream: buildBinding({ upstream: { expiresAtMs: NOW_MS } }).upstream,
          }),
        ],
      },
      "upstream-expiring",
    ],
    ["of another Call-ID", { bindings: [buildBinding(), other()] }, "changed-call-id"],
  ])(
    "one that is %s takes all along, as the reference; differs: nothing is committed before (T7)",
    (_, parts, reason) => {
      const decision = decideAs("forward", { register: { contacts: both }, ...parts });
      expect(decision.reason).toBe(reason);
      expect(decision.forward.contacts).toHaveLength(2);
      expect(decision).not.toHaveProperty("change");
    },
  );

  test("one with an older CSeq refuses them all, wherever it stands", () => {
    const old = [buildBinding(), other({ callId: "phone-call-id", cseq: 3 })];
    for (const contacts of [both, both.toReversed()]) {
      const decision = decideAs("reject", { register: { contacts }, bindings: old });
      expect(decision).toMatchObject({ reason: "old-cseq", status: 400 });
    }
  });

  test("a retransmission beside a refresh is left as it is", () => {
    const mixed = [
      buildBinding(),
      other({ callId: "phone-call-id", cseq: 2, updatedAtMs: NOW_MS }),
    ];
    const { reason, change } = decideAs("absorb", {
      register: { contacts: both },
      bindings: mixed,
    });
    expect(reason).toBe("refresh");
    expect(change?.touch.map(({ ctid }) => ctid)).toEqual([CTID]);
  });

  test("two that are equal to the same binding are one, and the last counts", () => {
    const contacts = [`<${CONTACT};a=1>;expires=60`, `<${CONTACT};a=2>;expires=90`];
    const { forward } = decideAs("forward", { register: { contacts }, bindings: known });
    expect(forward.contacts).toMatchObject([
      { ctid: CTID, asked: { uri: `${CONTACT};a=2`, lifetimeSec: 90 } },
    ]);
    expect(headerLine(forward.text, "Contact").split(", ")).toHaveLength(1);
  });
});

describe("limits are checked before anything is forwarded (T8)", () => {
  const policy = { maxContacts: 2 };
  const two = [buildBinding(), other()];
  const third = "<sip:alice@192.0.2.77>;expires=60";
  test.each<[string, InputParts, string]>([
    ["a third contact", { bindings: two, register: { contacts: [third] } }, "too-many-contacts"],
    [
      "a second and a third at once",
      { bindings: [buildBinding()], register: { contacts: [third, `<${OTHER}>`] } },
      "too-many-contacts",
    ],
    [
      "three for a new address-of-record",
      { register: { contacts: [third, `<${OTHER}>`, `<${CONTACT}>`] } },
      "too-many-contacts",
    ],
    ["a refresh at the limit", { bindings: two }, "refresh"],
    [
      "the second of two",
      { bindings: [buildBinding()], register: { contacts: [third] } },
      "new-contact",
    ],
    [
      "a third in exchange for one",
      { bindings: two, register: { contacts: [third, `<${OTHER}>;expires=0`] } },
      "new-contact",
    ],
    [
      "a third in exchange for one that was never there",
      { bindings: two, register: { contacts: [third, "<sip:never@h>;expires=0"] } },
      "too-many-contacts",
    ],
    [
      "a third when one has expired",
      {
        bindings: [buildBinding(), other({ expiresAtMs: NOW_MS })],
        register: { contacts: [third] },
      },
      "new-contact",
    ],
    [
      "an expired one that comes back over the limit",
      {
        bindings: [
          ...two,
          buildBinding({ ctid: "9", contact: "sip:alice@192.0.2.77", expiresAtMs: NOW_MS }),
        ],
        register: { contacts: [third] },
      },
      "too-many-contacts",
    ],
    [
      "a third in exchange for one that had expired",
      {
        bindings: [...two, buildBinding({ ctid: "9", contact: "sip:x@h", expiresAtMs: NOW_MS })],
        register: { contacts: [third, "<sip:x@h>;expires=0"] },
      },
      "too-many-contacts",
    ],
    [
      "a removal over the limit",
      {
        bindings: [...two, buildBinding({ ctid: "9", contact: "sip:x@h" })],
        register: { contacts: ["<sip:x@h>;expires=0"] },
      },
      "removal",
    ],
    [
      "a refresh over the limit",
      { bindings: [...two, buildBinding({ ctid: "9", contact: "sip:x@h" })] },
      "refresh",
    ],
  ])("max_contacts 2: %s", (_, parts, reason) => {
    expect(decide({ policy, ...parts })).toMatchObject({ reason });
  });

  test("max_contacts 0 is no limit", () => {
    const bindings = Array.from({ length: 50 }, (_, at) =>
      buildBinding({ ctid: String(at), contact: `sip:alice@h${at}` }),
    );
    expect(decide({ bindings })).toMatchObject({ kind: "forward", reason: "new-contact" });
  });

  test.each([
    [
      "503 with Retry-After where retry_after is set",
      7,
      { bindings: two, register: { contacts: [third] } },
      503,
      "9",
    ],
    [
      "503 without it where it is not",
      0,
      { bindings: two, register: { contacts: [third] } },
      503,
      "",
    ],
    ["400 without it", 7, { bindings: [buildBinding({ cseq: 3 })] }, 400, ""],
  ])("a refusal is a %s", (_, retryAfterSec, parts, ...[status, retryAfter]) => {
    const decision = decideAs("reject", { policy: { ...policy, retryAfterSec }, ...parts });
    expect([decision.status, statusOf(decision.answer)]).toEqual([status, status]);
    expect(headerLine(decision.answer, "Retry-After")).toBe(retryAfter);
    expect(headerLines(decision.answer, "Contact")).toEqual([]);
  });

  test("T2: a refusal has the same tag each time and nothing of anybody's bindings", () => {
    const parts: InputParts = { bindings: [buildBinding({ cseq: 3 })], dateLine: "Date: x\r\n" };
    const { answer } = decideAs("reject", parts);
    expect(decideAs("reject", parts).answer).toBe(answer);
    expect(answer.replace(/;tag=[\w-]{14}\r/u, ";tag=T\r")).toBe(
      message(
        "SIP/2.0 400 CSeq out of order",
        "Via: SIP/2.0/UDP 198.51.100.7:40000;branch=z9hG4bK-phone",
        "From: <sip:alice@sip.test>;tag=phone",
        "To: <sip:alice@sip.test>;tag=T",
        "Call-ID: phone-call-id",
        "CSeq: 2 REGISTER",
        "Content-Length: 0",
      ),
    );
  });

  test.each(["0", "00", "000"])(
    "Max-Forwards %s ends what would be forwarded with 483",
    (maxForwards) => {
      expect(decide({ register: { maxForwards } })).toMatchObject({
        kind: "reject",
        reason: "too-many-hops",
        status: 483,
      });
    },
  );
});

describe("a forwarded REGISTER is proven", () => {
  test.each<[string, InputParts, boolean]>([
    ["from the flow of a binding, with its Call-ID", { bindings: known }, true],
    ["when only another of its contacts proves it", { bindings: [other(), buildBinding()] }, true],
    ["not from elsewhere", { bindings: known, source: "x" }, false],
    ["not for an unknown address-of-record", {}, false],
    ["always where no proof is asked for", { policy: { absorb: "open" } }, true],
  ])("%s", (_, parts, isProven) => {
    const register = { contacts: [`<${CONTACT}>;expires=0`] };
    expect(decideAs("forward", { register, ...parts }).forward.isProven).toBe(isProven);
  });
});

test.each([
  [0, 0, ""],
  [0, 0.99, ""],
  [1, 0.99, "1"],
  [60, 0, "60"],
  [60, 0.5, "75"],
  [60, 0.999, "90"],
])(
  "a retry_after of %s is spread by half at most: at %s it is %j",
  (retryAfterSec, fraction, expected) => {
    const line = retryAfterLine({ retryAfterSec }, fraction);
    expect(line).toBe(expected === "" ? "" : `Retry-After: ${expected}\r\n`);
  },
);
