import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createLogger } from "../../src/cli/logger.ts";
import type { Settings } from "../../src/config/settings.ts";

type Level = Settings["logLevel"];

/** Logs one line at every level; gives back what was written. */
function linesAt(level: Level): Record<string, unknown>[] {
  const lines: string[] = [];
  const log = createLogger(level, { write: (line) => void lines.push(line) });
  log.debug({}, "d");
  log.info({}, "i");
  log.warn({}, "w");
  log.error({}, "e");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("a line is a JSON object with level in words, ISO time, the fields, and msg", () => {
  const lines: string[] = [];
  const log = createLogger("info", { write: (line) => void lines.push(line) });
  log.info({ aor: 'sip:"x"@h\n', count: 2 }, "register");
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^\{"level":"info","time":"\d{4}-\d\d-\d\dT[\d:.]+Z",[^\n]*\}\n$/u);
  const { time: _, ...rest } = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
  expect(rest).toEqual({ level: "info", aor: 'sip:"x"@h\n', count: 2, msg: "register" });
});

test.each<[level: Level, messages: string[], isDebug: boolean]>([
  ["debug", ["d", "i", "w", "e"], true],
  ["info", ["i", "w", "e"], false],
  ["warn", ["w", "e"], false],
  ["error", ["e"], false],
  ["silent", [], false],
])("at level %s it writes what is at least as important", (level, messages, isDebug) => {
  expect(linesAt(level).map(({ msg }) => msg)).toEqual(messages);
  expect(createLogger(level, { write: () => undefined }).isDebug).toBe(isDebug);
});

test("an error is written with its stack", () => {
  const lines: string[] = [];
  createLogger("info", { write: (line) => void lines.push(line) }).error(
    { err: new Error("x") },
    "e",
  );
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    err: { type: "Error", message: "x", stack: expect.stringContaining("logger.test.ts") },
  });
});

test("fields that JSON has no word for do not end the process", () => {
  const circle: Record<string, unknown> = { n: 10n };
  circle["self"] = circle;
  const lines: string[] = [];
  createLogger("info", { write: (line) => void lines.push(line) }).info({ circle }, "still here");
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ msg: "still here" });
});

test("lines are in the file at once and in order, so that a killed process loses none", () => {
  const directory = mkdtempSync(join(tmpdir(), "midreg-log-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "log");
  const log = createLogger("info", openSync(path, "w"));
  for (let at = 0; at < 5000; at += 1) log.info({ at }, "line");
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as { at: number }).at)).toEqual(
    Array.from({ length: 5000 }, (_, at) => at),
  );
  log.flush();
  expect(readFileSync(path, "utf8").trimEnd().split("\n")).toEqual(lines);
});
