import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { computeHa1 } from "../../src/auth/digest.ts";
import { runProgram } from "../../src/cli/program.ts";
import { CredentialStore } from "../../src/store/credential-store.ts";
import { MIGRATIONS } from "../store/fixtures.ts";
import { makeTempDirectory } from "./temp-directory.ts";

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface Given {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Runs `midreg credential` with these arguments. */
async function credential(
  argv: readonly string[],
  { env = {}, input = "" }: Given = {},
): Promise<Ran> {
  const written = { out: "", err: "" };
  const code = await runProgram({
    argv: ["credential", ...argv],
    env,
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
    readInput: () => input,
    onceStopped: () => undefined,
    onReload: () => undefined,
  });
  return { code, ...written };
}

const HA1 = "0123456789abcdef0123456789abcdef";

/** A data directory that is not there yet, and the flag that names it. */
function newData(): { readonly dir: string; readonly flag: readonly [string, string] } {
  const dir = join(makeTempDirectory(), "data");
  return { dir, flag: ["--data", dir] };
}

function stored(dir: string): readonly string[] {
  const store = CredentialStore.open(join(dir, "midreg.db"), MIGRATIONS);
  const lines = store
    .list()
    .map(({ username, algorithm, ha1 }) => `${username} ${algorithm} ${ha1}`);
  store.close();
  return lines;
}

describe("midreg credential", () => {
  test("set keeps the password's H(A1) for every algorithm, and list never shows one", async () => {
    const { dir, flag } = newData();
    const given = { input: "pässword \nsecond line\n" };
    expect(await credential(["set", "alice", "sip.test", ...flag], given)).toEqual({
      code: 0,
      out: "midreg: credentials of alice in sip.test set\n",
      err: "",
    });
    const password = Buffer.from("pässword ", "utf8").toString("latin1");
    const user = { username: "alice", realm: "sip.test", password };
    expect(stored(dir)).toEqual([
      `alice MD5 ${computeHa1("MD5", user)}`,
      `alice SHA-256 ${computeHa1("SHA-256", user)}`,
      `alice SHA-512-256 ${computeHa1("SHA-512-256", user)}`,
    ]);
    const { out } = await credential(["list", ...flag]);
    expect(out).toBe("alice\tsip.test\tMD5,SHA-256,SHA-512-256\n");
  });

  test("set takes the place of all that was there, and may be for one algorithm only", async () => {
    const { dir, flag } = newData();
    await credential(["set", "alice", "sip.test", ...flag], { input: "old" });
    const argv = ["set", "alice", "sip.test", "--algorithm", "md5", ...flag];
    expect(await credential(argv, { input: "new" })).toMatchObject({ code: 0 });
    const user = { username: "alice", realm: "sip.test", password: "new" };
    expect(stored(dir)).toEqual([`alice MD5 ${computeHa1("MD5", user)}`]);
  });

  test("set takes the password from the environment before standard input", async () => {
    const { dir, flag } = newData();
    const given = { env: { MIDREG_PASSWORD: "secret" }, input: "other" };
    await credential(["set", "alice", "sip.test", ...flag], given);
    const user = { username: "alice", realm: "sip.test", password: "secret" };
    expect(stored(dir)[0]).toBe(`alice MD5 ${computeHa1("MD5", user)}`);
  });

  test("import adds what a file holds, and rm takes a user away", async () => {
    const { dir, flag } = newData();
    const file = join(makeTempDirectory(), "users");
    writeFileSync(file, `alice:sip.test:${HA1}\nb\u00f6b:sip.test:${HA1}\n`);
    expect(await credential(["import", file, ...flag])).toMatchObject({
      code: 0,
      out: "midreg: 2 credentials imported\n",
    });
    expect((await credential(["list", ...flag])).out).toBe(
      "alice\tsip.test\tMD5\nb\u00f6b\tsip.test\tMD5\n",
    );
    expect(await credential(["rm", "b\u00f6b", "sip.test", ...flag])).toMatchObject({ code: 0 });
    expect(stored(dir)).toEqual([`alice MD5 ${HA1}`]);
  });

  test("finds the data directory in a configuration", async () => {
    const { dir } = newData();
    const config = join(makeTempDirectory(), "midreg.yaml");
    writeFileSync(config, `upstream: sip:10.0.0.2\ndata: ${dir}\n`);
    const argv = ["set", "alice", "sip.test", "--config", config];
    expect(await credential(argv, { input: "x" })).toMatchObject({ code: 0 });
    expect(stored(dir)).toHaveLength(3);
  });

  test.each<[string, readonly string[], Given, string]>([
    ["there is no password", ["set", "alice", "r"], {}, "no password: give it on standard input"],
    ["a user holds a colon", ["set", "a:b", "r"], { input: "x" }, "the user must not hold a colon"],
    [
      "there is no such algorithm",
      ["set", "alice", "r", "--algorithm", "SHA-1"],
      { input: "x" },
      "--algorithm must be one of MD5, SHA-256, SHA-512-256",
    ],
    ["a realm is empty", ["set", "alice", ""], { input: "x" }, "user and realm must not be empty"],
    [
      "the file is not there",
      ["import", "/nowhere/users"],
      {},
      "/nowhere/users: cannot be read (ENOENT)",
    ],
    ["there is no database", ["list"], {}, "midreg.db: no such database"],
    ["there is no database", ["rm", "alice", "r"], {}, "midreg.db: no such database"],
  ])("says in one line that %s, and leaves nothing behind", async (_, argv, given, line) => {
    const { dir, flag } = newData();
    const ran = await credential([...argv, ...flag], given);
    expect(ran).toMatchObject({ code: 1, out: "" });
    expect(ran.err).toMatch(/^midreg: \P{Cc}+\n$/u);
    expect(ran.err).toContain(line);
    expect(existsSync(dir)).toBe(false);
  });

  test("a file with a mistake is not imported at all, and its content is not shown", async () => {
    const { dir, flag } = newData();
    const file = join(makeTempDirectory(), "users");
    writeFileSync(file, `alice:sip.test:${HA1}\nbob:sip.test:PASSWORD\n`);
    const ran = await credential(["import", file, ...flag]);
    expect(ran.err).toBe(`midreg: ${file}:2: must be user:realm:ha1 or user:realm:ha1:algorithm\n`);
    expect(existsSync(dir)).toBe(false);
  });

  test("a user nobody knows cannot be removed", async () => {
    const { flag } = newData();
    await credential(["set", "alice", "sip.test", ...flag], { input: "x" });
    const ran = await credential(["rm", "bob", "sip.test", ...flag]);
    expect(ran).toMatchObject({ code: 1, err: "midreg: no credentials of bob in sip.test\n" });
  });

  test("a database that midreg is running on is left alone, in one clear line", async () => {
    const { dir, flag } = newData();
    await credential(["set", "alice", "sip.test", ...flag], { input: "x" });
    const running = CredentialStore.open(join(dir, "midreg.db"), MIGRATIONS);
    const ran = await credential(["rm", "alice", "sip.test", ...flag]);
    running.close();
    expect(ran.code).toBe(1);
    expect(ran.err).toMatch(
      /^midreg: \P{Cc}+: the database is in use by another process; \P{Cc}+\n$/u,
    );
  });

  test("a broken configuration is told as usual, and a store that keeps nothing is refused", async () => {
    const config = join(makeTempDirectory(), "midreg.yaml");
    writeFileSync(config, "lsten: x\n");
    expect(await credential(["list", "--config", config])).toMatchObject({ code: 3 });
    writeFileSync(config, "storage: {mode: memory}\n");
    const ran = await credential(["list", "--config", config]);
    expect(ran).toMatchObject({ code: 1 });
    expect(ran.err).toContain("storage.mode: memory keeps no credentials");
  });
});
