import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RequestIdentity } from "../../src/transaction/transaction-key.ts";
import {
  ackKeys,
  cancelledKey,
  clientKey,
  isAckOf,
  serverKey,
} from "../../src/transaction/transaction-key.ts";

const invite: RequestIdentity = {
  method: "INVITE",
  uri: "sip:bob@example.com",
  branch: "z9hG4bKkjshdyff",
  sentBy: "pc33.example.com:5060",
  topVia: "SIP/2.0/UDP pc33.example.com:5060;branch=z9hG4bKkjshdyff",
  fromTag: "88sja8x",
  toTag: "",
  callId: "987asjd97y7atg",
  cseqNumber: 986_759,
};
/** The same from a client that knows RFC 2543 only. */
const oldInvite: RequestIdentity = {
  ...invite,
  branch: undefined,
  topVia: "SIP/2.0/UDP pc33.example.com:5060",
};

const text = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.string({ unit: fc.constantFrom("0", "1", " ", ":", "z9hG4bK", "\n"), maxLength: 6 }),
);
const identity: fc.Arbitrary<RequestIdentity> = fc.record({
  method: fc.oneof(text, fc.constantFrom("INVITE", "ACK", "CANCEL", "REGISTER", "2543")),
  uri: text,
  branch: fc.option(
    fc.oneof(
      text,
      text.map((rest) => `z9hG4bK${rest}`),
    ),
    { nil: undefined },
  ),
  sentBy: text,
  topVia: text,
  fromTag: text,
  toTag: text,
  callId: text,
  cseqNumber: fc.nat(12),
});

describe("a request with the cookie in its branch", () => {
  test("belongs to the transaction with its branch, sent-by and method, whatever else it bears", () => {
    const again = { ...oldInvite, branch: invite.branch, uri: "sip:x", toTag: "t", cseqNumber: 1 };
    expect(serverKey(again)).toBe(serverKey(invite));
  });

  test.each<[string, Partial<RequestIdentity>]>([
    ["branch", { branch: "z9hG4bKkjshdyfg" }],
    ["case of the branch after the cookie", { branch: "z9hG4bKKJSHDYFF" }],
    ["sent-by host", { sentBy: "pc34.example.com:5060" }],
    ["sent-by port", { sentBy: "pc33.example.com" }],
    ["method", { method: "CANCEL" }],
    ["case of the method", { method: "Invite" }],
  ])("belongs to another one when it differs in %s", (_, difference) => {
    expect(serverKey({ ...invite, ...difference })).not.toBe(serverKey(invite));
  });

  test("is an ACK of its INVITE, which needs no To tag to tell", () => {
    const ack = { ...invite, method: "ACK", toTag: "99sa0xk" };
    expect(serverKey(ack)).toBe(serverKey(invite));
    expect(ackKeys(ack)).toEqual([serverKey(invite)]);
    expect(isAckOf(ack, "another")).toBe(true);
  });

  test("cancels the INVITE with its branch and sent-by, in a transaction of its own", () => {
    const cancel = { ...invite, method: "CANCEL" };
    expect(cancelledKey(cancel)).toBe(serverKey(invite));
    expect(serverKey(cancel)).not.toBe(serverKey(invite));
  });

  test.each(["Z9HG4BKkjshdyff", "z9hg4bkkjshdyff"])(
    "has it in any case: with %s the rest of the message does not matter",
    (branch) => {
      const request = { ...invite, branch };
      expect(serverKey({ ...request, callId: "x" })).toBe(serverKey(request));
    },
  );
});

describe.each<[string, string | undefined]>([
  ["no branch", undefined],
  ["an empty branch", ""],
  ["a branch without the cookie", "1234567890"],
  ["a branch shorter than the cookie", "z9hG4b"],
  ["nothing behind the cookie", "z9hG4bK"],
])("a request with %s", (_, branch) => {
  const request = { ...oldInvite, branch };

  test.each(["INVITE", "REGISTER", "CANCEL"])("belongs to the %s that reads the same", (method) => {
    const original = { ...request, method };
    expect(serverKey({ ...original })).toBe(serverKey(original));
    expect(serverKey({ ...original, sentBy: "not looked at" })).toBe(serverKey(original));
  });

  test.each<[string, Partial<RequestIdentity>]>([
    ["method", { method: "OPTIONS" }],
    ["Request-URI", { uri: "sip:bob@example.net" }],
    ["To tag", { toTag: "99sa0xk" }],
    ["From tag", { fromTag: "" }],
    ["Call-ID", { callId: "987asjd97y7ath" }],
    ["CSeq number", { cseqNumber: 986_760 }],
    ["top Via", { topVia: "SIP/2.0/UDP pc33.example.com" }],
  ])("belongs to another one when it differs in %s", (_field, difference) => {
    expect(serverKey({ ...request, ...difference })).not.toBe(serverKey(request));
  });

  test("cancels the INVITE that reads the same but for the method", () => {
    expect(cancelledKey({ ...request, method: "CANCEL" })).toBe(serverKey(request));
  });

  test("is an ACK of a first INVITE when its To tag is that of the response", () => {
    const ack = { ...request, method: "ACK", toTag: "99sa0xk" };
    expect(ackKeys(ack)[0]).toBe(serverKey(request));
    expect(isAckOf(ack, "99sa0xk")).toBe(true);
    expect(isAckOf(ack, "of another response")).toBe(false);
  });

  test("is an ACK of an INVITE inside a dialog, which has the same To tag", () => {
    const reInvite = { ...request, toTag: "99sa0xk" };
    const ack = { ...reInvite, method: "ACK" };
    expect(ackKeys(ack)).toEqual([serverKey(request), serverKey(reInvite)]);
    expect(serverKey(ack)).toBe(serverKey(reInvite));
  });

  test("is an ACK of a response without a To tag when it has none", () => {
    const ack = { ...request, method: "ACK" };
    expect(ackKeys(ack)).toEqual([serverKey(request)]);
    expect(isAckOf(ack, "")).toBe(true);
    expect(isAckOf(ack, "99sa0xk")).toBe(false);
  });

  test.each<[string, Partial<RequestIdentity>]>([
    ["Request-URI", { uri: "sip:bob@example.net" }],
    ["From tag", { fromTag: "" }],
    ["Call-ID", { callId: "" }],
    ["CSeq number", { cseqNumber: 1 }],
    ["top Via", { topVia: "" }],
  ])("is not an ACK of an INVITE that differs in %s", (_field, difference) => {
    const ack = { ...request, method: "ACK", toTag: "99sa0xk", ...difference };
    expect(ackKeys(ack)).not.toContain(serverKey(request));
  });
});

