import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { readApnsAnswer } from "../../src/gateway/apns-answer.ts";
import { parseApnsDevice } from "../../src/gateway/apns-device.ts";
import { buildApnsMessage } from "../../src/gateway/apns-message.ts";
import { ApnsToken } from "../../src/gateway/apns-token.ts";
import type { Attempt } from "../../src/gateway/push-sender.ts";
import type { Push, PushPurpose } from "../../src/ports.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import {
  apnsToken,
  BEHIND_MS,
  buildPush,
  devices,
  PushWorld,
  TEAM,
  virtualTimers,
} from "./fixtures.ts";

const VOIP = "aa".repeat(32);
const REMOTE = "bb".repeat(32);

describe("a device of APNs", () => {
  test.each([
    // RFC 8599 section 10.
    ["DEF123GHIJ.com.example.yourexampleapp.voip", "00fc13adff78512", { voip: "00fc13adff78512" }],
    // As Linphone and Flexisip write it.
    [
      "ABCD1234EF.org.app.remote&voip",
      `${REMOTE}:remote&${VOIP}:voip`,
      { voip: VOIP, remote: REMOTE },
    ],
    [
      "ABCD1234EF.org.app.voip&remote",
      `${VOIP}:voip&${REMOTE}:remote`,
      { voip: VOIP, remote: REMOTE },
    ],
    ["ABCD1234EF.org.app.voip", `${VOIP}:voip`, { voip: VOIP }],
    ["ABCD1234EF.org.app.remote", REMOTE, { remote: REMOTE }],
    ["ABCD1234EF.org.app", REMOTE, { remote: REMOTE }],
    // What location/push-params.ts makes of app-id, pn-type and pn-tok, which have no team.
    ["org.app.voip", VOIP, { teamId: undefined, bundle: "org.app", voip: VOIP }],
    ["org.app", REMOTE, { teamId: undefined, bundle: "org.app", remote: REMOTE }],
  ])("%s is understood", (param, prid, tokens) => {
    expect(parseApnsDevice({ provider: "apns", param, prid })).toMatchObject(tokens);
  });

  test.each([
    ["", VOIP],
    ["app", VOIP],
    ["org..app", VOIP],
    ["org.app/x", VOIP],
    ["ABCD1234EF", VOIP],
    ["ABCD1234EF.org.app.voip", ""],
    ["ABCD1234EF.org.app.voip", "not-hexadecimal"],
    ["ABCD1234EF.org.app.voip", `${VOIP}/../x`],
    ["ABCD1234EF.org.app.voip", `${VOIP}:other`],
    ["ABCD1234EF.org.app.voip", `${VOIP}:voip&${VOIP}:voip`],
    ["ABCD1234EF.org.app.voip", `${VOIP}:voip:voip`],
    ["ABCD1234EF.org app.voip", VOIP],
  ])("%j with %j is none", (param, prid) => {
    expect(parseApnsDevice({ provider: "apns", param, prid })).toBeUndefined();
  });
});

