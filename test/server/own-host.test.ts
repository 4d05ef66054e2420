import { expect, test } from "vitest";
import { buildIsOwnHost } from "../../src/server/server-modules.ts";
import { memoryListener } from "../support/memory-network.ts";

const LISTENERS = [
  { ...memoryListener("192.0.2.1", 5060), sentBy: "public.test:6060" },
  memoryListener("2001:db8::1", 5080),
];

test.each<[string, number | undefined, boolean]>([
  ["192.0.2.1", undefined, true],
  ["192.0.2.1", 5060, true],
  ["192.0.2.1", 5061, false],
  ["192.0.2.2", 5060, false],
  // What others are told behind NAT, and other names.
  ["PUBLIC.test", 6060, true],
  ["public.test", 5060, false],
  ["Alias.Test", undefined, true],
  ["alias.test.", 5080, true],
  ["xalias.test", undefined, false],
  // RFC 5954 section 4.2: an address has many spellings.
  ["[2001:db8::1]", 5080, true],
  ["[2001:0DB8:0:0:0:0:0:1]", 5080, true],
  ["[2001:db8::0.0.0.1]", 5080, true],
  ["[2001:db8::1]", undefined, false],
  ["[2001:db8::2]", 5080, false],
  ["[::ffff:2001:db8::1]", 5080, false],
])("row 5: %s at port %s is midreg itself: %s", (host, port, expected) => {
  expect(buildIsOwnHost(LISTENERS, ["alias.test"])(host, port)).toBe(expected);
});
