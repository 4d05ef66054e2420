import { expect, test } from "vitest";
import { mayRegister, realmOf, usernamesFor } from "../../src/auth/usernames.ts";

test.each([
  ["sip:alice@Sip.Test:5070;x=y", ["alice", "alice@sip.test"]],
  ["sips:%61lice@sip.test", ["alice", "alice@sip.test"]],
  ["sip:sip.test", []],
  ["tel:+123", []],
  ["no uri", []],
])("%s may be registered by %j", (uri, names) => {
  expect(usernamesFor(uri)).toEqual(names);
});

test.each([
  ["alice", "sip:alice@sip.test", true],
  ["alice@sip.test", "sip:alice@sip.test", true],
  ["alice@SIP.test", "sip:alice@sip.test", true],
  ["bob", "sip:alice@sip.test", false],
  ["alice@other.test", "sip:alice@sip.test", false],
  ["Alice", "sip:alice@sip.test", false],
  ["sip.test", "sip:sip.test", false],
  ["", "sip:sip.test", false],
])("%s registers %s: %s", (username, uri, isAllowed) => {
  expect(mayRegister(username, uri, true)).toBe(isAllowed);
});

test("case does not count where addresses-of-record are compared without it", () => {
  expect(mayRegister("Alice", "sip:aLICE@sip.test", false)).toBe(true);
  expect(mayRegister("Alices", "sip:aLICE@sip.test", false)).toBe(false);
});

test("the realm of a domain is its name in lower case", () => {
  expect(realmOf("sip:alice@SIP.test:5070")).toBe("sip.test");
  expect(realmOf("no uri")).toBe("");
});