describe("a push to APNs", () => {
  const timers = virtualTimers(new VirtualClock(Date.UTC(2026, 0, 1)));
  const both = { teamId: TEAM, bundle: "com.example.phone", voip: VOIP, remote: REMOTE };
  const build = (purpose: PushPurpose, device = both as Parameters<typeof buildApnsMessage>[1]) => {
    const deadlineMs = timers.nowMs() + 9500;
    return buildApnsMessage(buildPush(devices.apns("aa"), { purpose, deadlineMs }), device, timers);
  };
  const typeOf = (purpose: PushPurpose, device?: Parameters<typeof build>[1]): string => {
    const headers = build(purpose, device)?.headers;
    if (headers === undefined) return "none";
    const { "apns-push-type": type, "apns-topic": topic, "apns-priority": priority } = headers;
    return `${type} ${topic} ${priority}`;
  };
  const voipOnly = { ...both, remote: undefined };
  const remoteOnly = { ...both, voip: undefined };

  test.each([
    [
      "call",
      "voip com.example.phone.voip 10",
      "voip com.example.phone.voip 10",
      "alert com.example.phone 10",
    ],
    ["message", "alert com.example.phone 10", "none", "alert com.example.phone 10"],
    ["request", "background com.example.phone 5", "none", "background com.example.phone 5"],
    ["refresh", "background com.example.phone 5", "none", "background com.example.phone 5"],
    ["call-over", "background com.example.phone 5", "none", "background com.example.phone 5"],
    [
      "test",
      "background com.example.phone 5",
      "voip com.example.phone.voip 10",
      "background com.example.phone 5",
    ],
  ] as const)(
    "for a %s has its type by the tokens there are",
    (purpose, withBoth, voip, remote) => {
      expect([typeOf(purpose), typeOf(purpose, voipOnly), typeOf(purpose, remoteOnly)]).toEqual([
        withBoth,
        voip,
        remote,
      ]);
    },
  );

  test("ends at its deadline, in its headers and in its payload", () => {
    const message = build("call");
    const expiresAt = Date.UTC(2026, 0, 1) / 1000 + 10;
    expect(message?.headers).toMatchObject({
      ":path": `/3/device/${VOIP}`,
      "apns-expiration": String(expiresAt),
    });
    expect(message?.headers["apns-collapse-id"]?.length).toBeLessThanOrEqual(64);
    expect(JSON.parse(message?.body ?? "")).toMatchObject({ pn_ttl: 10, "expires-at": expiresAt });
  });

  test("tells who calls only when it is given, and whatever that is, it is JSON of legal size", () => {
    const texts = [
      '"},"aps":{"x":"',
      "\u0000".repeat(500),
      "J\u00c3\u00b6rg",
      "\u00ff\u00fe",
      "\\",
    ];
    expect(build("call")?.body).not.toContain("from-uri");
    for (const text of texts) {
      const caller = { uri: `sip:${text}@example.com`, displayName: text };
      const push: Push = { ...buildPush(devices.apns("aa")), caller, callId: text };
      const { body = "" } = buildApnsMessage(push, both, timers) ?? {};
      expect(Buffer.byteLength(body)).toBeLessThanOrEqual(4096);
      expect(JSON.parse(body)).not.toHaveProperty("x");
    }
    const push = {
      ...buildPush(devices.apns("aa")),
      caller: { uri: "sip:j@e", displayName: "J\u00c3\u00b6rg" },
    };
    const { body = "" } = buildApnsMessage(push, both, timers) ?? {};
    expect(JSON.parse(body)).toMatchObject({ "from-uri": "sip:j@e", "display-name": "Jörg" });
  });
});

const read = (status: number, reason: string, retryAfterMs?: number): Attempt =>
  readApnsAnswer({ status, reason, timestampMs: 5000, retryAfterMs }, 1000);

