import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { FcmAccess } from "../../src/gateway/fcm-access.ts";
import { readFcmAnswer } from "../../src/gateway/fcm-answer.ts";
import { buildFcmMessage } from "../../src/gateway/fcm-message.ts";
import { HttpsClient } from "../../src/gateway/https-client.ts";
import { readCa } from "../../src/gateway/key-files.ts";
import { readServiceAccount } from "../../src/gateway/service-account.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { buildPush, devices, PushWorld, REAL_CLOCK, virtualTimers } from "./fixtures.ts";

const error = (status: string, ...details: object[]): string =>
  JSON.stringify({ error: { status, message: "x", details } });
const code = (errorCode: string): object => ({ "@type": "FcmError", errorCode });
const violation = (field: string): object => ({ fieldViolations: [{ field }] });

describe("an answer of FCM", () => {
  test.each([
    [200, "{}", "accepted", ""],
    [404, error("NOT_FOUND", code("UNREGISTERED")), "dead-token", "UNREGISTERED"],
    [
      403,
      error("PERMISSION_DENIED", code("SENDER_ID_MISMATCH")),
      "dead-token",
      "SENDER_ID_MISMATCH",
    ],
    [
      400,
      error("INVALID_ARGUMENT", code("INVALID_ARGUMENT"), violation("message.token")),
      "dead-token",
      "INVALID_ARGUMENT",
    ],
    [
      400,
      error("INVALID_ARGUMENT", violation("message.android.ttl")),
      "rejected",
      "INVALID_ARGUMENT",
    ],
    [404, error("NOT_FOUND"), "rejected", "NOT_FOUND"],
    [403, error("PERMISSION_DENIED"), "rejected", "PERMISSION_DENIED"],
    [
      401,
      error("UNAUTHENTICATED", code("THIRD_PARTY_AUTH_ERROR")),
      "rejected",
      "THIRD_PARTY_AUTH_ERROR",
    ],
    [429, error("RESOURCE_EXHAUSTED", code("QUOTA_EXCEEDED")), "throttled", "QUOTA_EXCEEDED"],
    [503, error("UNAVAILABLE"), "unavailable", "UNAVAILABLE"],
    [500, "<html>", "unavailable", "500"],
    [418, '{"error":{"status":"constructor"}}', "rejected", "418"],
    [400, '{"error":{"details":[null,7,{"fieldViolations":[null]}]}}', "rejected", "400"],
  ])("%i %s is %s %s", (status, body, result, reason) => {
    const answer = { kind: "answer", status, body, retryAfter: undefined } as const;
    expect(readFcmAnswer(answer, 0).outcome).toMatchObject({ result, reason });
  });

  test("without a Retry-After a quota pauses everything for a minute", () => {
    const answer = { kind: "answer", status: 429, body: "" } as const;
    expect(readFcmAnswer({ ...answer, retryAfter: undefined }, 0).pauseMs).toBe(60_000);
    expect(readFcmAnswer({ ...answer, retryAfter: "7" }, 0).pauseMs).toBe(7000);
    const date = new Date(90_000).toUTCString();
    expect(readFcmAnswer({ ...answer, retryAfter: date }, 60_000).pauseMs).toBe(30_000);
  });
});

test("a message has data of texts only, and wakes at once except for a refresh", () => {
  const clock = virtualTimers(new VirtualClock());
  const caller = { uri: "sip:bob@example.com", displayName: 'B"ob' };
  const deadlineMs = clock.nowMs() + 9000;
  const push = buildPush(devices.fcm("aa"), { caller, deadlineMs });
  const parsed: unknown = JSON.parse(buildFcmMessage(push, clock));
  expect(parsed).toMatchObject({
    message: {
      token: push.device.prid,
      android: { priority: "HIGH", ttl: "9s", data: { "display-name": 'B"ob', purpose: "call" } },
    },
  });
  const refresh = buildFcmMessage({ ...push, purpose: "refresh", caller: undefined }, clock);
  expect(refresh).toContain('"priority":"NORMAL"');
  expect(refresh).not.toContain("bob");
});

