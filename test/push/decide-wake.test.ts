import { describe, expect, test } from "vitest";
import { serializePush } from "../../src/location/push-device.ts";
import { isAsleep, isMoreUrgent, purposeOf } from "../../src/push/decide-wake.ts";
import { buildBinding, NOW_MS } from "../registrar/fixtures.ts";

const PUSH = serializePush({ provider: "fcm", param: "project", prid: "token" });
const OPEN = "tls:192.0.2.1:5061<198.51.100.7:40000#open";
const CLOSED = "tls:192.0.2.1:5061<198.51.100.7:40000#closed";
const UDP = "udp:192.0.2.1:5060<198.51.100.7:40000";

const BINDING = buildBinding({
  push: PUSH,
  source: UDP,
  expiresAtMs: NOW_MS + 60_000,
  updatedAtMs: NOW_MS - 30_000,
});

function isOpen(flow: string): boolean {
  return flow !== CLOSED;
}

describe("a device", () => {
  test.each([
    ["that cannot be pushed to is awake", { push: "" }, 0, false],
    ["over UDP is asleep", {}, 0, true],
    ["with an open connection is awake", { source: OPEN }, 0, false],
    ["whose connection has ended is asleep", { source: CLOSED }, 0, true],
    [
      "whose proxy has an open connection is asleep",
      { source: OPEN, path: "<sip:edge;lr>" },
      0,
      true,
    ],
    ["that was heard within pn_skip_pn_interval is awake", {}, 30_001, false],
    ["that was heard before that is asleep", {}, 30_000, true],
    [
      "whose registration is over is asleep, whatever else",
      { source: OPEN, expiresAtMs: NOW_MS },
      60_000,
      true,
    ],
  ])("%s", (_, parts, skipMs, expected) => {
    expect(isAsleep({ ...BINDING, ...parts }, { nowMs: NOW_MS, skipMs, isOpen })).toBe(expected);
  });
});

describe("a request", () => {
  test.each([
    ["INVITE", "call"],
    ["MESSAGE", "message"],
    ["SUBSCRIBE", "request"],
    ["NOTIFY", "request"],
    ["BYE", "request"],
    ["OPTIONS", undefined],
    ["ACK", undefined],
    ["CANCEL", undefined],
    ["PRACK", undefined],
  ])("%s is pushed as %s", (method, purpose) => {
    expect(purposeOf(method)).toBe(purpose);
  });

  test.each([
    ["request", [true, false, false, false]],
    ["message", [true, true, false, false]],
    ["call", [true, true, true, false]],
  ] as const)(
    "%s is pushed again only where it is more urgent than what was pushed before",
    (now, expected) => {
      const befores = [undefined, "request", "message", "call"] as const;
      expect(befores.map((before) => isMoreUrgent(now, before))).toEqual(expected);
    },
  );
});
