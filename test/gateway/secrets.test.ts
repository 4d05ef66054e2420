import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { buildWebhookBody } from "../../src/gateway/webhook-body.ts";
import type { PushOutcome } from "../../src/ports.ts";
import { runs } from "../support/effort.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { buildPush, devices, PushWorld, REAL_CLOCK, virtualTimers } from "./fixtures.ts";

test("tokens, keys and access tokens are in no log line, metric, outcome, or line of the fake provider", {
  timeout: 60_000,
}, async () => {
  const world = await PushWorld.open();
  const { origin } = world.server;
  const made = {
    apns: devices.apns("5ec0"),
    fcm: devices.fcm("5ec0"),
    webpush: devices.webpush("5ec0", origin),
    http: devices.http("5ec0"),
  };
  const failures = {
    apns: [
      "Unregistered",
      "BadDeviceToken",
      "InvalidProviderToken",
      "TooManyRequests",
      "ServiceUnavailable",
      "goaway",
      "reset",
      "silence",
    ],
    fcm: [
      "UNREGISTERED",
      "INVALID_ARGUMENT",
      "UNAUTHENTICATED",
      "QUOTA_EXCEEDED",
      "UNAVAILABLE",
      "reset",
      "silence",
    ],
    webpush: ["301", "404", "403", "429", "503", "reset", "silence"],
    http: ["301", "400", "410", "429", "500", "reset", "silence"],
  };
  const outcomes: PushOutcome[] = [];
  const kinds = ["apns", "fcm", "webpush", "http"] as const;
  const push = async (kind: (typeof kinds)[number]): Promise<void> => {
    const deadlineMs = REAL_CLOCK.nowMs() + 200;
    const caller = { uri: "sip:caller-uri@example.com", displayName: "caller-name" };
    outcomes.push(await world.push(made[kind], { deadlineMs, caller }));
  };
  const cases = kinds.flatMap((kind) => failures[kind].map((reason) => ({ kind, reason })));
  for (const { kind, reason } of cases) {
    world.server.failures.clear();
    world.fail(`${kind}:*:${reason}`);
    // One after another, since each failure is for one push.
    // oxlint-disable-next-line no-await-in-loop
    await push(kind);
    world.gateway.reload();
  }
  world.server.failures.clear();
  // oxlint-disable-next-line no-await-in-loop
  for (const kind of kinds) await push(kind);
  expect(outcomes.filter(({ result }) => result === "accepted").length).toBeGreaterThanOrEqual(4);

  const { apnsKey, vapidKey, webhookSecret, serviceAccount } = world.server.keys.files;
  const keys = [apnsKey, vapidKey, webhookSecret].map((file) => readFileSync(file, "utf8"));
  const account: unknown = JSON.parse(readFileSync(serviceAccount, "utf8"));
  const key = (account as { readonly private_key: string }).private_key;
  const secrets = [
    ...Object.values(made).flatMap(({ prid }) => prid.split(/[:&/]/u)),
    ...[...keys, key].flatMap((text) => text.split("\n")),
    ...world.server.fcm.tokens,
    ...world.pushes.map(({ received }) => received.headers["authorization"] ?? ""),
    "caller-uri",
    "caller-name",
  ].filter((text) => text.length > 12 && !text.startsWith("-----"));
  expect(secrets.length).toBeGreaterThan(20);
  const shown = [...world.log.lines, await world.metrics.render(), JSON.stringify(outcomes)].join(
    "\n",
  );
  expect(secrets.filter((secret) => shown.includes(secret))).toEqual([]);
  const tokens = Object.values(made).flatMap(({ prid }) => prid.split(/[:&/]/u));
  const printed = JSON.stringify(world.lines);
  expect(tokens.filter((token) => token.length > 12 && printed.includes(token))).toEqual([]);
});

test("nothing that a phone or a caller writes can break out of a webhook's body", () => {
  const clock = virtualTimers(new VirtualClock());
  const bytes = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  });
  const template = {
    to: "x{prid}y",
    who: { name: "{caller_name}", list: ["{caller_uri}", 7, null, true] },
    ttl: "{ttl}",
  };
  fc.assert(
    fc.property(bytes, bytes, bytes, (prid, uri, displayName) => {
      const device = { provider: "acme", param: "", prid };
      const push = buildPush(device, {
        caller: { uri, displayName },
        deadlineMs: clock.nowMs() + 5000,
      });
      const parsed: unknown = JSON.parse(buildWebhookBody(template, push, clock));
      expect(parsed).toEqual({
        to: expect.stringMatching(/^x[^]*y$/u),
        who: { name: expect.any(String), list: [expect.any(String), 7, null, true] },
        ttl: 5,
      });
    }),
    runs(200),
  );
});
