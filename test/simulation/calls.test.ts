/**
 * Random calls over a bad network. `CALLS=10000` makes so many instead of the gate's few hundred; `CALL_SEED=12345`, as a
 * failure prints it, repeats one.
 */
import { expect, test } from "vitest";
import { CallHistory } from "./call-history.ts";

const SEED = process.env["CALL_SEED"];
const COUNT = SEED === undefined ? Number(process.env["CALLS"] ?? 200) : 1;
const FIRST = SEED === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(SEED);
const LIMIT_MS = 3_600_000;

test(
  "every call ends once for everybody, whatever phones do and the network loses",
  async () => {
    let done = 0;
    for (; done < COUNT; done += 1) {
      // oxlint-disable-next-line no-await-in-loop -- One after the other: the first that fails is reported.
      await new CallHistory(FIRST + done).run();
    }
    expect(done).toBe(COUNT);
  },
  LIMIT_MS,
);
