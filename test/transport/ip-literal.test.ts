import * as fc from "fast-check";
import { expect, test } from "vitest";
import { bracketHost, ipOctets, isWildcard } from "../../src/transport/ip-literal.ts";

test.each([
  ["192.0.2.255", "c00002ff"],
  ["0.0.0.0", "00000000"],
  ["::", "00000000000000000000000000000000"],
  ["::1", "00000000000000000000000000000001"],
  ["2001:db8::", "20010db8000000000000000000000000"],
  ["2001:DB8:1234:5678:11:2233:4455:6677", "20010db8123456780011223344556677"],
  ["1:2:3:4:5:6:7::", "00010002000300040005000600070000"],
  ["::ffff:192.0.2.1", "00000000000000000000ffffc0000201"],
  ["64:ff9b::192.0.2.33", "0064ff9b0000000000000000c0000221"],
  ["fe80::1%lo", "fe800000000000000000000000000001"],
])("the octets of %s are %s", (literal, hex) => {
  expect(ipOctets(literal)?.toString("hex")).toBe(hex);
});

test.each(["", "example.test", "1.2.3", "[::1]", "1::2::3", "256.0.0.1", "12345::"])(
  "%s has no octets",
  (text) => {
    expect(ipOctets(text)).toBeUndefined();
  },
);

test("an IPv6 literal always has 16 octets, an IPv4 literal 4", () => {
  fc.assert(
    fc.property(fc.ipV6(), fc.ipV4(), (long, short) => {
      expect(ipOctets(long)).toHaveLength(16);
      expect(ipOctets(short)).toHaveLength(4);
    }),
  );
});

test.each([
  ["::1", "[::1]"],
  ["[::1]", "[::1]"],
  ["192.0.2.1", "192.0.2.1"],
  ["example.test", "example.test"],
])("as host of a URI %s is %s", (host, expected) => {
  expect(bracketHost(host)).toBe(expected);
});

test.each([
  ["0.0.0.0", true],
  ["::", true],
  ["0:0:0:0:0:0:0:0", true],
  ["127.0.0.1", false],
  ["::1", false],
  ["example.test", false],
])("%s means every address: %s", (address, expected) => {
  expect(isWildcard(address)).toBe(expected);
});
