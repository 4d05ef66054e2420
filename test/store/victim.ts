/**
 * A process that saves as fast as it can and writes each acknowledgement to a file, until it is
 * killed. Run by sqlite-crash.test.ts as: victim.ts DIRECTORY ROUND.
 */
import { openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { AorChange } from "../../src/location/change.ts";
import { buildChange } from "../../src/location/change.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import {
  buildBinding,
  buildDeRegistration,
  buildMetrics,
  buildOptions,
  lines,
} from "./fixtures.ts";

const AORS = 40;

/** Where a victim writes: lines of an address-of-record and its step, or of "failed" and why. */
export function diaryPath(directory: string, round: number | string): string {
  return join(directory, `acknowledged-${round}`);
}

/** The step-th change of an address-of-record: it comes, is refreshed, moves, goes, comes again. */
export function buildStep(aor: string, step: number): AorChange {
  const numbers = {
    ctid: aor,
    cseq: step,
    expiresAtMs: 1_700_000_000_000 + step,
    updatedAtMs: step,
  };
  switch (step % 8) {
    case 0:
      return buildChange(aor, { put: [buildBinding(aor, numbers)], dequeue: [aor] });
    case 5:
      return buildChange(aor, {
        put: [buildBinding(aor, { ...numbers, source: `moved ${step}` })],
      });
    case 7:
      return buildChange(aor, { remove: [aor], enqueue: [buildDeRegistration(aor, { aor })] });
    default:
      return buildChange(aor, { touch: [numbers] });
  }
}

async function run(directory: string, round: string): Promise<void> {
  // Folded all the time, so that many a death comes in the middle of it.
  const options = buildOptions(directory, { foldAfterBytes: 20_000 });
  const store = await openSqliteStore(options, { log: lines([]), metrics: buildMetrics() });
  const diary = openSync(diaryPath(directory, round), "a");
  const next = (aor: string, step: number): void => {
    store.save(buildStep(aor, step), {
      committed: () => {
        writeSync(diary, `${aor} ${step}\n`);
        next(aor, step + 1);
      },
      failed: (reason) => writeSync(diary, `failed ${reason}\n`),
    });
  };
  for (let index = 0; index < AORS; index += 1) next(`r${round}-${index}`, 0);
}

const [, script = "", directory, round] = process.argv;
if (script.endsWith("victim.ts") && directory !== undefined && round !== undefined) {
  await run(directory, round);
}
