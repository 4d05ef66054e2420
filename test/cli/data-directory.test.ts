import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeDataDirectory } from "../../src/cli/data-directory.ts";
import { makeTempDirectory } from "./temp-directory.ts";

test("what is missing above the directory is made too, for its owner only", () => {
  const path = join(makeTempDirectory(), "a", "b", "c");
  makeDataDirectory(path);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  makeDataDirectory(path);
});

test("a directory that is there is left as it is", () => {
  const path = join(makeTempDirectory(), "shared");
  mkdirSync(path, { mode: 0o755 });
  makeDataDirectory(path);
  expect(statSync(path).mode & 0o777).toBe(0o755);
});

test.each([
  ["a file in its place", (file: string) => file, "a file is in the way"],
  ["a file above it", (file: string) => join(file, "x", "y"), "a file is in the way"],
  // Where mkdir says ENOENT although the parent is there, making it recursively never ends.
  ["a place where nothing can be made", () => "/proc/midreg/x", "ENOENT"],
])("%s is refused in one line", (_, place, reason) => {
  const file = join(makeTempDirectory(), "file");
  writeFileSync(file, "");
  const path = place(file);
  const advice = "name another with --data, or let the user midreg runs as write there";
  expect(() => makeDataDirectory(path)).toThrow(
    expect.objectContaining({
      code: "DATA_UNUSABLE",
      message: `data directory ${path}: cannot be made (${reason}); ${advice}`,
    }),
  );
});