describe("an answer of APNs", () => {
  test.each([
    [200, "", "accepted", "", false, "good"],
    [400, "BadDeviceToken", "dead-token", "BadDeviceToken", false, "good"],
    [400, "DeviceTokenNotForTopic", "dead-token", "DeviceTokenNotForTopic", false, "good"],
    [400, "BadTopic", "rejected", "BadTopic", false, "good"],
    [400, "NeverHeardOf", "rejected", "400", false, "good"],
    [400, "__proto__", "rejected", "400", false, "good"],
    [403, "InvalidProviderToken", "rejected", "InvalidProviderToken", false, "bad"],
    [403, "ExpiredProviderToken", "rejected", "ExpiredProviderToken", false, "bad"],
    [410, "Unregistered", "dead-token", "Unregistered", false, "good"],
    [410, "ExpiredToken", "dead-token", "ExpiredToken", false, "good"],
    [413, "PayloadTooLarge", "rejected", "PayloadTooLarge", false, "good"],
    [429, "TooManyRequests", "throttled", "TooManyRequests", true, "good"],
    [429, "TooManyProviderTokenUpdates", "throttled", "TooManyProviderTokenUpdates", true, "good"],
    [500, "InternalServerError", "unavailable", "InternalServerError", true, "bad"],
    [503, "Shutdown", "unavailable", "Shutdown", true, "bad"],
    [503, "", "unavailable", "503", true, "bad"],
  ] as const)("%i %s is %s", (...row) => {
    const [status, said, result, reason, isRetriable, health] = row;
    const attempt = read(status, said);
    expect(attempt).toMatchObject({ outcome: { result, reason }, isRetriable, health });
  });

  test("of a dead token says since when, on the steady timeline", () => {
    expect(read(410, "Unregistered").outcome.deadSinceMs).toBe(4000);
    expect(read(400, "BadTopic").outcome.deadSinceMs).toBeUndefined();
  });

  test("to one device that gets too much does not hold up the others; too many tokens hold up all", () => {
    expect(read(429, "TooManyRequests", 7000)).toMatchObject({ retryAfterMs: 7000 });
    expect(read(429, "TooManyRequests", 7000).pauseMs).toBeUndefined();
    expect(read(429, "TooManyProviderTokenUpdates").pauseMs).toBe(60_000);
  });
});

describe("the token that proves midreg to Apple", () => {
  const { privateKey: key } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const open = (): { clock: VirtualClock; token: ApnsToken } => {
    const clock = new VirtualClock();
    const token = new ApnsToken({ key, keyId: "K".repeat(10), teamId: TEAM }, virtualTimers(clock));
    return { clock, token };
  };
  const MINUTE_MS = 60_000;

  test("is used for fifty minutes", () => {
    const { clock, token } = open();
    const first = token.current;
    clock.advance(50 * MINUTE_MS - 1);
    expect(token.current).toBe(first);
    clock.advance(1);
    expect(token.current).not.toBe(first);
  });

  test("is made anew when the wall clock was set, since Apple compares it with its own", () => {
    const { clock, token } = open();
    const first = token.current;
    clock.advance(MINUTE_MS);
    clock.stepWall(30_000);
    expect(token.current).toBe(first);
    clock.stepWall(-2 * 3_600_000);
    const second = token.current;
    expect(second).not.toBe(first);
    const claims = Buffer.from(second.split(".")[1] ?? "", "base64url").toString();
    expect(JSON.parse(claims)).toMatchObject({ iat: Math.floor(clock.wallMs() / 1000) });
    expect(token.current).toBe(second);
  });

  test("is made anew once when Apple calls it too old, and not again within twenty minutes", () => {
    const { clock, token } = open();
    const first = token.current;
    clock.advance(MINUTE_MS);
    expect(token.renew(first)).toBe(true);
    const second = token.current;
    expect(second).not.toBe(first);
    // What was still under way with the first one needs no further token.
    expect(token.renew(first)).toBe(true);
    expect(token.current).toBe(second);
    expect(token.renew(second)).toBe(false);
    clock.advance(20 * MINUTE_MS);
    expect(token.renew(second)).toBe(true);
  });
});

