import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** Things to take down when all tests of a file are over, the last one first. */
const taken: Array<() => unknown> = [];

afterAll(async () => {
  for (const takeDown of taken.toReversed()) {
    // oxlint-disable-next-line no-await-in-loop -- A process ends before its directory goes.
    await takeDown();
  }
});

/** Lets something be taken down after the last test of the file; tests may run side by side. */
export function afterwards(takeDown: () => unknown): void {
  taken.push(takeDown);
}

/** A directory that goes with the tests of the file. */
export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "midreg-process-"));
  afterwards(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