describe("the access token of FCM", () => {
  test("is asked for once by all who wait, and kept until five minutes before its end", async () => {
    const world = await PushWorld.open();
    const { serviceAccount, ca } = world.server.keys.files;
    const account = readServiceAccount(serviceAccount);
    const client = new HttpsClient({ ca: readCa(ca) });
    let aheadMs = 0;
    const clock = {
      nowMs: () => REAL_CLOCK.nowMs() + aheadMs,
      wallMs: () => Date.now(),
      after: () => () => undefined,
    };
    const access = new FcmAccess({ account, tokenEndpoint: undefined }, client, clock);
    await Promise.all([access.get(), access.get(), access.get()]);
    expect(world.server.fcm.tokens).toHaveLength(1);
    aheadMs = 54 * 60_000;
    await access.get();
    expect(world.server.fcm.tokens).toHaveLength(1);
    aheadMs = 55 * 60_000;
    await access.get();
    expect(world.server.fcm.tokens).toHaveLength(2);
    client.stop();
  });

  test.each([
    ["no JSON", "<html>Please log in to this network</html>"],
    ["no token", '{"expires_in":3599}'],
    ["a token that breaks out of its header", '{"access_token":"a\\r\\nX: 1","expires_in":3599}'],
    ["a token that is none", '{"access_token":{"a":1},"expires_in":3599}'],
  ])("is not there where the answer has %s, and is asked for again", async (_, body) => {
    let asked = 0;
    const server = createServer((request, response) => {
      request.resume();
      asked += 1;
      response.end(body);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const world = await PushWorld.open((yaml) =>
      yaml.replace(
        /^( *)- service_account:/mu,
        `$1- token_endpoint: http://127.0.0.1:${port}\n$1  service_account:`,
      ),
    );
    const deadlineMs = REAL_CLOCK.nowMs() + 1000;
    expect(await world.push(devices.fcm("aa"), { deadlineMs })).toMatchObject({
      result: "unavailable",
      reason: "no-access-token",
    });
    expect(asked).toBeGreaterThan(1);
    expect(world.pushes).toEqual([]);
  });

  test("is asked for anew when Google has taken it back", async () => {
    const world = await PushWorld.open();
    await world.push(devices.fcm("aa"));
    world.server.fcm.revoke();
    expect(await world.push(devices.fcm("aa"))).toMatchObject({ result: "accepted" });
    expect(await world.metrics.render()).toContain('push_retries_total{provider="fcm"} 0');
  });

  test("a 401 for a fresh token ends the push and pauses, so that Google is not asked over and over", async () => {
    const world = await PushWorld.open();
    world.fail("fcm:*:UNAUTHENTICATED:2");
    const refused = { result: "rejected", reason: "UNAUTHENTICATED" };
    expect(await world.push(devices.fcm("aa"))).toMatchObject(refused);
    expect(world.lines).toHaveLength(2);
    expect(await world.push(devices.fcm("aa"))).toMatchObject(refused);
    expect(world.lines).toHaveLength(2);
  });

  test.each([
    ["invalid_grant", "rejected", "no-access-token"],
    ["503", "unavailable", "503"],
  ])("when the token endpoint says %s the push is %s", async (said, result, reason) => {
    const world = await PushWorld.open();
    world.fail(`token:*:${said}`);
    const deadlineMs = REAL_CLOCK.nowMs() + 600;
    expect(await world.push(devices.fcm("aa"), { deadlineMs })).toMatchObject({ result, reason });
    expect(world.pushes).toEqual([]);
  });
});

test("a project is known by its name, and by its number where that is set", async () => {
  const world = await PushWorld.open((yaml) =>
    yaml.replace("- service_account:", '- project_number: "123456"\n        service_account:'),
  );
  const device = devices.fcm("aa");
  expect(world.gateway.canPush({ ...device, param: "123456" })).toBe(true);
  expect(await world.push({ ...device, param: "123456" })).toMatchObject({ result: "accepted" });
  expect(world.gateway.canPush({ ...device, param: "other" })).toBe(false);
  expect(world.gateway.canPush({ ...device, prid: "a b" })).toBe(false);
});
