/**
 * Random histories. `SEED=n` repeats one of them, `HISTORIES=5000` runs more than the gate does.
 */
import { expect, test } from "vitest";
import { History } from "./history.ts";

const SEED = process.env["SEED"];
const COUNT = SEED === undefined ? Number(process.env["HISTORIES"] ?? 200) : 1;
const FIRST = SEED === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(SEED);

test(`${COUNT} random histories keep the promises of the design`, async () => {
  let done = 0;
  for (; done < COUNT; done += 1) {
    // oxlint-disable-next-line no-await-in-loop -- One after the other: the first that fails is reported.
    await new History(FIRST + done).run();
  }
  expect(done).toBe(COUNT);
}, 3_600_000);
