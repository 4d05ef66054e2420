import { expect, test } from "vitest";
import type { RelayBranch } from "../../src/proxy/proxy-input.ts";
import { MAX_MERGED_REQUESTS, MERGE_AGAIN_MS, MERGE_MS } from "../../src/server/limits.ts";
import { MergedRequests } from "../../src/server/merged-requests.ts";
import type { SipRequest } from "../../src/sip/message.ts";
import { buildInvite } from "../support/call-messages.ts";
import { requestOf } from "../support/messages.ts";

const INVITE = requestOf(buildInvite({ uri: "sip:a@b" }));

function to(device: string | undefined): RelayBranch {
  return { text: "", nextHop: { kind: "flow", flow: "" }, device };
}

/** Whether a request to one device is a copy. */
function isCopy(merged: MergedRequests, request: SipRequest, device: string, nowMs = 0): boolean {
  const { first, groups } = merged.split(request, [[to(device)]], nowMs);
  expect(groups).toEqual([first === undefined ? [to(device)] : []]);
  return first !== undefined;
}

test("a request is the same by Call-ID, From tag and CSeq, for one device, and for as long as it may live", () => {
  const merged = new MergedRequests();
  expect(isCopy(merged, INVITE, "one")).toBe(false);
  expect(isCopy(merged, INVITE, "one", MERGE_MS)).toBe(true);
  expect(isCopy(merged, INVITE, "two")).toBe(false);
  expect(isCopy(merged, { ...INVITE, callId: "other" }, "one")).toBe(false);
  expect(isCopy(merged, { ...INVITE, fromTag: "other" }, "one")).toBe(false);
  expect(isCopy(merged, { ...INVITE, cseq: { ...INVITE.cseq, number: 9 } }, "one")).toBe(false);
  expect(isCopy(merged, INVITE, "one", MERGE_MS + 1)).toBe(false);
});

test("devices that have got a request are left out of it, and it goes on to the others", () => {
  const merged = new MergedRequests();
  merged.split(INVITE, [[to("one")], [to("two")]], 0);
  const { groups, first } = merged.split(
    INVITE,
    [
      [to("one"), to("three")],
      [to("two"), to(undefined)],
    ],
    0,
  );
  expect(groups).toEqual([[to("three")], [to(undefined)]]);
  expect(first).toBeUndefined();
});

test("those that cannot be told apart get everything", () => {
  const merged = new MergedRequests();
  for (const _ of [1, 2]) {
    const { groups, first, own } = merged.split(INVITE, [[to(undefined)]], 0);
    expect([groups, first, own]).toEqual([[[to(undefined)]], undefined, undefined]);
  }
});

test("what comes some time after a refusal is another attempt, but not after a success", () => {
  for (const [status, isAgain] of [
    [486, false],
    [200, true],
  ] as const) {
    const merged = new MergedRequests();
    merged.split(INVITE, [[to("one")]], 0).own?.end(status, "Said", 1000);
    expect(isCopy(merged, INVITE, "one", 1000 + MERGE_AGAIN_MS)).toBe(true);
    expect(isCopy(merged, INVITE, "one", 1001 + MERGE_AGAIN_MS)).toBe(isAgain);
  }
});

test("the oldest are forgotten first", () => {
  const merged = new MergedRequests();
  for (let n = 0; n <= MAX_MERGED_REQUESTS; n += 1) merged.split(INVITE, [[to(String(n))]], 0);
  expect(isCopy(merged, INVITE, String(MAX_MERGED_REQUESTS))).toBe(true);
  expect(isCopy(merged, INVITE, "0")).toBe(false);
});
