import { readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { buildGateway } from "../../src/cli/gateway.ts";
import { runProgram } from "../../src/cli/program.ts";
import { deviceOf, readPushParams } from "../../src/location/push-params.ts";
import { PrometheusMetrics } from "../../src/metrics/prometheus.ts";
import { parseUri } from "../../src/sip/uri.ts";
import { load } from "../config/load.ts";
import {
  apnsToken,
  buildPush,
  devices,
  KeptLog,
  REAL_CLOCK,
  sendPush,
} from "../gateway/fixtures.ts";
import { makeTempDirectory } from "./temp-directory.ts";

interface Running {
  readonly directory: string;
  /** Everything it has written. */
  readonly written: { out: string; err: string };
  readonly exit: Promise<number>;
  readonly stop: () => void;
}

function start(...more: readonly string[]): Running {
  const directory = makeTempDirectory();
  const written = { out: "", err: "" };
  let stop: (() => void) | undefined;
  const exit = runProgram({
    argv: ["dev", "push-server", "--listen", "127.0.0.1:0", "--dir", directory, ...more],
    env: { PATH: process.env["PATH"] },
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
    readInput: () => "",
    onceStopped: (ask) => {
      stop = () => ask("SIGTERM");
    },
    onReload: () => undefined,
  });
  return { directory, written, exit, stop: () => stop?.() };
}

/** The configuration that it prints, once it has. */
async function snippetOf({ written }: Running): Promise<string> {
  await expect.poll(() => written.out).toContain("pn-provider=webhook");
  return written.out;
}

async function push(yaml: string, beginning: string, callId = "call-1"): Promise<string> {
  const { settings } = load({ yaml });
  const metrics = new PrometheusMetrics({ version: "0" });
  const parts = { clock: REAL_CLOCK, fraction: () => 0.5, metrics, log: new KeptLog() };
  const gateway = buildGateway(settings, parts);
  if (gateway === undefined) throw new Error("no provider is configured");
  const outcome = await sendPush(gateway, buildPush(devices.apns(beginning), { callId }));
  gateway.stop();
  return `${outcome.result} ${outcome.reason}`.trim();
}

describe("midreg dev push-server", () => {
  test("prints the configuration that makes midreg push to it, and each push with its token masked", async () => {
    const server = start("--fail", "apns:dead:Unregistered");
    const yaml = await snippetOf(server);
    expect(await push(yaml, "aa")).toBe("accepted");
    expect(await push(yaml, "dead")).toBe("dead-token Unregistered");
    const lines = server.written.out.split("\n").filter((line) => line.startsWith("{"));
    expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
      { provider: "apns", token: "aa01***(64)", type: "voip", callId: "call-1", status: 200 },
      { provider: "apns", token: "dead***(64)", status: 410 },
    ]);
    expect(server.written.out).not.toContain(apnsToken("aa"));
    expect(load({ yaml }).settings.registrar.pnEnable).toBe(true);
    server.stop();
    expect(await server.exit).toBe(0);
  });

  test("prints contacts that midreg takes for devices it can wake", async () => {
    const server = start();
    const { settings } = load({ yaml: await snippetOf(server) });
    const contacts = server.written.out.match(/sip:alice@[^>]+/gu) ?? [];
    const metrics = new PrometheusMetrics({ version: "0" });
    const parts = { clock: REAL_CLOCK, fraction: () => 0.5, metrics, log: new KeptLog() };
    const gateway = buildGateway(settings, parts);
    const woken = contacts.map((contact) => {
      const uri = parseUri(contact);
      const params = uri === undefined ? undefined : readPushParams(uri);
      const device = params === undefined ? undefined : deviceOf(params);
      return device !== undefined && gateway?.canPush(device);
    });
    expect(woken).toEqual([true, true, true, true]);
    gateway?.stop();
    server.stop();
    await server.exit;
  });

  test("runs a command on each push that succeeds, and gives it what came as data only", async () => {
    const directory = makeTempDirectory();
    const file = join(directory, "woken");
    const command = `printf '%s|%s|%s\\n' "$PUSH_TOKEN" "$PUSH_TYPE" "$PUSH_CALL_ID" >> '${file}'`;
    const server = start("--exec", command, "--fail", "apns:dead:Unregistered");
    const yaml = await snippetOf(server);
    const evil = `x'; touch ${join(directory, "broken-out")}; $(touch ${join(directory, "b2")}) "`;
    await push(yaml, "dead");
    await push(yaml, "aa", evil);
    const read = (): string => readFileSync(file, { encoding: "utf8", flag: "a+" });
    await expect.poll(read).toBe(`${apnsToken("aa")}|voip|${evil}\n`);
    expect(() => readFileSync(join(directory, "broken-out"))).toThrow("ENOENT");
    expect(() => readFileSync(join(directory, "b2"))).toThrow("ENOENT");
    server.stop();
    await server.exit;
  });

  test("is told over its control endpoint what to do wrong", async () => {
    const server = start();
    const yaml = await snippetOf(server);
    const origin = /https:\/\/127\.0\.0\.1:\d+/u.exec(server.written.out)?.[0] ?? "";
    const ca = readFileSync(join(server.directory, "ca.pem"), "utf8");
    const ask = async (method: string, path: string, body = ""): Promise<string> =>
      new Promise((resolve, reject) => {
        const asked = request(`${origin}${path}`, { method, ca, agent: false }, (response) => {
          let text = `${response.statusCode} `;
          response.setEncoding("utf8");
          response.on("data", (part: string) => {
            text += part;
          });
          response.on("end", () => resolve(text));
        });
        asked.on("error", reject);
        asked.end(body);
      });
    const failure = { provider: "apns", prefix: "bb", reason: "BadDeviceToken" };
    expect(await ask("POST", "/control/failures", JSON.stringify(failure))).toBe("204 ");
    expect(await push(yaml, "bb")).toBe("dead-token BadDeviceToken");
    expect(await ask("DELETE", "/control/failures")).toBe("204 ");
    expect(await push(yaml, "bb")).toBe("accepted");
    expect(await ask("GET", "/control/pushes")).toContain('"token":"bb01***(64)"');
    const none = JSON.stringify({ ...failure, reason: "NoSuchReason" });
    expect(await ask("POST", "/control/failures", none)).toContain("400 ");
    server.stop();
    await server.exit;
  });

  test.each([
    ["an address others can reach", ["--listen", "0.0.0.0:2197"], "--listen: must be a loopback"],
    ["a failure nobody knows", ["--fail", "apns:*:Nope"], "--fail: "],
  ])("%s is refused", async (_, argv, complaint) => {
    const server = start(...argv);
    expect(await server.exit).toBe(2);
    expect(server.written.err).toContain(complaint);
  });
});
