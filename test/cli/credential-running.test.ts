import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { runProgram } from "../../src/cli/program.ts";
import { writeAdminPlace } from "../../src/cli/running-place.ts";
import { CredentialStore } from "../../src/store/credential-store.ts";
import { MIGRATIONS } from "../store/fixtures.ts";
import { World } from "../support/world.ts";
import { startAdminListener } from "./admin-listener.ts";
import { makeTempDirectory } from "./temp-directory.ts";

const HA1 = "0123456789abcdef0123456789abcdef";

/** A midreg whose credentials can be asked for, and how it is named. */
async function scene(): Promise<{ readonly world: World; readonly admin: readonly string[] }> {
  const world = new World();
  const { place, stop } = await startAdminListener(world);
  onTestFinished(stop);
  return { world, admin: ["--admin", place] };
}

async function credential(
  argv: readonly string[],
  input = "",
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const written = { out: "", err: "" };
  const code = await runProgram({
    argv: ["credential", ...argv],
    env: {},
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

test("a running midreg takes users on and forgets them", async () => {
  const { world, admin } = await scene();
  expect(await credential(["add", "jürg", "a/b", ...admin], "secret\n")).toEqual({
    code: 0,
    out: "midreg: credentials of jürg in a/b set\n",
    err: "",
  });
  expect(world.credentials.has(Buffer.from("jürg").toString("latin1"), "a/b")).toBe(true);
  expect((await credential(["list", ...admin])).out).toBe("jürg\ta/b\tMD5,SHA-256,SHA-512-256\n");
  expect(await credential(["rm", "jürg", "a/b", ...admin])).toMatchObject({ code: 0 });
  expect(await credential(["rm", "jürg", "a/b", ...admin])).toMatchObject({
    code: 1,
    err: "midreg: no credentials of jürg in a/b\n",
  });
  expect(world.credentials.size).toBe(0);
});

test("a large file goes to it in parts, and a long list comes in pages", async () => {
  const { world, admin } = await scene();
  const users = Array.from({ length: 2100 }, (_, at) => `user${at}`);
  const file = join(makeTempDirectory(), "users");
  writeFileSync(file, users.map((user) => `${user}:sip.test:${HA1}\n`).join(""));
  expect(await credential(["import", file, ...admin])).toMatchObject({
    code: 0,
    out: "midreg: 2100 credentials imported\n",
  });
  expect(world.credentials.size).toBe(2100);
  const { out } = await credential(["list", ...admin]);
  expect(out.split("\n")).toHaveLength(2101);
});

test("it says how far an import came that could not go on", async () => {
  const { world, admin } = await scene();
  const last = { username: "user1000", realm: "sip.test", algorithm: "MD5" as const, ha1: HA1 };
  world.credentials.replaceFile([last]);
  const file = join(makeTempDirectory(), "users");
  const users = Array.from({ length: 1001 }, (_, at) => `user${at}:sip.test:${HA1}\n`);
  writeFileSync(file, users.join(""));
  const ran = await credential(["import", file, ...admin]);
  expect(ran).toMatchObject({ code: 1, out: "midreg: 1000 of 1001 credentials imported\n" });
  expect(ran.err).toMatch(/^midreg: auth\.credentials_file has such a user, and wins; .*\n$/u);
});

test("the midreg that has the data directory is found by itself", async () => {
  const { world, admin } = await scene();
  const dir = makeTempDirectory();
  const running = CredentialStore.open(join(dir, "midreg.db"), MIGRATIONS);
  onTestFinished(() => running.close());
  writeAdminPlace(dir, `http://${admin[1] ?? ""}`);
  expect(await credential(["set", "alice", "r", "--data", dir], "x")).toMatchObject({ code: 0 });
  expect(world.credentials.has("alice", "r")).toBe(true);
  expect(await credential(["reload", "--data", dir])).toMatchObject({
    code: 0,
    out: "midreg: credentials reloaded; there are 1 users\n",
  });
});

test("where none runs, there is nothing to reload", async () => {
  const dir = makeTempDirectory();
  CredentialStore.open(join(dir, "midreg.db"), MIGRATIONS).close();
  expect(await credential(["reload", "--data", dir])).toMatchObject({
    code: 1,
    err: `midreg: no midreg runs on ${dir}\n`,
  });
});

test("a place where nothing listens is told in one line", async () => {
  const ran = await credential(["list", "--admin", "127.0.0.1:1"]);
  expect(ran).toMatchObject({ code: 1, out: "" });
  expect(ran.err).toMatch(/^midreg: 127\.0\.0\.1:1: \P{Cc}+\n$/u);
});
