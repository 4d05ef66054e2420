import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BREAKER_FAILURES, MAX_LANES } from "../../src/gateway/limits.ts";
import { isPublicAddress, lookupPublic } from "../../src/gateway/public-address.ts";
import { parseSubscription } from "../../src/gateway/subscription.ts";
import { runs } from "../support/effort.ts";
import { devices, PushWorld, REAL_CLOCK } from "./fixtures.ts";

describe("an address that a subscription may be at", () => {
  test.each(["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450:4001::5"])(
    "%s is one",
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  test.each([
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "fe80::1",
    "fc00::1",
    "fd12::1",
    "ff02::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2001::1",
    "localhost",
    "",
  ])("%j is none", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  test("names that have another one are refused when a connection is made", async () => {
    const refused = await new Promise((resolve) => {
      lookupPublic("localhost", { all: true }, (error) => resolve(error));
    });
    expect(refused).toMatchObject({ code: "ADDRESS_REFUSED" });
  });
});

describe("a subscription", () => {
  const HOSTS = ["push.example.com", "*.notify.example.net", "other.example.com:8443", "[::1]:9"];

  test.each([
    "https://push.example.com/a/b?c=d",
    "https://PUSH.example.com:443/x",
    "https://db5p.notify.example.net/w/",
    "https://push.example.com./x",
    "https://other.example.com:8443/",
    "https://[::1]:9/x",
  ])("%s may be pushed to", (url) => {
    expect(parseSubscription(url, HOSTS)).toBeDefined();
  });

  test.each([
    "",
    "http://push.example.com/x",
    "ftp://push.example.com/x",
    "//push.example.com/x",
    "https://push.example.com:8443/x",
    "https://user:password@push.example.com/x",
    "https://push.example.com@evil.example/x",
    "https://push.example.com\\@evil.example/x",
    "https://push.example.com#@evil.example/",
    "https://push.example.com.evil.example/x",
    "https://xpush.example.com/x",
    "https://notify.example.net/x",
    "https://evilnotify.example.net.x/x",
    "https://127.0.0.1/x",
    "https://0x7f000001/x",
    "https://[::1]/x",
    "https://push.example.com/ x",
    "https://push.example.com/\r\nHost: x",
    `https://push.example.com/${"x".repeat(2048)}`,
  ])("%j may not", (url) => {
    expect(parseSubscription(url, HOSTS)).toBeUndefined();
  });

  test("at a name that ends in a period is at the same push service", () => {
    const { url, origin } = parseSubscription("https://push.example.com./x", HOSTS) ?? {};
    expect([url, origin]).toEqual(["https://push.example.com/x", "https://push.example.com"]);
  });

  test("whatever a phone writes, midreg connects to listed hosts only", () => {
    const part = fc.constantFrom(
      "https://",
      "push.example.com",
      "@",
      "evil.example",
      ":",
      "443",
      "/",
      "\\",
      "?",
      "#",
      "%40",
      "[::1]",
      ".",
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const found = parseSubscription(parts.join(""), ["push.example.com"]);
        const host = found === undefined ? undefined : new URL(found.url).host;
        expect([undefined, "push.example.com"]).toContain(host);
      }),
      runs(500),
    );
  });

  test.each([
    ["a name that is this machine", "localhost", "address-refused"],
    ["a literal of this machine", "127.0.0.1", "no-provider"],
    ["a literal in another writing", "0x7f.1", "no-provider"],
  ])("%s is not connected to, even where all hosts are listed", async (_, host, reason) => {
    const world = await PushWorld.open((yaml) =>
      yaml
        .replace(/hosts: \["127.0.0.1(:\d+)"\]/u, 'hosts: ["*$1"]')
        .replace("allow_private: true", "allow_private: false"),
    );
    const origin = world.server.origin.replace("127.0.0.1", host);
    const before = world.server.connectionCount;
    const outcome = await world.push(devices.webpush("aa", origin));
    expect(outcome).toMatchObject({ result: "rejected", reason });
    expect(world.server.connectionCount).toBe(before);
  });
});

