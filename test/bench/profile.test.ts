import { expect, test } from "vitest";
import { summarizeProfile } from "./profile.ts";

const frame = (functionName: string, url = "", lineNumber = -1) => ({
  functionName,
  url,
  lineNumber,
});

const PROFILE = {
  nodes: [
    { id: 1, callFrame: frame("(idle)") },
    { id: 2, callFrame: frame("parse", "file:///opt/midreg/dist/sip/parse-message.js", 9) },
    { id: 3, callFrame: frame("parse", "file:///opt/midreg/dist/sip/parse-message.js", 9) },
    { id: 4, callFrame: frame("", "node:dgram", 41) },
  ],
  startTime: 1_000,
  samples: [2, 1, 3, 4, 2],
  timeDeltas: [100, 200, 300, 100, 5_000],
};

test("self time is added up by function, within the span, as a share of the busy time", () => {
  expect(summarizeProfile(PROFILE, { name: "storm", fromUs: 1_000, toUs: 2_000 })).toEqual({
    busyPercent: (100 * 500) / 700,
    top: [
      { name: "parse dist/sip/parse-message.js:10", percent: 80 },
      { name: "(anonymous) node:dgram:42", percent: 20 },
    ],
  });
});

test("a span in which the thread did nothing has no summary", () => {
  expect(summarizeProfile(PROFILE, { name: "quiet", fromUs: 1_150, toUs: 1_400 })).toBeUndefined();
  expect(summarizeProfile(PROFILE, { name: "later", fromUs: 9_000, toUs: 9_900 })).toBeUndefined();
});
