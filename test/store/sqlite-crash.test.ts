import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import type { SqliteStore } from "../../src/store/sqlite-store.ts";
import { Model } from "../contract/location-store.contract.ts";
import { buildOptions, makeDirectory, openStore } from "./fixtures.ts";
import { buildStep, diaryPath } from "./victim.ts";

const ROUNDS = 3;
const VICTIM = new URL("victim.ts", import.meta.url).pathname;

function startVictim(directory: string, round: number): ChildProcess {
  const child = spawn(process.execPath, ["--import", "tsx", VICTIM, directory, String(round)], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "close");
}

/** What a victim has acknowledged so far; the line it died over is not complete and does not count. */
function readDiary(directory: string, round: number): (readonly [aor: string, step: string])[] {
  const path = diaryPath(directory, round);
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
  return lines.map((line) => {
    const [aor = "", step = ""] = line.split(" ");
    return [aor, step];
  });
}

async function expectAtLeast(directory: string, round: number, lines: number): Promise<void> {
  const count = (): number => readDiary(directory, round).length;
  await expect.poll(count, { interval: 5, timeout: 15_000 }).toBeGreaterThan(lines);
}

function expected(aor: string, steps: number): unknown {
  const model = new Model();
  for (let step = 0; step <= steps; step += 1) model.apply(buildStep(aor, step));
  const { records, outbox } = model.content();
  return plain({ record: records[0], deRegistration: outbox[0] });
}

/** The address-of-records that are not as their victim has acknowledged them. */
function findLost(store: SqliteStore, directory: string, round: number): string[] {
  return [...new Map(readDiary(directory, round))]
    .filter(([aor, step]) => {
      const found = { record: store.lookup(aor), deRegistration: store.deRegistration(aor) };
      // The change after the last acknowledged one was under way; it may or may not have made it.
      const either = [expected(aor, Number(step)), expected(aor, Number(step) + 1)];
      return !either.some((content) => isDeepStrictEqual(content, plain(found)));
    })
    .map(([aor]) => aor);
}

/** The same content without classes and without what is undefined. */
function plain(content: unknown): unknown {
  return JSON.parse(JSON.stringify(content));
}

test("whatever was acknowledged before a kill -9 is there at the next start, every time", async () => {
  const directory = makeDirectory();
  const rounds = Array.from({ length: ROUNDS }, (_, round) => round);
  for (const round of rounds) {
    const victim = startVictim(directory, round);
    // oxlint-disable no-await-in-loop -- One life after the other, on the same database.
    await expectAtLeast(directory, round, Math.random() * 2000);
    await kill(victim);
    const store = await openStore(buildOptions(directory));
    for (const past of rounds.slice(0, round + 1)) {
      expect(findLost(store, directory, past)).toEqual([]);
    }
    await store.close();
    // oxlint-enable no-await-in-loop
  }
});

test("a second process on the same database is refused, and the first goes on", async () => {
  const directory = makeDirectory();
  const victim = startVictim(directory, 0);
  await expectAtLeast(directory, 0, 0);
  await expect(openStore(buildOptions(directory))).rejects.toMatchObject({
    code: "STORE_LOCKED",
    message: expect.stringMatching(/midreg\.db: the database is in use by another process; stop/u),
  });
  await expectAtLeast(directory, 0, readDiary(directory, 0).length);
  await kill(victim);
  const store = await openStore(buildOptions(directory));
  expect(findLost(store, directory, 0)).toEqual([]);
});
