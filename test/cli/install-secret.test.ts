import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { KeyedIds } from "../../src/auth/keyed-ids.ts";
import {
  type InstallSecrets,
  readInstallSecrets,
  reloadSecrets,
} from "../../src/cli/install-secret.ts";
import type { Log } from "../../src/ports.ts";
import { RecordingModules } from "../transport/recording-modules.ts";
import { makeTempDirectory } from "./temp-directory.ts";

/** The secrets of a directory, with what is configured. */
function read(
  secret: string | undefined,
  directory: string,
  olderSecrets: readonly string[] = [],
): InstallSecrets {
  return readInstallSecrets({ secret, olderSecrets }, directory);
}

function ctidOf(key: Buffer): string {
  return new KeyedIds(key).ctid("a@sip.test", "sip:a@192.0.2.1");
}

test("the first start makes a secret that its owner only can read, later ones use it", () => {
  const directory = makeTempDirectory();
  const [secret] = read(undefined, directory);
  expect(secret).toHaveLength(32);
  expect(read(undefined, directory)).toEqual([secret]);
  expect(readdirSync(directory)).toEqual(["install.secret"]);
  expect(statSync(join(directory, "install.secret")).mode & 0o777).toBe(0o600);
});

test("no two installs make the same secret", () => {
  const [one, other] = [makeTempDirectory(), makeTempDirectory()];
  expect(read(undefined, one)).not.toEqual(read(undefined, other));
});

test("a configured secret wins and leaves no file", () => {
  const directory = makeTempDirectory();
  const [secret] = read("configured-by-operator", directory);
  expect(secret.toString()).toBe("configured-by-operator");
  expect(readdirSync(directory)).toEqual([]);
  const [again] = read("configured-by-operator", makeTempDirectory());
  expect(ctidOf(again)).toBe(ctidOf(secret));
});

test("what a start that was killed has left behind is replaced", () => {
  const directory = makeTempDirectory();
  writeFileSync(join(directory, "install.secret.new"), "half a sec");
  const [secret] = read(undefined, directory);
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
  ["has a line that is cut short", `${"0f".repeat(32)}\n00ff\n`],
  ["has an empty line", `${"0f".repeat(32)}\n\n${"0e".repeat(32)}\n`],
  ["has too many lines", `${"0f".repeat(32)}\n`.repeat(5)],
])("a secret that %s is refused, never replaced", (_, content) => {
  const path = join(makeTempDirectory(), "install.secret");
  writeFileSync(path, content);
  const advice = "restore it, or remove it and let every phone register anew";
  expect(() => read(undefined, join(path, ".."))).toThrow(
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
  expect(() => read(undefined, directory)).toThrow(
    `${directory}/install.secret: EISDIR; let the user midreg runs as write to the data directory`,
  );
});

test("a secret that cannot be kept is not used", () => {
  const directory = join(makeTempDirectory(), "missing");
  expect(() => read(undefined, directory)).toThrow(`${directory}/install.secret: ENOENT`);
});

test("older secrets are the further lines of the file, and then what is configured", () => {
  const directory = makeTempDirectory();
  const lines = ["aa", "bb", "cc", "dd"].map((byte) => byte.repeat(32));
  writeFileSync(join(directory, "install.secret"), lines.join("\n"));
  const own = lines.map((line) => Buffer.from(line, "hex"));
  expect(read(undefined, directory)).toEqual(own);
  const before = ["the secret of last year", "and the one before it"];
  const given = before.map((text) => Buffer.from(text));
  expect(read(undefined, directory, before)).toEqual([...own, ...given]);
  expect(read("configured-by-operator", directory, before).slice(1)).toEqual(given);
});

function scene(): { ids: KeyedIds; directory: string; log: Log } {
  const directory = makeTempDirectory();
  const [secret] = read(undefined, directory);
  return { ids: new KeyedIds(secret), directory, log: new RecordingModules().log };
}

describe("read anew while midreg runs", () => {
  test("the file's first line makes, and the others open", () => {
    const { ids, directory, log } = scene();
    const path = join(directory, "install.secret");
    const mac = ids.mac("x");
    writeFileSync(path, `${"aa".repeat(32)}\n${readFileSync(path, "utf8")}`);
    reloadSecrets(ids, { secret: undefined, olderSecrets: [], dataDir: directory }, log);
    expect(ids.mac("x")).toBe(new KeyedIds(Buffer.from("aa".repeat(32), "hex")).mac("x"));
    expect(ids.isMac("x", mac)).toBe(true);
  });

  test("a file that is damaged or gone changes nothing, and none is made", () => {
    const { ids, directory, log } = scene();
    const path = join(directory, "install.secret");
    const mac = ids.mac("x");
    for (const spoil of [() => writeFileSync(path, "half a sec"), () => rmSync(path)]) {
      spoil();
      reloadSecrets(ids, { secret: undefined, olderSecrets: [], dataDir: directory }, log);
      expect(ids.mac("x")).toBe(mac);
    }
    expect(readdirSync(directory)).toEqual([]);
  });

  test("a configured secret stays", () => {
    const { ids, directory, log } = scene();
    const mac = ids.mac("x");
    writeFileSync(join(directory, "install.secret"), "aa".repeat(32));
    reloadSecrets(ids, { secret: "configured-by-op", olderSecrets: [], dataDir: directory }, log);
    expect(ids.mac("x")).toBe(mac);
  });
});
