import { expect, test } from "vitest";
import { buildIsTrusted } from "../../src/cli/trusted-sources.ts";

test.each<[trusted: string, from: string, port: number]>([
  ["192.0.2.5", "192.0.2.5", 5060],
  ["192.0.2.5", "192.0.2.5", 40_000],
  ["192.0.2.5:5070", "192.0.2.5", 5070],
  ["192.0.2.0/24", "192.0.2.255", 1],
  ["192.0.2.77/32", "192.0.2.77", 1],
  ["0.0.0.0/0", "203.0.113.9", 1],
  ["2001:db8::5", "2001:db8::5", 5060],
  ["2001:0DB8:0:0::0005", "2001:db8::5", 5060],
  ["[2001:db8::5]", "2001:db8::5", 5060],
  ["[2001:db8::5]:5070", "2001:db8::5", 5070],
  ["[2001:0DB8:0:0:0:0:0:5]:5070", "2001:db8::5", 5070],
  ["[2001:DB8::5]:5070", "2001:db8::5", 5070],
  ["2001:db8::/32", "2001:db8:1::9", 1],
  ["fe80::1", "fe80::1%eth0", 5060],
  ["[fe80::1]:5060", "fe80::1%eth0", 5060],
])("%s means %s port %i", (trusted, from, port) => {
  expect(buildIsTrusted(["198.51.100.1", trusted])(from, port)).toBe(true);
});

test.each<[trusted: string, from: string, port: number]>([
  ["192.0.2.5", "192.0.2.6", 5060],
  ["192.0.2.5:5070", "192.0.2.5", 5071],
  ["192.0.2.5:5070", "192.0.2.50", 5070],
  ["192.0.2.0/24", "192.0.3.0", 1],
  ["[2001:db8::5]:5070", "2001:db8::5", 5060],
  ["[2001:db8::5]:5070", "2001:db8::6", 5070],
  ["2001:db8::5", "2001:db8::15", 1],
  ["2001:db8::/32", "2001:db9::1", 1],
  ["0.0.0.0/0", "2001:db8::1", 1],
  ["::/0", "192.0.2.1", 1],
  ["fe80::/10", "192.0.2.1", 1],
])("%s does not mean %s port %i", (trusted, from, port) => {
  expect(buildIsTrusted([trusted])(from, port)).toBe(false);
});

test("without an entry nobody is trusted", () => {
  const isTrusted = buildIsTrusted([]);
  expect([isTrusted("127.0.0.1", 5060), isTrusted("::1", 5060)]).toEqual([false, false]);
});
