import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  buildDigestOptions,
  loadCredentials,
  reloadCredentials,
} from "../../src/cli/credentials.ts";
import { type LoadedSettings, loadSettings } from "../../src/config/load-settings.ts";
import { CredentialStore } from "../../src/store/credential-store.ts";
import { type LogLine, lines, MIGRATIONS } from "../store/fixtures.ts";
import { makeTempDirectory } from "./temp-directory.ts";

const HA1 = "0123456789abcdef0123456789abcdef";
const OTHER = "ffffffffffffffffffffffffffffffff";

function settingsOf(yaml: string): LoadedSettings["settings"] {
  const readFile = (): string => yaml;
  const flags = { upstream: "sip:192.0.2.1" };
  return loadSettings({ configFile: "x.yaml", flags, env: {}, readFile }).settings;
}

/** A data directory whose database has these users, with MD5. */
function dataWith(...users: string[]): string {
  const directory = makeTempDirectory();
  const store = CredentialStore.open(join(directory, "midreg.db"), MIGRATIONS);
  store.put(users.map((username) => ({ username, realm: "r", algorithm: "MD5", ha1: HA1 })));
  store.close();
  return directory;
}

function fileWith(text: string): string {
  const path = join(makeTempDirectory(), "users");
  writeFileSync(path, text);
  return path;
}

describe("the credentials midreg starts with", () => {
  test("are those of the database and of the file, which wins", () => {
    const file = fileWith(`bob:r:${OTHER}\ncarol:r:${OTHER}\n`);
    const yaml = `{data: ${dataWith("alice", "bob")}, auth: {credentials_file: ${file}}}`;
    const table = loadCredentials(settingsOf(yaml), lines([]));
    const found = ["alice", "bob", "carol", "dave"].map((user) => table.ha1(user, "r", "MD5"));
    expect(found).toEqual([HA1, OTHER, OTHER, undefined]);
  });

  test("are those of the file alone where nothing is stored", () => {
    const yaml = `{storage: {mode: memory}, auth: {credentials_file: ${fileWith(`a:r:${HA1}`)}}}`;
    expect(loadCredentials(settingsOf(yaml), lines([])).size).toBe(1);
  });

  test.each([
    ["digest", [], 1],
    ["digest", ["alice"], 0],
    ["proven", [], 0],
  ])("with absorb %s and the users %j, warnings: %i", (absorb, users, warnings) => {
    const log: LogLine[] = [];
    const yaml = `{data: ${dataWith(...users)}, auth: {absorb: ${absorb}}}`;
    loadCredentials(settingsOf(yaml), lines(log));
    const warned = log.filter(({ level }) => level === "warn").map(({ text }) => text);
    expect(warned).toHaveLength(warnings);
    for (const text of warned) expect(text).toMatch(/^auth\.absorb: digest: there are no cred/u);
  });

  test("keep midreg from starting when their file has a mistake, without showing it", () => {
    const file = fileWith(`alice:r:${HA1}\nbob:r:SECRET\n`);
    const settings = settingsOf(`{storage: {mode: memory}, auth: {credentials_file: ${file}}}`);
    expect(() => loadCredentials(settings, lines([]))).toThrow(
      `${file}:2: must be user:realm:ha1 or user:realm:ha1:algorithm`,
    );
  });
});

/** What three users have. */
function hashesOf(table: ReturnType<typeof loadCredentials>): readonly unknown[] {
  return ["alice", "bob", "carol"].map((user) => table.ha1(user, "r", "MD5"));
}

describe("credentials that are read anew while midreg runs", () => {
  test("take the place of those of before, and what has left the file is the database's again", () => {
    const file = fileWith(`alice:r:${OTHER}\nbob:r:${OTHER}\n`);
    const settings = settingsOf(`{data: ${dataWith("alice")}, auth: {credentials_file: ${file}}}`);
    const table = loadCredentials(settings, lines([]));
    expect(hashesOf(table)).toEqual([OTHER, OTHER, undefined]);
    writeFileSync(file, `carol:r:${OTHER}\n`);
    const log: LogLine[] = [];
    reloadCredentials(table, settings, lines(log));
    expect(hashesOf(table)).toEqual([HA1, undefined, OTHER]);
    expect(log.map(({ level, text }) => [level, text])).toEqual([["info", "credentials reloaded"]]);
  });

  test.each([
    ["a mistake", (file: string) => writeFileSync(file, "alice:r:SECRET\n")],
    ["no file", (file: string) => rmSync(file)],
  ])("leave those of before when there is %s, and the log does not show it", (_, spoil) => {
    const file = fileWith(`bob:r:${OTHER}\n`);
    const settings = settingsOf(`{storage: {mode: memory}, auth: {credentials_file: ${file}}}`);
    const table = loadCredentials(settings, lines([]));
    spoil(file);
    const log: LogLine[] = [];
    reloadCredentials(table, settings, lines(log));
    expect(hashesOf(table)).toEqual([undefined, OTHER, undefined]);
    expect(log.map(({ level }) => level)).toEqual(["error"]);
    expect(JSON.stringify(log)).not.toContain("SECRET");
  });
});

test("the settings of digests reach the server, with the realm as bytes", () => {
  const yaml =
    "{auth: {absorb: digest, realm: caf\u00e9, algorithms: [MD5], qop: none, nonce_lifetime: 1h}, " +
    "mid_registrar: {case_sensitive: false}}";
  expect(buildDigestOptions(settingsOf(yaml))).toEqual({
    realm: "caf\u00c3\u00a9",
    algorithms: ["MD5"],
    hasQop: false,
    nonceLifetimeMs: 3_600_000,
    isCaseSensitive: false,
  });
});