describe("the connection to APNs", () => {
  test("carries one push until the first is accepted, then many at once", async () => {
    const world = await PushWorld.open();
    const all = Array.from({ length: 50 }, async (_, at) =>
      world.push(devices.apns(String(at).padStart(4, "0"))),
    );
    expect((await Promise.all(all)).every(({ result }) => result === "accepted")).toBe(true);
    expect(world.server.sessionCount).toBe(1);
    expect(world.pushes).toHaveLength(50);
  });

  test("is made anew after a GOAWAY, which costs no push", async () => {
    const world = await PushWorld.open();
    await world.push(devices.apns("aa"));
    world.fail("apns:bb:goaway:1");
    const [before, refused] = await Promise.all([
      world.push(devices.apns("cc")),
      world.push(devices.apns("bb")),
    ]);
    expect([before.result, refused.result]).toEqual(["accepted", "accepted"]);
    const tokens = world.pushes.map(({ token }) => token.slice(0, 2));
    expect(tokens.filter((token) => token === "cc")).toHaveLength(1);
  });

  test("is made anew after a Shutdown", async () => {
    const world = await PushWorld.open();
    world.fail("apns:*:Shutdown:1");
    expect(await world.push(devices.apns("aa"))).toMatchObject({ result: "accepted" });
    await expect.poll(() => world.server.sessionCount).toBe(1);
  });

  test("a token that is too old is made anew once, within the same attempt", async () => {
    const world = await PushWorld.open();
    world.fail("apns:*:ExpiredProviderToken:1");
    expect(await world.push(devices.apns("aa"))).toMatchObject({ result: "accepted" });
    expect(await world.metrics.render()).toContain('push_retries_total{provider="apns"} 0');
    world.fail("apns:*:ExpiredProviderToken:2");
    expect(await world.push(devices.apns("aa"))).toMatchObject({
      result: "rejected",
      reason: "ExpiredProviderToken",
    });
    expect(world.lines).toHaveLength(3);
  });

  test("that says nothing any more is found out before the deadline", {
    timeout: 15_000,
  }, async () => {
    const world = await PushWorld.open();
    world.fail("apns:aa:silence:1");
    const outcome = await world.push(devices.apns("aa"), {
      deadlineMs: Date.now() - BEHIND_MS + 3000,
    });
    expect(outcome.result).toBe("timeout");
    expect(await world.push(devices.apns("aa"))).toMatchObject({ result: "accepted" });
  });

  test("goes to the sandbox for apns.dev, and to no other team's apps", async () => {
    const world = await PushWorld.open((yaml) =>
      yaml.replace(/^ {8}endpoint:.*$/mu, "        endpoint: https://127.0.0.1:1"),
    );
    const device = devices.apns("aa");
    expect(world.gateway.providers).toEqual(["apns", "apns.dev", "fcm", "webpush", "webhook"]);
    expect(await world.push({ ...device, provider: "apns.dev" })).toMatchObject({
      result: "accepted",
    });
    const param = device.param.replace(TEAM, "ANOTHERONE");
    expect(world.gateway.canPush({ ...device, param })).toBe(false);
    expect(await world.push({ ...device, param })).toMatchObject({
      result: "rejected",
      reason: "no-provider",
    });
  });

  test("an app that does not say its team is pushed to where the operator has listed it", async () => {
    const prid = apnsToken("aa");
    const device = { provider: "apns.dev", param: "org.example.phone.voip", prid };
    const unlisted = await PushWorld.open();
    expect(unlisted.gateway.canPush(device)).toBe(false);
    const world = await PushWorld.open((yaml) =>
      yaml.replace(/^( *)key_id:/mu, "$1bundles: [org.example.phone]\n$1key_id:"),
    );
    expect(world.gateway.canPush({ ...device, param: "org.example.other" })).toBe(false);
    expect(await world.push(device)).toMatchObject({ result: "accepted" });
    expect(world.pushes[0]).toMatchObject({ topic: "org.example.phone.voip", type: "voip" });
  });

  test("a device with a token for calls only is not woken for a refresh, and stays alive", async () => {
    const world = await PushWorld.open();
    const prid = `${apnsToken("aa")}:voip`;
    const device = { provider: "apns", param: `${TEAM}.com.example.phone.voip`, prid };
    expect(await world.push(device, { purpose: "refresh" })).toMatchObject({
      result: "rejected",
      reason: "voip-token-only",
    });
    expect(world.lines).toEqual([]);
    expect(await world.push(device)).toMatchObject({ result: "accepted" });
  });
});
