/** What the fake provider refuses is what the real ones refuse. It is asked by code that is none of the gateway's. */
import { createHmac, createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect } from "node:http2";
import { request } from "node:https";
import { describe, expect, test } from "vitest";
import { PushWorld } from "../gateway/fixtures.ts";

const now = (): number => Math.floor(Date.now() / 1000);
const TOKEN = "ab".repeat(32);

function jwt(pem: string, header: object, claims: object): string {
  const parts = [header, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString("base64url"),
  );
  const key = { key: createPrivateKey(pem), dsaEncoding: "ieee-p1363" } as const;
  return [...parts, sign("sha256", Buffer.from(parts.join(".")), key).toString("base64url")].join(
    ".",
  );
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

async function askHttp2(
  { server }: PushWorld,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<Answer> {
  const session = connect(server.origin, { ca: server.keys.tls.cert });
  const stream = session.request({ ":method": "POST", ...headers });
  let status = 0;
  let text = "";
  stream.setEncoding("utf8");
  stream.on("response", (received) => {
    status = received[":status"] ?? 0;
  });
  stream.on("data", (part: string) => {
    text += part;
  });
  stream.end(body);
  return new Promise((resolve, reject) => {
    stream.on("error", reject);
    stream.on("close", () => {
      session.close();
      resolve({ status, body: text });
    });
  });
}

async function askHttp1(
  { server }: PushWorld,
  path: string,
  { headers = {}, body = "" }: { headers?: Readonly<Record<string, string>>; body?: string },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { method: "POST", headers, ca: server.keys.tls.cert, agent: false };
    const asked = request(`${server.origin}${path}`, options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

const teamClaims = (): object => ({ iss: "MIDREGTEAM", iat: now() });
const apnsKeyOf = ({ server }: PushWorld): string =>
  readFileSync(server.keys.files.apnsKey, "utf8");
const vapidKeyOf = ({ server }: PushWorld): string =>
  readFileSync(server.keys.files.vapidKey, "utf8");

const otherKey = (): string => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
};

describe("APNs, as it is pretended", () => {
  const GOOD = {
    ":path": `/3/device/${TOKEN}`,
    "apns-topic": "com.example.phone.voip",
    "apns-push-type": "voip",
    "apns-priority": "10",
  };
  const header = { alg: "ES256", kid: "MIDREGKEY1" };
  const authorize = (pem: string, more: object = {}, kid: object = {}): Record<string, string> => ({
    authorization: `bearer ${jwt(pem, { ...header, ...kid }, { ...teamClaims(), ...more })}`,
  });
  test("accepts what is right", async () => {
    const world = await PushWorld.open();
    const answer = await askHttp2(world, { ...GOOD, ...authorize(apnsKeyOf(world)) }, '{"aps":{}}');
    expect(answer).toEqual({ status: 200, body: "" });
  });

  test.each([
    ["no token of the provider's", () => ({}), 403, "MissingProviderToken"],
    ["a signature by another key", () => authorize(otherKey()), 403, "InvalidProviderToken"],
    [
      "another team",
      (pem: string) => authorize(pem, { iss: "OTHERTEAM0" }),
      403,
      "InvalidProviderToken",
    ],
    [
      "another key id",
      (pem: string) => authorize(pem, {}, { kid: "OTHERKEY00" }),
      403,
      "InvalidProviderToken",
    ],
    [
      "no algorithm",
      (pem: string) => authorize(pem, {}, { alg: "none" }),
      403,
      "InvalidProviderToken",
    ],
    [
      "a token of two hours ago",
      (pem: string) => authorize(pem, { iat: now() - 7200 }),
      403,
      "ExpiredProviderToken",
    ],
    ["no topic", (pem: string) => ({ ...authorize(pem), "apns-topic": "" }), 400, "MissingTopic"],
    [
      "a voip push to a topic without it",
      (pem: string) => ({ ...authorize(pem), "apns-topic": "com.example" }),
      400,
      "BadTopic",
    ],
    [
      "a type that is none",
      (pem: string) => ({ ...authorize(pem), "apns-push-type": "x" }),
      400,
      "InvalidPushType",
    ],
    [
      "a token that is none",
      (pem: string) => ({ ...authorize(pem), ":path": "/3/device/xyz" }),
      400,
      "BadDeviceToken",
    ],
    ["another path", (pem: string) => ({ ...authorize(pem), ":path": "/4/x" }), 404, "BadPath"],
    [
      "a collapse id of 65",
      (pem: string) => ({ ...authorize(pem), "apns-collapse-id": "x".repeat(65) }),
      400,
      "BadCollapseId",
    ],
    [
      "a background push of priority 10",
      (pem: string) => ({
        ...authorize(pem),
        "apns-push-type": "background",
        "apns-topic": "com.example",
      }),
      400,
      "BadPriority",
    ],
  ])("refuses %s", async (_, change, status, reason) => {
    const world = await PushWorld.open();
    const headers = { ...GOOD, ...change(apnsKeyOf(world)) };
    const answer = await askHttp2(world, headers, '{"aps":{}}');
    expect(answer).toEqual({ status, body: JSON.stringify({ reason }) });
    expect(world.pushes).toEqual([]);
  });

  test("refuses a payload that is none or too large", async () => {
    const world = await PushWorld.open();
    const headers = { ...GOOD, ...authorize(apnsKeyOf(world)) };
    expect(await askHttp2(world, headers, "")).toMatchObject({ status: 400 });
    const large = JSON.stringify({ aps: "x".repeat(5200) });
    expect(await askHttp2(world, headers, large)).toMatchObject({ status: 413 });
  });
});

describe("FCM, as it is pretended", () => {
  const SCOPE = "https://www.googleapis.com/auth/firebase.messaging";

  async function grant(world: PushWorld, more: object, pem?: string): Promise<Answer> {
    const account = JSON.parse(readFileSync(world.server.keys.files.serviceAccount, "utf8")) as {
      readonly private_key: string;
      readonly client_email: string;
      readonly token_uri: string;
    };
    const claims = {
      iss: account.client_email,
      aud: account.token_uri,
      scope: SCOPE,
      iat: now(),
      exp: now() + 3600,
    };
    const assertion = jwt(pem ?? account.private_key, { alg: "RS256" }, { ...claims, ...more });
    const grantType = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    const body = new URLSearchParams({ grant_type: grantType, assertion }).toString();
    return askHttp1(world, "/token", { body });
  }

  test("gives an access token for what is right, and takes messages with it", async () => {
    const world = await PushWorld.open();
    const { status, body } = await grant(world, {});
    expect(status).toBe(200);
    const { access_token: token } = JSON.parse(body) as { readonly access_token: string };
    const send = async (bearer: string, message: object, project = "midreg-dev"): Promise<number> =>
      (
        await askHttp1(world, `/v1/projects/${project}/messages:send`, {
          headers: { authorization: `Bearer ${bearer}` },
          body: JSON.stringify({ message }),
        })
      ).status;
    expect(await send(token, { token: "t" })).toBe(200);
    expect(await send("another", { token: "t" })).toBe(401);
    expect(await send(token, { token: "t" }, "another")).toBe(403);
    expect(await send(token, { token: "t", data: { number: 1 } })).toBe(400);
    expect(await send(token, {})).toBe(400);
  });

  test.each([
    ["another account", { iss: "x@example.com" }, "invalid_grant"],
    ["another audience", { aud: "https://other.example/token" }, "invalid_grant"],
    ["an assertion that has ended", { iat: now() - 7200, exp: now() - 3600 }, "invalid_grant"],
    ["an assertion for too long", { exp: now() + 7200 }, "invalid_grant"],
    ["no scope", { scope: "" }, "invalid_scope"],
  ])("refuses %s", async (_, more, error) => {
    const world = await PushWorld.open();
    const { status, body } = await grant(world, more);
    expect([status, (JSON.parse(body) as { error: string }).error]).toEqual([400, error]);
  });

  test("refuses a signature by another key", async () => {
    const world = await PushWorld.open();
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    expect(await grant(world, {}, pem)).toMatchObject({ status: 400 });
  });
});

async function push(
  world: PushWorld,
  claims: object,
  more: Record<string, string> = {},
  pem = vapidKeyOf(world),
): Promise<number> {
  const all = {
    aud: world.server.origin,
    exp: now() + 600,
    sub: "mailto:a@example.com",
    ...claims,
  };
  const token = jwt(pem, { typ: "JWT", alg: "ES256" }, all);
  const authorization = `vapid t=${token}, k=${world.server.keys.vapidPublicKey}`;
  return (
    await askHttp1(world, "/push/some-subscription", {
      headers: { authorization, ttl: "5", ...more },
    })
  ).status;
}

describe("a push service, as it is pretended", () => {
  test("accepts what is right and refuses what is not", async () => {
    const world = await PushWorld.open();
    expect(await push(world, {})).toBe(201);
    expect(await push(world, { aud: "https://other.example" })).toBe(403);
    expect(await push(world, { exp: now() - 1 })).toBe(403);
    expect(await push(world, { exp: now() + 90_000 })).toBe(403);
    expect(await push(world, {}, {}, otherKey())).toBe(403);
    expect(await push(world, {}, { authorization: "" })).toBe(401);
    expect(await push(world, {}, { authorization: "vapid t=a.b.c, k=BAAA" })).toBe(403);
    expect(await push(world, {}, { ttl: "" })).toBe(400);
    expect(await push(world, {}, { urgency: "soon" })).toBe(400);
    expect(await push(world, {}, { topic: "x".repeat(33) })).toBe(400);
  });
});

describe("the receiver of a webhook, as it is pretended", () => {
  test("accepts what is signed, and nothing else", async () => {
    const world = await PushWorld.open();
    const body = '{"prid":"token-1"}';
    const send = async (time: number, signed: string, sent = body): Promise<number> => {
      const digest = createHmac("sha256", world.server.keys.webhookSecret)
        .update(signed)
        .digest("hex");
      const headers = { "x-midreg-signature": `t=${time},v1=${digest}` };
      return (await askHttp1(world, "/webhook", { headers, body: sent })).status;
    };
    const time = now();
    expect(await send(time, `${time}.${body}`)).toBe(202);
    expect(await send(time, body)).toBe(401);
    expect(await send(time, `${time}.${body}`, '{"prid":"token-2"}')).toBe(401);
    expect(await send(time - 400, `${time - 400}.${body}`)).toBe(401);
    expect((await askHttp1(world, "/webhook", { body })).status).toBe(401);
  });
});
