import { expect, test } from "vitest";
import { PingRound } from "../../src/server/ping-round.ts";
import { RecordingModules } from "../transport/recording-modules.ts";

const INTERVAL_MS = 60_000;

function start(): { readonly round: PingRound; readonly modules: RecordingModules } {
  const modules = new RecordingModules();
  const round = new PingRound({ intervalMs: INTERVAL_MS, rate: 1000 }, modules);
  round.start(5000);
  return { round, modules };
}

test("a round that was held up and takes longer than the interval is told once, with its numbers", () => {
  const { round, modules } = start();
  for (let tick = 0; tick < 100; tick += 1) {
    round.sent();
    round.fellShort();
  }
  round.end(5000 + 1_020_400);
  expect(modules.lines).toEqual([
    {
      level: "warn",
      fields: { seconds: 1020, pings: 100, natping_interval: 60, ping_rate: 1000 },
      text: "a round of pings has taken longer than natping_interval",
    },
  ]);
  expect(modules.gauge("ping_round_seconds", {})).toBe(1020.4);
  round.end(5000 + 1_020_400 + INTERVAL_MS);
  expect(modules.lines).toHaveLength(1);
  expect(modules.gauge("ping_round_seconds", {})).toBe(60);
});

test.each([
  ["held up for a moment, and no longer than rounds differ by", 66_000, 50],
  ["slower because there are fewer devices by now", 300_000, 0],
])("a round that was %s is nothing to tell", (_, tookMs, shortTicks) => {
  const { round, modules } = start();
  for (let tick = 0; tick < shortTicks; tick += 1) round.fellShort();
  round.end(5000 + tookMs);
  expect(modules.lines).toEqual([]);
});
