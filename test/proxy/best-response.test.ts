import { describe, expect, test } from "vitest";
import { bestResponse } from "../../src/proxy/best-response.ts";

function best(...statuses: number[]): number | undefined {
  return bestResponse(statuses.map((status) => ({ status })))?.status;
}

describe("of several final responses the best one (RFC 3261 section 16.7 step 6)", () => {
  test.each([
    ["a 6xx before everything", [486, 302, 603, 500], 603],
    ["else the lowest class", [500, 486, 302], 302],
    ["a 4xx before a 5xx", [503, 480], 480],
    ["a challenge before a refusal", [486, 401], 401],
    ["what helps before what does not", [403, 484, 486], 484],
    ["busy before away", [480, 486], 486],
    ["busy before silent", [408, 486], 486],
    ["away before silent", [408, 480], 480],
    ["silent before cancelled", [487, 408], 408],
    ["anything before a dead flow, but silence", [408, 430, 404], 404],
    ["a dead flow before silent", [408, 430], 430],
    ["any 5xx before a 503", [503, 504], 504],
    ["a 503 when there is nothing else", [503], 503],
    ["the first of equals", [603, 600], 603],
  ])("is %s", (_, statuses, expected) => {
    expect(best(...statuses)).toBe(expected);
  });

  test("is none when there are none", () => {
    expect(best()).toBeUndefined();
  });
});
