import { describe, expect, test } from "vitest";
import { isHost, isSameHost, parseIpv6 } from "../../src/sip/host.ts";

describe("IPv6 addresses", () => {
  test.each([
    ["2001:db8::9:1", [0x2001, 0xdb8, 0, 0, 0, 0, 9, 1]],
    ["1:2:3:4:5:6:7:8", [1, 2, 3, 4, 5, 6, 7, 8]],
    ["::", [0, 0, 0, 0, 0, 0, 0, 0]],
    ["::1", [0, 0, 0, 0, 0, 0, 0, 1]],
    ["fe80::", [0xfe80, 0, 0, 0, 0, 0, 0, 0]],
    ["1:2:3:4:5:6:7::", [1, 2, 3, 4, 5, 6, 7, 0]],
    ["::FFFF:192.0.2.128", [0, 0, 0, 0, 0, 0xffff, 0xc000, 0x280]],
    ["1:2:3:4:5:6:1.2.3.4", [1, 2, 3, 4, 5, 6, 0x102, 0x304]],
    // RFC 5118 section 4.10.
    ["2001:db8:::192.0.2.1", [0x2001, 0xdb8, 0, 0, 0, 0, 0xc000, 0x201]],
  ])("%s is read", (text, groups) => {
    expect(parseIpv6(text)).toEqual(groups);
    expect(isHost(`[${text}]`)).toBe(true);
  });

  test.each([
    "",
    ":",
    ":::",
    "1",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4::5:6:7:8",
    "1::2::3",
    "12345::",
    "g::",
    "1:::2",
    ":1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:",
    "::1.2.3",
    "::1.2.3.256",
    "::1.2.3.4:5",
    "1.2.3.4::",
    "1.2.3.4",
    "fe80::1%eth0",
    "fe80::1%25eth0",
    `::${"0".repeat(50)}`,
  ])("%j is refused", (text) => {
    expect(parseIpv6(text)).toBeUndefined();
    expect(isHost(`[${text}]`)).toBe(false);
  });
});

test.each([
  ["example.com", true],
  ["192.0.2.1", true],
  ["[2001:db8::1]", true],
  ["[2001:db8]", false],
  ["[:]", false],
])("what is in brackets has to be an address: %s %s", (host, expected) => {
  expect(isHost(host)).toBe(expected);
});

// The IPv6 pairs are those of RFC 5954 section 4.2.
test.each([
  ["AtLanTa.CoM", "atlanta.com", true],
  ["[::ffff:192.0.2.128]", "[::FFFF:c000:280]", true],
  ["[2001:db8::9:1]", "[2001:DB8::9:01]", true],
  ["[0:0:0:0:0:FFFF:129.144.52.38]", "[::ffff:129.144.52.38]", true],
  ["[2001:db8::1]", "2001:db8:0::1", true],
  ["[2001:db8::1]", "[2001:db8::2]", false],
  ["[2001:db8::1]", "2001:db8::x", false],
  ["2001:db8::x", "2001:db8::y", false],
  ["example.com", "example.com.", false],
  ["192.0.2.1", "[::ffff:192.0.2.1]", false],
])("%s and %s are the same host: %s", (left, right, expected) => {
  expect(isSameHost(left, right)).toBe(expected);
  expect(isSameHost(right, left)).toBe(expected);
});
