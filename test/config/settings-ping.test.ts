import { expect, test } from "vitest";
import { load, withSetting } from "./load.ts";

const policy = (part: object): object => ({ policy: expect.objectContaining(part) });

test.each([
  ["natping_interval", "1m", policy({ intervalMs: 60_000 })],
  ["ping", "always", policy({ choice: "always" })],
  ["ping_nated_only", "yes", policy({ natedOnly: true })],
  ["natping_tcp", "1", policy({ overConnections: true })],
  ["sipping_method", "crlf", { method: "CRLF" }],
  ["sipping_from", "sip:pinger@sip.test", { from: "sip:pinger@sip.test" }],
  ["ping_threshold", "5", policy({ thresholdMs: 5000 })],
  ["max_pings_lost", "2", policy({ maxLost: 2 })],
  ["remove_on_timeout", "on", { removesDead: true }],
  ["sipping_ignore_rpl_codes", "[404, 480]", policy({ ignoredStatuses: [404, 480] })],
  ["mass_loss", "50", policy({ massLossPercent: 50 })],
  ["ping_rate", "20", { rate: 20 }],
])("nathelper.%s: %s", (name, text, pings) => {
  const { operation } = load(withSetting(`nathelper.${name}`, text)).settings;
  expect(operation.pings).toMatchObject(pings);
});
