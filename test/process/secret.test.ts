/** Dialogs over restarts and rotations of the install secret, with the real store and the compiled program. */
import { expect, onTestFinished, test } from "vitest";
import { statusOf } from "../support/messages.ts";
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

async function scene(): Promise<Scene> {
  const main = await WireRegistrar.openRegistrar();
  onTestFinished(async () => main.close());
  const midreg = await RealProcess.prepare({ upstream: `sip:127.0.0.1:${main.port}` });
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
