/** dead_flow: remove, and a restart: connections end with the process, and nobody is told of that. */
import { setTimeout as pause } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { waitUntil } from "../support/wait-until.ts";
import { afterwards } from "./left-over.ts";
import { StreamScene } from "./stream-scene.ts";
import { WirePhone } from "./wire-phone.ts";

// Some seconds is what most take; the machine may be busy with other things.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const SOON = { timeoutMs: 60_000, everyMs: 20 };

function isBound(scene: StreamScene, user: string): boolean {
  return scene.registrar.isBound(`sip:${user}@sip.test`);
}

test("phones that do not come back within the grace are removed here and upstream, others stay", async () => {
  const dead = { dead_flow: "remove", dead_flow_grace: 4 };
  const scene = await StreamScene.start({ mid_registrar: dead });
  const udp = await WirePhone.openPhone("udp", scene.portOf("udp"));
  afterwards(async () => udp.close());
  const users = ["lost", "back", "secure", "web"] as const;
  const transports = ["tcp", "tcp", "tls", "wss"] as const;
  await udp.register();
  const phones = users.map((user, at) => scene.phone(user, transports[at] ?? "tcp"));
  expect(await Promise.all(phones.map(async (phone) => phone.register()))).toEqual([
    200, 200, 200, 200,
  ]);
  await scene.crash();
  const startedAtMs = performance.now();
  // Nothing that was acknowledged is lost by the crash itself.
  expect((await scene.users()).toSorted()).toEqual(["back", "lost", "secure", "udp", "web"]);
  const back = scene.phone("back", "tcp");
  expect(await back.register()).toBe(200);
  await waitUntil("the lost are gone", async () => (await scene.users()).length === 2, SOON);
  expect(performance.now() - startedAtMs).toBeGreaterThan(3500);
  expect((await scene.users()).toSorted()).toEqual(["back", "udp"]);
  await waitUntil("the main registrar has heard", () => !isBound(scene, "lost"), SOON);
  await waitUntil(
    "of all of them",
    () => !isBound(scene, "secure") && !isBound(scene, "web"),
    SOON,
  );
  expect([isBound(scene, "back"), isBound(scene, "udp")]).toEqual([true, true]);
  const { decisions } = (await scene.ask("/api/v1/aors/back@sip.test")) as {
    decisions: readonly { kind: string }[];
  };
  expect(decisions.some(({ kind }) => kind === "flow-end")).toBe(false);
});

test("with dead_flow keep they all stay", async () => {
  const scene = await StreamScene.start({ mid_registrar: { dead_flow_grace: 0 } });
  const phone = scene.phone("kept", "tcp");
  expect(await phone.register()).toBe(200);
  await scene.crash();
  await pause(3000);
  expect(await scene.users()).toEqual(["kept"]);
});