describe("a push to a push service", () => {
  test("has no body, a life, an urgency and a topic", async () => {
    const world = await PushWorld.open();
    await world.push(devices.webpush("aa", world.server.origin));
    await world.push(devices.webpush("aa", world.server.origin), { purpose: "refresh" });
    const [call, refresh] = world.pushes.map(({ received }) => received);
    expect(call).toMatchObject({ body: "", headers: { ttl: "5", urgency: "high" } });
    expect(call?.headers["topic"]).toMatch(/^[\w-]{1,32}$/u);
    expect(refresh?.headers["urgency"]).toBe("normal");
    expect(world.gateway.vapidKey("webpush")).toBe(world.server.keys.vapidPublicKey);
    expect(world.gateway.vapidKey("apns")).toBeUndefined();
  });

  test.each([
    ["301", "rejected"],
    ["307", "rejected"],
    ["400", "rejected"],
    ["403", "rejected"],
    ["404", "dead-token"],
    ["410", "dead-token"],
    ["413", "rejected"],
  ])("that answers %s is %s, asked once, and no redirect is followed", async (status, result) => {
    const world = await PushWorld.open();
    world.fail(`webpush:*:${status}`);
    const outcome = await world.push(devices.webpush("aa", world.server.origin));
    expect(outcome).toMatchObject({ result, reason: status });
    expect(world.lines).toHaveLength(1);
  });

  test("wants no pn-param (RFC 8599 section 12)", async () => {
    const world = await PushWorld.open();
    const device = devices.webpush("aa", world.server.origin);
    expect(world.gateway.canPush(device)).toBe(true);
    expect(world.gateway.canPush({ ...device, param: "x" })).toBe(false);
  });
});

describe("push services that phones have made up", () => {
  const MANY = 70;

  /** All hosts are listed, as with *.DOMAIN, and at most of them nobody listens. */
  async function openToAll(): Promise<{ world: PushWorld; origins: string[] }> {
    const world = await PushWorld.open((yaml) =>
      yaml.replace(/hosts: \["127.0.0.1(:\d+)"\]/u, 'hosts: ["*$1"]'),
    );
    const { port } = new URL(world.server.origin);
    const origins = Array.from({ length: MANY }, (_, at) => `https://127.0.9.${at + 1}:${port}`);
    return { world, origins };
  }

  test("do not keep midreg from those that are there, though they have failed", async () => {
    const { world, origins } = await openToAll();
    const deadlineMs = REAL_CLOCK.nowMs() + 1500;
    const sent = origins.flatMap((origin) =>
      Array.from({ length: BREAKER_FAILURES }, async (_, at) =>
        world.push(devices.webpush(`a${at}`, origin), { deadlineMs }),
      ),
    );
    await Promise.all(sent);
    const outcome = await world.push(devices.webpush("aa", world.server.origin));
    expect(outcome).toMatchObject({ result: "accepted" });
  });

  test("nor while pushes wait for them, as those to refresh can for long", async () => {
    const { world, origins } = await openToAll();
    const waiting = origins.flatMap((origin) =>
      Array.from({ length: BREAKER_FAILURES + 1 }, async (_, at) =>
        world.push(devices.webpush(`a${at}`, origin), {
          purpose: "refresh",
          deadlineMs: REAL_CLOCK.nowMs() + 600_000,
        }),
      ),
    );
    await expect
      .poll(() => world.log.lines.filter((line) => line.includes("is left alone")).length)
      .toBeGreaterThanOrEqual(MAX_LANES);
    const outcome = await world.push(devices.webpush("aa", world.server.origin));
    expect(outcome).toMatchObject({ result: "accepted" });
    world.gateway.stop();
    const results = (await Promise.all(waiting)).map(({ reason }) => reason);
    expect(new Set(results)).toEqual(new Set(["too-many-hosts", "stopping"]));
  });
});
