import { expect, test } from "vitest";
import { MAX_MERGED_REQUESTS, MERGE_MS } from "../../src/server/limits.ts";
import { MergedRequests } from "../../src/server/merged-requests.ts";
import { buildInvite } from "../support/call-messages.ts";
import { requestOf } from "../support/messages.ts";

const INVITE = requestOf(buildInvite({ uri: "sip:a@b" }));

test("a request is the same by Call-ID, From tag and CSeq, for one device, and for as long as it may live", () => {
  const merged = new MergedRequests();
  expect(merged.isRepeated(INVITE, "one", 0)).toBe(false);
  expect(merged.isRepeated(INVITE, "one", MERGE_MS)).toBe(true);
  expect(merged.isRepeated(INVITE, "two", 0)).toBe(false);
  expect(merged.isRepeated({ ...INVITE, callId: "other" }, "one", 0)).toBe(false);
  expect(merged.isRepeated({ ...INVITE, fromTag: "other" }, "one", 0)).toBe(false);
  expect(merged.isRepeated(INVITE, "one", MERGE_MS + 1)).toBe(false);
});

test("the oldest are forgotten first", () => {
  const merged = new MergedRequests();
  for (let n = 0; n <= MAX_MERGED_REQUESTS; n += 1) merged.isRepeated(INVITE, String(n), 0);
  expect(merged.isRepeated(INVITE, String(MAX_MERGED_REQUESTS), 0)).toBe(true);
  expect(merged.isRepeated(INVITE, "0", 0)).toBe(false);
});
