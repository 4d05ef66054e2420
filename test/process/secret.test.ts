/** Dialogs over restarts and rotations of the install secret, with the real store and the compiled program. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { headerLine, statusOf } from "../support/messages.ts";
import { RealProcess } from "../support/real-process.ts";
import { waitUntil } from "../support/wait-until.ts";
import { MidregRun } from "./midreg-run.ts";
import { WirePhone } from "./wire-phone.ts";
import { type WireCall, WireRegistrar } from "./wire-registrar.ts";

interface Scene {
  readonly midreg: RealProcess;
  readonly main: WireRegistrar;
  readonly phone: WirePhone;
}

async function scene(args: readonly string[] = []): Promise<Scene> {
  const main = await WireRegistrar.openRegistrar();
  onTestFinished(async () => main.close());
  const midreg = await RealProcess.prepare({ upstream: `sip:127.0.0.1:${main.port}`, args });
  onTestFinished(async () => midreg.dispose());
  await midreg.start();
  const phone = await WirePhone.openPhone("alice", midreg.sipPort);
  onTestFinished(async () => phone.close());
  expect(statusOf(await phone.register())).toBe(200);
  return { midreg, main, phone };
}

async function call({ main, midreg, phone }: Scene): Promise<WireCall> {
  return main.call(main.contactOf(phone.address), midreg.sipPort);
}

async function hangUp(made: WireCall | undefined): Promise<number> {
  return statusOf((await made?.hangUp()) ?? "");
}

/** Runs `midreg secret` and has the midreg that runs take up what came of it. */
async function change({ midreg }: Scene, action: "rotate" | "forget"): Promise<void> {
  const run = new MidregRun(["secret", action, "--data", midreg.dataDir]);
  expect(await run.ended()).toMatchObject({ code: 0 });
  const told = (): number => midreg.output.split("install secret reloaded").length;
  const before = told();
  process.kill(midreg.pid, "SIGHUP");
  const limits = { timeoutMs: 10_000, everyMs: 10 };
  await waitUntil("the secret reloaded", () => told() > before, limits);
}

test("the Path of a flow outlives kill -9 and a rotation, and ends with the secret that it was made with", async () => {
  const directory = mkdtempSync(join(tmpdir(), "midreg-edge-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const config = join(directory, "midreg.yaml");
  writeFileSync(config, "mid_registrar: {outbound_mode: edge}\n");
  const all = await scene(["--config", config]);
  const { midreg, main, phone } = all;
  const registerFlow = async (): Promise<string> => {
    const text = phone.buildRegister({ headers: ["Supported: path, outbound"] });
    const flow = text.replace(/^(Contact: <[^>]*>)/mu, '$1;+sip.instance="<urn:x:1>";reg-id=1');
    expect(statusOf(await phone.request(flow, midreg.sipPort))).toBe(200);
    return headerLine(main.registers.at(-1) ?? "", "Path");
  };
  const path = await registerFlow();
  expect(path).toMatch(/^<sip:p[\w-]+\.[\w-]{14}@127\.0\.0\.1:\d+;lr;ob>$/u);
  const uri = [...(main.contacts.get(phone.address) ?? [])].at(-1) ?? "";
  let asked = 0;
  const askAlong = async (route: string): Promise<number> => {
    asked += 1;
    const text = main.build({
      method: "MESSAGE",
      uri,
      from: "<sip:main@sip.test>;tag=main",
      to: `<${phone.address}>`,
      callId: `along-${asked}`,
      cseq: 1,
      headers: [`Route: ${route}`],
    });
    return statusOf(await main.request(text, midreg.sipPort));
  };
  await midreg.kill();
  await midreg.start();
  expect(await askAlong(path)).toBe(200);
  await change(all, "rotate");
  expect(await askAlong(path)).toBe(200);
  // A phone that starts anew has its registration renewed.
  const { callId } = phone;
  Object.assign(phone, { callId: `${callId}-anew` });
  const renewed = await registerFlow();
  expect(renewed).not.toBe(path);
  await change(all, "forget");
  expect([await askAlong(path), await askAlong(renewed), phone.count("MESSAGE")]).toEqual([
    403, 200, 3,
  ]);
}, 60_000);

test("a dialog outlives kill -9 and a rotation, and ends with the secret that it was made with", async () => {
  const all = await scene();
  const { midreg, main, phone } = all;
  const old = [await call(all), await call(all), await call(all), await call(all)];
  await midreg.kill();
  await midreg.start();
  expect(await hangUp(old[0])).toBe(200);

  await change(all, "rotate");
  expect(await hangUp(old[1])).toBe(200);
  const newer = [await call(all), await call(all)];
  await midreg.kill();
  await midreg.start();
  expect([await hangUp(old[2]), await hangUp(newer[0])]).toEqual([200, 200]);
  // The contact keeps its identifier: its refresh is absorbed, and the main registrar knows no other.
  expect(statusOf(await phone.register())).toBe(200);
  expect([main.registers.length, main.contacts.get(phone.address)?.size]).toEqual([1, 1]);

  const taken = phone.count("BYE");
  await change(all, "forget");
  expect([await hangUp(old[3]), await hangUp(newer[1])]).toEqual([403, 200]);
  expect(phone.count("BYE")).toBe(taken + 1);
}, 60_000);
