import { generateKeyPairSync } from "node:crypto";
import { testPushSender } from "../contract/push-gateway.contract.ts";
import { devices, type PushWorld } from "./fixtures.ts";

function newEcKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

function newServiceAccount({ server }: PushWorld): string {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return JSON.stringify({
    project_id: "midreg-dev",
    private_key_id: "another",
    private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
    client_email: "midreg@midreg-dev.iam.gserviceaccount.example",
    token_uri: `${server.origin}/token`,
  });
}

testPushSender({
  name: "APNs",
  provider: "apns",
  device: devices.apns,
  dead: "Unregistered",
  throttled: "TooManyRequests",
  broken: "ServiceUnavailable",
  refused: "BadTopic",
  keyFile: ({ server }) => server.keys.files.apnsKey,
  otherKey: newEcKey,
});

testPushSender({
  name: "FCM",
  provider: "fcm",
  device: devices.fcm,
  dead: "UNREGISTERED",
  throttled: "QUOTA_EXCEEDED",
  broken: "UNAVAILABLE",
  refused: "THIRD_PARTY_AUTH_ERROR",
  keyFile: ({ server }) => server.keys.files.serviceAccount,
  otherKey: newServiceAccount,
});

testPushSender({
  name: "Web Push",
  provider: "webpush",
  device: devices.webpush,
  dead: "410",
  throttled: "429",
  broken: "503",
  refused: "413",
  keyFile: ({ server }) => server.keys.files.vapidKey,
  otherKey: newEcKey,
});

testPushSender({
  name: "the webhook",
  provider: "http",
  device: devices.http,
  dead: "410",
  throttled: "429",
  broken: "503",
  refused: "404",
  keyFile: ({ server }) => server.keys.files.webhookSecret,
  otherKey: () => "another secret of good length",
});
