/** How pushes share a connection to APNs: what is on it at once, and when there is another one. */

import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { ApnsSender } from "../../src/gateway/apns-sender.ts";
import type { Attempt, GatewayClock } from "../../src/gateway/push-sender.ts";
import { buildPush, devices, REAL_CLOCK, TEAM } from "./fixtures.ts";
import { ScriptedApns } from "./scripted-apns.ts";

const CLOCK: GatewayClock = {
  nowMs: () => REAL_CLOCK.nowMs(),
  wallMs: () => REAL_CLOCK.wallMs(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Long enough for what may happen on the loopback to have happened. */
const QUIET_MS = 150;

interface Scene {
  readonly apns: ScriptedApns;
  readonly sender: ApnsSender;
  /** Sends one push; its token begins so. */
  readonly push: (beginning: string) => Promise<Attempt>;
}

async function open(): Promise<Scene> {
  const directory = mkdtempSync(join(tmpdir(), "midreg-apns-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const keyFile = join(directory, "key.p8");
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  writeFileSync(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }));
  const apns = await ScriptedApns.open();
  const options = { keyFile, keyId: "K".repeat(10), teamId: TEAM, bundles: [], caFile: undefined };
  const sender = new ApnsSender("apns", { ...options, endpoint: apns.endpoint }, CLOCK);
  onTestFinished(() => sender.stop());
  const push = async (beginning: string): Promise<Attempt> =>
    sender.attempt(buildPush(devices.apns(beginning)), new AbortController().signal);
  return { apns, sender, push };
}

const MANY = ["aa", "bb", "cc", "dd", "ee"];

function pushMany({ push }: Scene): Array<Promise<Attempt>> {
  return MANY.map(async (beginning) => push(beginning));
}

describe("a new connection", () => {
  test("has one push at a time on it until one has been accepted, then as many as there are", async () => {
    const scene = await open();
    const { apns } = scene;
    const attempts = pushMany(scene);
    await expect.poll(() => apns.open.length).toBe(1);
    await pause(QUIET_MS);
    expect(apns.pushes).toHaveLength(1);
    apns.answer(apns.open[0], 200);
    await expect.poll(() => apns.open.length).toBe(4);
    for (const one of apns.open) apns.answer(one, 200);
    const results = (await Promise.all(attempts)).map(({ outcome }) => outcome.result);
    expect(results).toEqual(MANY.map(() => "accepted"));
    expect(apns.sessions).toBe(1);
  });

  test.each([
    // A token that is dead was looked up, so that ours was good.
    [410, "Unregistered", 4],
    [403, "ExpiredProviderToken", 1],
    [429, "TooManyRequests", 1],
  ])("after %i %s carries so many at a time: %i", async (status, reason, then) => {
    const scene = await open();
    const { apns } = scene;
    const attempts = pushMany(scene);
    await expect.poll(() => apns.open.length).toBe(1);
    apns.answer(apns.open[0], status, reason);
    await expect.poll(() => apns.open.length).toBe(then);
    await pause(QUIET_MS);
    expect(apns.open).toHaveLength(then);
    scene.sender.stop();
    await Promise.all(attempts);
  });
});

describe("a connection on which the token was renewed too often", () => {
  test("is left, with a pause for all; the next one has the same token, one push at a time", async () => {
    const scene = await open();
    const { apns, push } = scene;
    const first = push("aa");
    await expect.poll(() => apns.open.length).toBe(1);
    apns.answer(apns.open[0], 200);
    await first;
    const second = push("bb");
    await expect.poll(() => apns.open.length).toBe(1);
    apns.answer(apns.open[0], 429, "TooManyProviderTokenUpdates");
    const attempt = await second;
    expect(attempt).toMatchObject({
      outcome: { result: "throttled", reason: "TooManyProviderTokenUpdates" },
      isRetriable: true,
      retryAfterMs: 60_000,
      pauseMs: 60_000,
    });
    const attempts = pushMany(scene);
    await expect.poll(() => apns.open.length).toBe(1);
    await pause(QUIET_MS);
    expect(apns.open).toHaveLength(1);
    expect(apns.pushes.map(({ session }) => session)).toEqual([1, 1, 2]);
    expect(new Set(apns.pushes.map(({ authorization }) => authorization)).size).toBe(1);
    scene.sender.stop();
    await Promise.all(attempts);
  });

  test("lets those under way on it end", async () => {
    const { apns, push } = await open();
    const first = push("aa");
    await expect.poll(() => apns.open.length).toBe(1);
    apns.answer(apns.open[0], 200);
    await first;
    const [slow, refused] = [push("bb"), push("cc")];
    await expect.poll(() => apns.open.length).toBe(2);
    const [open1, open2] = apns.open;
    apns.answer(open2, 429, "TooManyProviderTokenUpdates");
    await refused;
    apns.answer(open1, 200);
    expect((await slow).outcome.result).toBe("accepted");
  });
});

describe("when the keys are read anew", () => {
  test("what is under way ends as it began, and what waits goes by the new connection", async () => {
    const scene = await open();
    const { apns, sender } = scene;
    const attempts = pushMany(scene);
    await expect.poll(() => apns.open.length).toBe(1);
    sender.prepare()();
    await expect.poll(() => apns.open.length).toBe(2);
    apns.answer(apns.open[0], 200);
    apns.answer(apns.open[0], 200);
    await expect.poll(() => apns.open.length).toBe(3);
    for (const one of apns.open) apns.answer(one, 200);
    const results = (await Promise.all(attempts)).map(({ outcome }) => outcome.result);
    expect(results).toEqual(MANY.map(() => "accepted"));
    expect(apns.pushes.map(({ session }) => session)).toEqual([1, 2, 2, 2, 2]);
  });
});
