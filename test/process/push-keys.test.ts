/** Keys of push providers that are replaced while midreg runs: read anew at SIGHUP, as deploy/ and the manual say. */
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { statusOf } from "../support/messages.ts";
import { waitUntil } from "../support/wait-until.ts";
import { type PushKind, PushStage, swapFile } from "./push-stage.ts";
import type { WirePhone } from "./wire-phone.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const SETTLED = { timeoutMs: 30_000, everyMs: 20 };

function otherEcKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

function otherAccount(file: string): string {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const account = JSON.parse(readFileSync(file, "utf8")) as object;
  const pem = privateKey.export({ type: "pkcs8", format: "pem" });
  return JSON.stringify({ ...account, private_key: pem });
}

/** Calls a phone; what the caller hears in the end. */
async function call({ registrar, midreg }: PushStage, phone: WirePhone): Promise<number> {
  const { answer } = await registrar.call(registrar.contactOf(phone.address), midreg.sipPort);
  return statusOf(answer);
}

async function hangUp({ midreg }: PushStage, text: string): Promise<void> {
  process.kill(midreg.pid, "SIGHUP");
  await waitUntil(text, () => midreg.output.includes(text), SETTLED);
}

test("SIGHUP reads the keys of every push provider anew, and a call that waits meanwhile gets through", async () => {
  const stage = await PushStage.prepare();
  const { midreg, keys } = stage;
  const restore = [
    swapFile(keys.serviceAccount, otherAccount(keys.serviceAccount)),
    swapFile(keys.vapidKey, otherEcKey()),
    swapFile(keys.webhookSecret, "another secret of good length"),
  ];
  await midreg.start();
  const { pid } = midreg;
  const phones = new Map<PushKind, WirePhone>();
  for (const kind of ["apns", "fcm", "webpush", "webhook"] as const) {
    // oxlint-disable-next-line no-await-in-loop -- One after the other.
    const phone = await stage.openSleeper(`user-${kind}`, kind);
    // oxlint-disable-next-line no-await-in-loop
    expect(statusOf(await phone.register())).toBe(200);
    phones.set(kind, phone);
  }
  const phoneOf = (kind: PushKind): WirePhone => {
    const phone = phones.get(kind);
    if (phone === undefined) throw new Error(kind);
    return phone;
  };

  const waiting = call(stage, phoneOf("apns"));
  await waitUntil("the push to APNs", () => stage.pushesFor("user-apns") === 1, SETTLED);
  const others = (["fcm", "webpush", "webhook"] as const).map(phoneOf);
  expect(await Promise.all(others.map(async (phone) => call(stage, phone)))).toEqual([
    480, 480, 480,
  ]);
  expect(stage.pushes).toHaveLength(1);

  for (const back of restore) back();
  const restoreApns = swapFile(keys.apnsKey, otherEcKey());
  await hangUp(stage, "keys of push providers read again");
  const answers = others.map(async (phone) => call(stage, phone));
  for (const { user } of others) {
    // oxlint-disable-next-line no-await-in-loop -- All of them wait.
    await waitUntil(`the push for ${user}`, () => stage.pushesFor(user) === 1, SETTLED);
  }
  for (const phone of phones.values()) {
    // oxlint-disable-next-line no-await-in-loop -- One after the other.
    expect(statusOf(await phone.register())).toBe(200);
  }
  expect(await Promise.all([waiting, ...answers])).toEqual([200, 200, 200, 200]);
  expect([...phones.values()].map((phone) => phone.count("INVITE"))).toEqual([1, 1, 1, 1]);
  // The key of APNs was read anew as well.
  expect(await call(stage, phoneOf("apns"))).toBe(480);

  restoreApns();
  const fault = swapFile(keys.vapidKey, "no key");
  await hangUp(stage, "keys of push providers not read again");
  // All or none: APNs still has the bad one.
  expect(await call(stage, phoneOf("apns"))).toBe(480);
  fault();
  await hangUp(stage, "keys of push providers read again");
  const last = call(stage, phoneOf("apns"));
  await waitUntil("the push to APNs", () => stage.pushesFor("user-apns") === 2, SETTLED);
  await phoneOf("apns").register();
  expect(await last).toBe(200);
  expect(midreg.pid).toBe(pid);
  const secrets = [keys.webhookSecret, keys.vapidKey, keys.apnsKey].map((file) =>
    readFileSync(file, "utf8").trim(),
  );
  for (const secret of secrets)
    expect(midreg.output).not.toContain(secret.split("\n").at(-2) ?? secret);
  expect(await midreg.stop()).toEqual({ code: 0, signal: null });
});
