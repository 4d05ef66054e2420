import { describe, expect, test } from "vitest";
import type { Binding } from "../../src/location/binding.ts";
import type { PingHealth } from "../../src/location/ping-health.ts";
import {
  isBehindNat,
  isMassLoss,
  isPong,
  type PingPolicy,
  wantsPing,
} from "../../src/registrar/decide-ping.ts";
import { PINGS } from "../support/world.ts";
import { buildBinding, NOW_MS } from "./fixtures.ts";

const INTERVAL_MS = 30_000;
const POLICY: PingPolicy = { ...PINGS.policy, intervalMs: INTERVAL_MS };
const UDP = "udp:192.0.2.1:5060<198.51.100.7:40000";
const TLS = "tls:192.0.2.1:5061<198.51.100.7:40000#a.1";

/** A device that has not been heard for a while. */
function quiet(parts: Partial<Binding> = {}): Binding {
  const updatedAtMs = NOW_MS - INTERVAL_MS;
  return buildBinding({ source: UDP, updatedAtMs, expiresAtMs: NOW_MS + 600_000, ...parts });
}

const rows: ReadonlyArray<
  readonly [what: string, binding: Partial<Binding>, policy: Partial<PingPolicy>, isPinged: boolean]
> = [
  ["a device that is quiet", {}, {}, true],
  ["one that has refreshed within the interval", { updatedAtMs: NOW_MS - 29_999 }, {}, false],
  ["that one, if always", { updatedAtMs: NOW_MS - 29_999 }, { choice: "always" }, true],
  ["one whose lifetime is over", { expiresAtMs: NOW_MS }, { choice: "always" }, false],
  ["one that is never to be pinged", {}, { choice: "never" }, false],
  ["one that sleeps until it is woken", { push: "fcm p t" }, {}, false],
  ["that one, if always", { push: "fcm p t" }, { choice: "always" }, true],
  ["one on a connection", { source: TLS }, {}, false],
  ["that one, with natping_tcp", { source: TLS }, { overConnections: true }, true],
  ["one not behind NAT", { contact: "sip:a@198.51.100.7:40000" }, { natedOnly: true }, false],
  ["one behind NAT", { contact: "sip:a@10.0.0.7:5060" }, { natedOnly: true }, true],
];

test.each(rows)("%s is pinged or not: %o", (_what, parts, policy, isPinged) => {
  const all = { ...POLICY, ...policy };
  const situation = { choice: all.choice, health: undefined, nowMs: NOW_MS };
  expect(wantsPing(quiet(parts), all, situation)).toBe(isPinged);
});

/** What is known of a device that was pinged so long ago. */
const pinged = (agoMs: number): PingHealth => ({
  flow: UDP,
  pingedAtMs: NOW_MS - agoMs,
  answeredAtMs: undefined,
  latencyMs: undefined,
  lost: 0,
});

test("a device that the walk comes by twice in a row is pinged once", () => {
  const wants = [INTERVAL_MS / 2 - 1, INTERVAL_MS / 2].map((agoMs) =>
    wantsPing(quiet(), POLICY, { choice: "always", health: pinged(agoMs), nowMs: NOW_MS }),
  );
  expect(wants).toEqual([false, true]);
});

test.each([
  ["sip:a@198.51.100.7:40000", UDP, false],
  ["sip:a@198.51.100.7", UDP, true],
  ["sip:a@198.51.100.7", "udp:192.0.2.1:5060<198.51.100.7:5060", false],
  ["sip:a@[2001:db8::7]:5070", "udp:[::]:5060<[2001:db8::7]:5070", false],
  ["sip:a@10.0.0.7:40000", UDP, true],
  ["sip:a@phone.invalid;transport=ws", "ws:192.0.2.1:80<198.51.100.7:40000#a.1", true],
])("a contact %s heard on %s is behind NAT: %o", (contact, source, isBehind) => {
  expect(isBehindNat({ contact, source })).toBe(isBehind);
});

describe("an answer", () => {
  test.each([200, 404, 405, 481, 500, 603])(
    "of %i from the device shows that it lives",
    (status) => {
      expect(isPong(status, { path: "" }, POLICY)).toBe(true);
    },
  );

  test("of a proxy on its Path that the flow has failed does not (RFC 5626 section 5.3)", () => {
    const path = "<sip:edge.test;lr>";
    expect([200, 404, 408, 430].map((status) => isPong(status, { path }, POLICY))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test("with a status that is not to count does not", () => {
    const policy = { ...POLICY, ignoredStatuses: [404] };
    expect(isPong(404, { path: "" }, policy)).toBe(false);
    expect(isPong(200, { path: "" }, policy)).toBe(true);
  });
});

describe("a loss of many", () => {
  test.each([
    [0, 4, false],
    [0, 5, true],
    [10, 4, false],
    [10, 5, true],
    [70, 30, false],
    [69, 31, true],
  ])("%i answered and %i lost is the network's: %o", (answered, lost, isMass) => {
    expect(isMassLoss({ answered, lost }, POLICY)).toBe(isMass);
  });

  test("is never taken for that at 100 percent", () => {
    expect(isMassLoss({ answered: 0, lost: 1000 }, { ...POLICY, massLossPercent: 100 })).toBe(
      false,
    );
  });
});
