/**
 * What every push sender has to do, whatever its provider. A sender's test calls `testPushSender` with devices of its
 * provider and the failures that the fake provider knows for it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { BREAKER_FAILURES } from "../../src/gateway/limits.ts";
import type { PushDevice } from "../../src/location/push-device.ts";
import { PushWorld, REAL_CLOCK } from "../gateway/fixtures.ts";

export interface PushSenderContract {
  readonly name: string;
  /** As the fake provider calls it. */
  readonly provider: "apns" | "fcm" | "webpush" | "http";
  /** A device whose token begins so. */
  readonly device: (beginning: string, origin: string) => PushDevice;
  /** Reasons of the fake provider. */
  readonly dead: string;
  readonly throttled: string;
  readonly broken: string;
  /** What is refused for the sake of one device or message. */
  readonly refused: string;
  /** The file with the key that midreg pushes with. */
  readonly keyFile: (world: PushWorld) => string;
  /** Another key of the same form. */
  readonly otherKey: (world: PushWorld) => string;
}

export function testPushSender(contract: PushSenderContract): void {
  const { name, provider, dead, throttled, broken, refused } = contract;
  const device = (world: PushWorld, beginning = "aa"): PushDevice =>
    contract.device(beginning, world.server.origin);

  describe(`${name} as a push sender`, () => {
    test("a push that the provider takes is accepted, and has arrived", async () => {
      const world = await PushWorld.open();
      expect(world.gateway.canPush(device(world))).toBe(true);
      expect(await world.push(device(world))).toMatchObject({ result: "accepted", reason: "" });
      expect(world.pushes).toHaveLength(1);
      expect(world.pushes[0]).toMatchObject({ provider });
    });

    test("the end is told once, and not before send has returned", async () => {
      const world = await PushWorld.open();
      const told: string[] = [];
      const deadlineMs = REAL_CLOCK.nowMs() - 1;
      const push = { purpose: "call", topic: "", callId: "", caller: undefined } as const;
      world.gateway.send({ ...push, device: device(world), deadlineMs }, ({ result }) => {
        told.push(result);
      });
      told.push("returned");
      await expect.poll(() => told).toEqual(["returned", "timeout"]);
      await world.push(device(world));
      expect(told).toEqual(["returned", "timeout"]);
      expect(world.pushes).toHaveLength(1);
    });

    test("a dead token is told as such, and not tried again", async () => {
      const world = await PushWorld.open();
      world.fail(`${provider}:dead:${dead}`);
      expect(await world.push(device(world, "dead"))).toMatchObject({ result: "dead-token" });
      expect(world.lines).toHaveLength(1);
      expect(await world.push(device(world, "aa"))).toMatchObject({ result: "accepted" });
    });

    test("devices that are refused again and again, as phones can bring about, cost the others nothing", async () => {
      const world = await PushWorld.open();
      world.fail(`${provider}:5ad:${refused}`);
      for (let count = 0; count < 2 * BREAKER_FAILURES; count += 1) {
        // oxlint-disable-next-line no-await-in-loop -- Failures in a row.
        const outcome = await world.push(device(world, "5ad"));
        expect(outcome).toMatchObject({ result: "rejected", reason: refused });
      }
      expect(await world.push(device(world, "aa"))).toMatchObject({ result: "accepted" });
      expect(world.log.lines.join("")).not.toContain("is left alone");
    });

    test("an error of the provider is tried again", async () => {
      const world = await PushWorld.open();
      world.fail(`${provider}:*:${broken}:2`);
      expect(await world.push(device(world))).toMatchObject({ result: "accepted" });
      expect(world.lines).toHaveLength(3);
    });

    test("an error that stays is told when there is no time left", async () => {
      const world = await PushWorld.open();
      world.fail(`${provider}:*:${broken}`);
      const deadlineMs = REAL_CLOCK.nowMs() + 900;
      const outcome = await world.push(device(world), { deadlineMs });
      expect(outcome).toMatchObject({ result: "unavailable", reason: broken });
      // When the attempts are made is seen on virtual time, in push-lane.test.ts.
      expect(world.lines.length).toBeGreaterThan(0);
    });

    test("Retry-After is obeyed where the deadline allows for it", async () => {
      const world = await PushWorld.open();
      world.fail(`${provider}:*:${throttled}:1:1`);
      const startedMs = Date.now();
      expect(await world.push(device(world))).toMatchObject({ result: "accepted" });
      expect(Date.now() - startedMs).toBeGreaterThanOrEqual(1000);
      expect(world.lines).toHaveLength(2);
    });

    test("with a Retry-After beyond the deadline the push ends at once", async () => {
      const world = await PushWorld.open();
      world.fail(`${provider}:*:${throttled}:1:60`);
      const deadlineMs = REAL_CLOCK.nowMs() + 20_000;
      expect(await world.push(device(world), { deadlineMs })).toMatchObject({
        result: "throttled",
      });
      expect(REAL_CLOCK.nowMs()).toBeLessThan(deadlineMs);
      expect(world.lines).toHaveLength(1);
    });

    test("a connection that breaks off is made anew", async () => {
      const world = await PushWorld.open();
      await world.push(device(world));
      world.fail(`${provider}:*:reset:1`);
      expect(await world.push(device(world))).toMatchObject({ result: "accepted" });
    });

    test("a connection that the provider has closed in between is no failure", async () => {
      const world = await PushWorld.open();
      await world.push(device(world));
      world.server.dropConnections();
      expect(await world.push(device(world))).toMatchObject({ result: "accepted" });
    });

    test("silence ends at the deadline", async () => {
      const world = await PushWorld.open();
      world.fail(`${provider}:*:silence`);
      const deadlineMs = REAL_CLOCK.nowMs() + 300;
      const outcome = await world.push(device(world), { deadlineMs });
      expect(outcome).toMatchObject({ result: "timeout" });
      expect(REAL_CLOCK.nowMs()).toBeGreaterThanOrEqual(deadlineMs);
    });

    test("a provider that is not there is unavailable", async () => {
      const world = await PushWorld.open();
      const there = device(world);
      await world.server.stop();
      const deadlineMs = REAL_CLOCK.nowMs() + 300;
      const outcome = await world.push(there, { deadlineMs });
      expect(outcome).toMatchObject({ result: "unavailable", reason: "connection-refused" });
    });

    test("a provider whose certificate is not trusted is told nothing", async () => {
      const world = await PushWorld.open((yaml) => yaml.replaceAll(/^ *ca: .*$/gmu, ""));
      const deadlineMs = REAL_CLOCK.nowMs() + 300;
      const outcome = await world.push(device(world), { deadlineMs });
      expect(outcome).toMatchObject({ result: "unavailable", reason: "certificate" });
      expect(world.lines).toEqual([]);
    });

    test("another key is used from the reload on, and refused where it is a wrong one", async () => {
      const world = await PushWorld.open();
      const file = contract.keyFile(world);
      const right = readFileSync(file, "utf8");
      writeFileSync(file, contract.otherKey(world));
      expect(await world.push(device(world))).toMatchObject({ result: "accepted" });
      world.gateway.reload();
      expect(await world.push(device(world))).toMatchObject({ result: "rejected" });
      writeFileSync(file, right);
      world.gateway.reload();
      expect(await world.push(device(world))).toMatchObject({ result: "accepted" });
    });

    test("a key that cannot be used is named, and the old one stays", async () => {
      const world = await PushWorld.open();
      const file = contract.keyFile(world);
      writeFileSync(file, "no key");
      expect(() => world.gateway.reload()).toThrow(file);
      expect(await world.push(device(world))).toMatchObject({ result: "accepted" });
    });

    test("what was pushed is counted by provider, result and reason", async () => {
      const world = await PushWorld.open();
      world.fail(`${provider}:dead:${dead}`);
      await world.push(device(world, "dead"));
      await world.push(device(world));
      const label = device(world).provider;
      const text = await world.metrics.render();
      const series = `midreg_push_requests_total{provider="${label}",result=`;
      expect(text).toContain(`${series}"accepted",reason=""} 1`);
      expect(text).toContain(`${series}"dead-token",reason="${dead}"} 1`);
      expect(text).toContain(`midreg_push_queued{provider="${label}"} 0`);
    });
  });
}