/** Section 17.2.3 in its own words, as far as a key can obey it. */
function isMatch(one: RequestIdentity, other: RequestIdentity): boolean {
  const [[method, ...fields], [otherMethod, ...otherFields]] = [decisive(one), decisive(other)];
  if (method !== otherMethod || fields.length !== otherFields.length) return false;
  return fields.every((field, index) => field === otherFields[index]);
}

function decisive(request: RequestIdentity): (string | number)[] {
  const { branch = "", sentBy, uri, toTag, fromTag, callId, cseqNumber, topVia } = request;
  const method = request.method === "ACK" ? "INVITE" : request.method;
  if (/^z9hG4bK[^]/iu.test(branch)) return [method, branch, sentBy];
  return [method, uri, toTag, fromTag, callId, cseqNumber, topVia];
}

const FIELDS = Object.keys(invite) as (keyof RequestIdentity)[];

/** Two requests that differ in some fields at most. */
const relatives = fc
  .tuple(identity, identity, fc.subarray(FIELDS))
  .map(([one, other, changed]): [RequestIdentity, RequestIdentity] => {
    const differences = Object.fromEntries(changed.map((field) => [field, other[field]]));
    return [one, { ...one, ...(differences as Partial<RequestIdentity>) }];
  });

test("two requests have one key exactly if section 17.2.3 says they match, whatever bytes they hold", () => {
  fc.assert(
    fc.property(relatives, ([one, other]) => {
      expect(serverKey(one) === serverKey(other)).toBe(isMatch(one, other));
    }),
    { numRuns: 2000 },
  );
});

/** One text cut into as many parts in two ways: the other has some of the cuts further on. */
function cuts(parts: number): fc.Arbitrary<[string[], string[]]> {
  const whole = fc.string({ unit: fc.constantFrom("0", "1", " "), minLength: 4 });
  const cutAt = fc.array(fc.nat(10), { minLength: parts - 1, maxLength: parts - 1 });
  const moved = fc.subarray(Array.from({ length: parts - 1 }, (_, index) => index));
  return fc.tuple(whole, cutAt, moved, fc.nat(2)).map(([all, one, some, by]) => {
    const other = one.map((at, index) => (some.includes(index) ? at + by : at));
    return [split(all, one), split(all, other)];
  });
}

function split(all: string, cutAt: readonly number[]): string[] {
  const bounds = [0, ...cutAt.toSorted((a, b) => a - b), all.length];
  return bounds.slice(1).map((end, index) => all.slice(bounds[index], end));
}

const KEYS_OF_PARTS: [string, number, (parts: string[]) => string][] = [
  [
    "a request with the cookie",
    3,
    ([branch = "", sentBy = "", method = ""]) =>
      serverKey({ ...invite, branch: `z9hG4bK!${branch}`, sentBy, method }),
  ],
  [
    "a request without the cookie",
    6,
    ([uri = "", toTag = "", fromTag = "", callId = "", topVia = "", method = ""]) =>
      serverKey({ ...oldInvite, uri, toTag, fromTag, callId, topVia, method }),
  ],
  ["a response", 2, ([branch = "", cseqMethod = ""]) => clientKey({ branch, cseqMethod })],
];

test.each(KEYS_OF_PARTS)(
  "in %s a byte moved from one part to the next makes another key",
  (_, count, key) => {
    fc.assert(
      fc.property(cuts(count), ([one, other]) => {
        expect(key(one) === key(other)).toBe(one.join("|") === other.join("|"));
      }),
      { numRuns: 1000 },
    );
  },
);

describe("a response", () => {
  const register = { branch: "z9hG4bK1", cseqMethod: "REGISTER" };

  test("belongs to the request with its branch and method", () => {
    expect(clientKey({ ...register })).toBe(clientKey(register));
  });

  test("to a CANCEL does not belong to the INVITE with the same branch", () => {
    const cancel = { branch: "z9hG4bK1", cseqMethod: "CANCEL" };
    expect(clientKey(cancel)).not.toBe(clientKey({ ...cancel, cseqMethod: "INVITE" }));
  });

  test("without a branch belongs to none", () => {
    expect(clientKey({ branch: undefined, cseqMethod: "REGISTER" })).not.toBe(clientKey(register));
  });
});
