import { assert, nat, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { addressGroups, isInNetwork, parseNetwork } from "../../src/location/network.ts";

function isIn(address: string, source: string): boolean {
  const groups = addressGroups(address);
  const network = parseNetwork(source);
  if (groups === undefined || network === undefined) throw new Error("Malformed");
  return isInNetwork(groups, network);
}

/** A number of 32 bits as an IPv4 address. */
function bytes(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join(".");
}

describe("an address is in a network", () => {
  test.each([
    ["10.1.2.3", "10.0.0.0/8", true],
    ["11.1.2.3", "10.0.0.0/8", false],
    ["10.0.0.255", "10.0.0.128/25", true],
    ["10.0.0.127", "10.0.0.128/25", false],
    ["192.0.2.7", "192.0.2.7", true],
    ["192.0.2.8", "192.0.2.7", false],
    ["192.0.2.7", "192.0.2.6/31", true],
    ["203.0.113.9", "0.0.0.0/0", true],
    ["10.1.2.3", "10.200.0.0/9", false],
    ["2001:db8::1", "2001:db8::/32", true],
    ["2001:db9::1", "2001:db8::/32", false],
    ["2001:DB8:0:0:ff::1", "2001:db8::/64", true],
    ["2001:db8:0:1::1", "2001:db8::/63", true],
    ["2001:db8:0:2::1", "2001:db8::/63", false],
    ["::1", "::1", true],
    ["::2", "::1", false],
    ["fe80::1%eth0", "fe80::/10", true],
    ["10.1.2.3", "::/0", false],
    ["2001:db8::1", "0.0.0.0/0", false],
    ["::ffff:10.1.2.3", "10.0.0.0/8", true],
  ])("%s in %s: %s", (address, source, expected) => {
    expect(isIn(address, source)).toBe(expected);
  });

  test("exactly when their first bits are the same", () => {
    assert(
      property(nat(0xff_ff_ff_ff), nat(0xff_ff_ff_ff), nat(32), (one, other, bits) => {
        const first = (number: number): string =>
          number.toString(2).padStart(32, "0").slice(0, bits);
        expect(isIn(bytes(one), `${bytes(other)}/${bits}`)).toBe(first(one) === first(other));
      }),
    );
  });
});

test.each(["", "10.0.0.0/33", "::/129", "10.0.0", "256.0.0.1", "example.com", "1::2::3", "/8"])(
  "%j is no network",
  (source) => {
    expect(parseNetwork(source)).toBeUndefined();
  },
);
