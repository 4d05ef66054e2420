import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { parseAuthHeader } from "../../src/sip/auth-header.ts";
import { authorizationFor, credentialOf, passwordOf } from "../auth/fixtures.ts";
import { headerLine, statusOf } from "../support/messages.ts";
import { RealProcess } from "../support/real-process.ts";
import { MidregRun } from "./midreg-run.ts";
import { WirePhone } from "./wire-phone.ts";
import { WireRegistrar } from "./wire-registrar.ts";

/** Runs `midreg credential` to its end. */
async function credential(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const run = new MidregRun(["credential", ...argv], env);
  const { code } = await run.ended();
  return { code, stdout: run.stdout, stderr: run.stderr };
}

/** A main registrar, and a midreg that challenges. */
async function digestScene(dataDir: string): Promise<{ main: WireRegistrar; midreg: RealProcess }> {
  const main = await WireRegistrar.openRegistrar();
  onTestFinished(async () => main.close());
  const upstream = `sip:127.0.0.1:${main.port}`;
  const midreg = await RealProcess.prepare({ upstream, dataDir, args: ["--absorb", "digest"] });
  onTestFinished(async () => midreg.dispose());
  await midreg.start();
  return { main, midreg };
}

function dataDirectory(): string {
  const dataDir = mkdtempSync(join(tmpdir(), "midreg-digest-"));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  return dataDir;
}

test("a user of the command line registers by digest", async () => {
  const dataDir = dataDirectory();
  const data = ["--data", dataDir];
  const password = { MIDREG_PASSWORD: passwordOf("alice") };
  const set = await credential(["set", "alice", "sip.test", ...data], password);
  expect(set).toMatchObject({ code: 0, stderr: "" });
  const { main, midreg } = await digestScene(dataDir);
  const phone = await WirePhone.openPhone("alice", midreg.sipPort);
  onTestFinished(async () => phone.close());
  const challenge = await phone.register();
  expect(statusOf(challenge)).toBe(401);
  const params = parseAuthHeader(headerLine(challenge, "WWW-Authenticate"))?.params ?? new Map();
  const answers: number[] = [];
  for (const nc of [1, 2, 2]) {
    // One after the other, as a phone does.
    // oxlint-disable-next-line no-await-in-loop
    answers.push(statusOf(await phone.register({ headers: [authorizationFor(params, { nc })] })));
  }
  expect(answers).toEqual([200, 200, 401]);
  expect(main.registers).toHaveLength(1);
  await midreg.stop();
  const listed = await credential(["list", ...data]);
  expect(listed.stdout).toBe("alice\tsip.test\tMD5,SHA-256,SHA-512-256\n");
});

test("while midreg runs, a user comes and goes at once, and is there after a kill -9", async () => {
  const dataDir = dataDirectory();
  const data = ["--data", dataDir];
  const password = { MIDREG_PASSWORD: passwordOf("alice") };
  const { midreg } = await digestScene(dataDir);
  const phone = await WirePhone.openPhone("alice", midreg.sipPort);
  onTestFinished(async () => phone.close());
  const login = async (): Promise<number> => {
    const params = parseAuthHeader(headerLine(await phone.register(), "WWW-Authenticate"))?.params;
    const headers = [authorizationFor(params ?? new Map(), { nc: 1 })];
    return statusOf(await phone.register({ headers }));
  };
  expect(await login()).toBe(401);
  const add = await credential(["add", "alice", "sip.test", ...data], password);
  await midreg.kill();
  expect(add).toMatchObject({ code: 0, stderr: "" });
  await midreg.start();
  expect(await login()).toBe(200);
  const listed = await credential(["list", ...data]);
  expect(listed.stdout).toBe("alice\tsip.test\tMD5,SHA-256,SHA-512-256\n");
  expect(await credential(["rm", "alice", "sip.test", ...data])).toMatchObject({ code: 0 });
  expect(await login()).toBe(401);
  await midreg.stop();
  expect((await credential(["list", ...data])).stdout).toBe("");
});

test("credentials of a file that has changed hold from SIGHUP on, and a faulty file changes nothing", async () => {
  const directory = mkdtempSync(join(tmpdir(), "midreg-reload-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const users = join(directory, "users");
  const config = join(directory, "midreg.yaml");
  const write = (user: string): void => {
    const { ha1 } = credentialOf(user, "MD5");
    writeFileSync(users, `${user}:sip.test:${ha1}\n`);
  };
  write("bob");
  writeFileSync(
    config,
    `{auth: {absorb: digest, credentials_file: ${users}}, listen: "udp:127.0.0.1:0"}\n`,
  );
  const main = await WireRegistrar.openRegistrar();
  onTestFinished(async () => main.close());
  const upstream = ["--upstream", `sip:127.0.0.1:${main.port}`];
  const places = ["--admin", "off", "--data", join(directory, "data")];
  const midreg = new MidregRun(["--config", config, ...upstream, ...places]);
  onTestFinished(async () => midreg.dispose());
  const [{ id }] = (await midreg.logged("ready"))["listeners"] as [{ id: string }];
  const phone = await WirePhone.openPhone("alice", Number(id.split(":").at(-1)));
  onTestFinished(async () => phone.close());
  const login = async (): Promise<number> => {
    const params = parseAuthHeader(headerLine(await phone.register(), "WWW-Authenticate"))?.params;
    const headers = [authorizationFor(params ?? new Map(), { nc: 1 })];
    return statusOf(await phone.register({ headers }));
  };
  expect(await login()).toBe(401);
  write("alice");
  midreg.signal("SIGHUP");
  await midreg.logged("credentials reloaded");
  expect(await login()).toBe(200);
  writeFileSync(users, "nonsense\n");
  midreg.signal("SIGHUP");
  await midreg.logged("credentials not reloaded; those of before still hold");
  expect(await login()).toBe(200);
});
