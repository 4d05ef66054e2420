import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { KeyedIds } from "../../src/auth/keyed-ids.ts";
import { readInstallSecret } from "../../src/cli/install-secret.ts";
import { makeTempDirectory } from "./temp-directory.ts";

function ctidOf(key: Buffer): string {
  return new KeyedIds(key).ctid("a@sip.test", "sip:a@192.0.2.1");
}

test("the first start makes a secret that its owner only can read, later ones use it", () => {
  const directory = makeTempDirectory();
  const secret = readInstallSecret(undefined, directory);
  expect(secret).toHaveLength(32);
  expect(readInstallSecret(undefined, directory)).toEqual(secret);
  expect(readdirSync(directory)).toEqual(["install.secret"]);
  expect(statSync(join(directory, "install.secret")).mode & 0o777).toBe(0o600);
});

test("no two installs make the same secret", () => {
  const [one, other] = [makeTempDirectory(), makeTempDirectory()];
  expect(readInstallSecret(undefined, one)).not.toEqual(readInstallSecret(undefined, other));
});

test("a configured secret wins and leaves no file", () => {
  const directory = makeTempDirectory();
  const secret = readInstallSecret("configured-by-operator", directory);
  expect(secret.toString()).toBe("configured-by-operator");
  expect(readdirSync(directory)).toEqual([]);
  const again = readInstallSecret("configured-by-operator", makeTempDirectory());
  expect(ctidOf(again)).toBe(ctidOf(secret));
});

test("what a start that was killed has left behind is replaced", () => {
  const directory = makeTempDirectory();
  writeFileSync(join(directory, "install.secret.new"), "half a sec");
  const secret = readInstallSecret(undefined, directory);
  expect(secret).toHaveLength(32);
  expect(readFileSync(join(directory, "install.secret"), "utf8")).toBe(
    `${secret.toString("hex")}\n`,
  );
  expect(readdirSync(directory)).toEqual(["install.secret"]);
});

test.each([
  ["is empty", ""],
  ["is cut short", "00ff\n"],
  ["is too long", `${"0f".repeat(33)}\n`],
  ["has other characters", `${"xy".repeat(32)}\n`],
])("a secret that %s is refused, never replaced", (_, content) => {
  const path = join(makeTempDirectory(), "install.secret");
  writeFileSync(path, content);
  const advice = "restore it, or remove it and let every phone register anew";
  expect(() => readInstallSecret(undefined, join(path, ".."))).toThrow(
    expect.objectContaining({
      code: "SECRET_UNUSABLE",
      message: `${path}: the install secret is damaged; ${advice}`,
    }),
  );
  expect(readFileSync(path, "utf8")).toBe(content);
});

test("a secret that cannot be read is one line with the path and what to do", () => {
  const directory = makeTempDirectory();
  mkdirSync(join(directory, "install.secret"));
  expect(() => readInstallSecret(undefined, directory)).toThrow(
    `${directory}/install.secret: EISDIR; let the user midreg runs as write to the data directory`,
  );
});

test("a secret that cannot be kept is not used", () => {
  const directory = join(makeTempDirectory(), "missing");
  expect(() => readInstallSecret(undefined, directory)).toThrow(
    `${directory}/install.secret: ENOENT`,
  );
});
