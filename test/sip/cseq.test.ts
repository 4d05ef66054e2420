import { expect, test } from "vitest";
import { parseCSeq } from "../../src/sip/cseq.ts";

test.each([
  ["1 INVITE", 1, "INVITE"],
  ["0 REGISTER", 0, "REGISTER"],
  ["0009 \t INVITE", 9, "INVITE"],
  ["2147483647 BYE", 2_147_483_647, "BYE"],
  ["12 RE%47IST%45R", 12, "RE%47IST%45R"],
])("%j is read", (value, number, method) => {
  expect(parseCSeq(value)).toEqual({ number, method });
});

test.each([
  "",
  "1",
  "INVITE",
  " INVITE",
  "1INVITE",
  "-1 INVITE",
  "1.5 INVITE",
  "2147483648 INVITE",
  "4294967296 INVITE",
  "36893488147419103232 REGISTER",
  "1 INVITE x",
  "1 INV ITE",
  "1 INV@TE",
  "1 ",
])("%j is malformed", (value) => {
  expect(parseCSeq(value)).toBeUndefined();
});
