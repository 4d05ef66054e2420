import { describe, expect, test } from "vitest";
import { canonicalAor } from "../../src/location/address-of-record.ts";
import { POLICY } from "../support/world.ts";

const { aor: policy } = POLICY;

describe("the address-of-record of a To URI (spec row 7.1)", () => {
  test.each([
    [
      "host in lower case, user with its case, as the reference",
      "sip:R13@EXAMPLE.com",
      "R13@example.com",
    ],
    [
      "port, parameters and headers left out, as the reference",
      "sip:alice@example.com:5070;transport=tcp?a=b",
      "alice@example.com",
    ],
    ["scheme left out, as the reference", "sips:alice@example.com", "alice@example.com"],
    ["password left out", "sip:alice:secret@example.com", "alice@example.com"],
    ["escapes undone, as the reference", "sip:a%2fb%20c@example.com", "a/b c@example.com"],
    ["T16: escapes undone once only", "sip:a%2540b@example.com", "a%40b@example.com"],
    ["T16: an escaped @ in the user", "sip:a%40b@example.com", "a@b@example.com"],
    [
      "T16: semicolon, slash and question mark in the user",
      "sip:a;b/c?d@example.com",
      "a;b/c?d@example.com",
    ],
    ["T16: IPv6 literal as host", "sip:alice@[2001:DB8::1]:5062", "alice@[2001:db8::1]"],
  ])("%s", (_, uri, aor) => {
    expect(canonicalAor(uri, policy)).toBe(aor);
  });

  test.each([
    ["no user, as the reference", "sip:example.com", "Address-of-record without a user"],
    ["nothing before the @", "sip:@example.com", "Malformed address-of-record"],
    [
      "a byte beyond ASCII after unescaping, as the reference",
      "sip:caf%C3%A9@example.com",
      "Malformed address-of-record",
    ],
    ["T16: a raw byte beyond ASCII", "sip:caf\xe9@example.com", "Malformed address-of-record"],
    ["an escaped line break", "sip:a%0d%0ab@example.com", "Malformed address-of-record"],
    ["an escaped zero", "sip:a%00@example.com", "Malformed address-of-record"],
    ["an escaped DEL", "sip:a%7f@example.com", "Malformed address-of-record"],
    ["another scheme", "tel:+4930123456", "Malformed address-of-record"],
    ["no URI at all", "alice", "Malformed address-of-record"],
    ["a port beyond 65535", "sip:alice@example.com:65536", "Malformed address-of-record"],
  ])("is refused for %s", (_, uri, reason) => {
    expect(canonicalAor(uri, policy)).toEqual({ status: 400, reason });
  });

  test("is the user alone without use_domain, as the reference", () => {
    expect(canonicalAor("sip:Alice@example.com", { ...policy, useDomain: false })).toBe("Alice");
  });

  test("is in lower case altogether without case_sensitive, as the reference", () => {
    const given = { ...policy, caseSensitive: false };
    expect(canonicalAor("sip:%41lice@Example.com", given)).toBe("alice@example.com");
  });

  test.each([
    ["is taken off the host, as the reference", "sip:alice@sip.example.com", "alice@example.com"],
    [
      "is taken off in any case; differs: hosts have none",
      "sip:alice@SIP.example.com",
      "alice@example.com",
    ],
    ["stays where the host is nothing else, as the reference", "sip:alice@sip.", "alice@sip."],
    ["stays inside a host", "sip:alice@a.sip.example.com", "alice@a.sip.example.com"],
  ])("realm_prefix %s", (_, uri, aor) => {
    expect(canonicalAor(uri, { ...policy, realmPrefix: "sip." })).toBe(aor);
  });

  test.each([
    ["user of 64 bytes", `sip:${"u".repeat(64)}@h`, `${"u".repeat(64)}@h`],
    [
      "user of 64 bytes once its escapes are undone",
      `sip:${"%75".repeat(64)}@h`,
      `${"u".repeat(64)}@h`,
    ],
    ["user of 65 bytes", `sip:${"u".repeat(65)}@h`, { status: 400, reason: "User part too long" }],
    ["domain of 64 bytes", `sip:u@${"h".repeat(64)}`, `u@${"h".repeat(64)}`],
    ["domain of 65 bytes", `sip:u@${"h".repeat(65)}`, { status: 400, reason: "Domain too long" }],
  ])("limits: %s", (_, uri, result) => {
    expect(canonicalAor(uri, policy)).toEqual(result);
  });

  test.each([
    [9, { status: 400, reason: "Address-of-record too long" }],
    [10, "abc@de.fgh"],
  ])("limits: 10 bytes in all where %i are allowed; differs: not a 500", (maxAorLength, result) => {
    expect(canonicalAor("sip:abc@de.fgh", { ...policy, maxAorLength })).toEqual(result);
  });
});
