/**
 * Random histories in each mode. `HISTORIES=10000` runs so many in all instead of the gate's few hundred;
 * `SEED=aor-12345`, as a failure prints it, repeats one.
 */
import { expect, test } from "vitest";
import { History, MODES } from "./history.ts";

const [MODE, SEED] = process.env["SEED"]?.split("-") ?? [];
const COUNT = Math.ceil(Number(process.env["HISTORIES"] ?? 300) / MODES.length);
const FIRST = SEED === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(SEED);
const CHOSEN = MODES.filter((mode) => MODE === undefined || mode === MODE);
const LIMIT_MS = 3_600_000;

test.each(CHOSEN)(
  "random histories in %s mode keep the promises of the design",
  async (mode) => {
    const count = SEED === undefined ? COUNT : 1;
    let done = 0;
    let woken = 0;
    let cutShort = 0;
    for (; done < count; done += 1) {
      const history = new History(FIRST + done, mode);
      // oxlint-disable-next-line no-await-in-loop -- One after the other: the first that fails is reported.
      await history.run();
      woken += history.woken;
      cutShort += history.cutShort;
    }
    expect(done).toBe(count);
    // Both happen several times in ten histories.
    expect(Math.min(woken, cutShort)).toBeGreaterThanOrEqual(count < 50 ? 0 : count / 20);
  },
  LIMIT_MS,
);
