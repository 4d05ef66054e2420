import { answer, objectOf, type Received, type Reply, type Taken, textOf } from "./endpoint.ts";
import type { KeyMaterial } from "./key-material.ts";
import { parseObject, verifyToken } from "./verify-token.ts";

const HOUR_SEC = 3600;
const MAX_COLLAPSE_ID = 64;
const MAX_PAYLOAD = { voip: 5120, other: 4096 } as const;
const TYPES = ["alert", "background", "voip"];

/** Looks at a request as APNs does; its first complaint, or the push. */
export function takeApns(received: Received, { apns }: KeyMaterial, nowSec: number): Reply | Taken {
  const [, token] = /^\/3\/device\/([^/]*)$/u.exec(received.path) ?? [];
  if (token === undefined) return refuse(404, "BadPath");
  if (received.method !== "POST") return refuse(405, "MethodNotAllowed");
  const complaint =
    checkProviderToken(received, apns, nowSec) ??
    (/^[0-9a-f]{8,200}$/iu.test(token) ? undefined : refuse(400, "BadDeviceToken")) ??
    checkHeaders(received.headers) ??
    checkPayload(received);
  if (complaint !== undefined) return complaint;
  return { push: readPush(received, token), reply: answer(200) };
}

function refuse(status: number, reason: string): Reply {
  return answer(status, { reason });
}

function checkProviderToken(
  { headers }: Received,
  { publicKey, keyId, teamId }: KeyMaterial["apns"],
  nowSec: number,
): Reply | undefined {
  const [, token] = /^bearer (.+)$/iu.exec(headers["authorization"] ?? "") ?? [];
  if (token === undefined) return refuse(403, "MissingProviderToken");
  const content = verifyToken(token, publicKey, "ES256");
  const { kid } = content?.header ?? {};
  const { iss, iat } = content?.claims ?? {};
  if (kid !== keyId || iss !== teamId || typeof iat !== "number") {
    return refuse(403, "InvalidProviderToken");
  }
  return Math.abs(nowSec - iat) > HOUR_SEC ? refuse(403, "ExpiredProviderToken") : undefined;
}

function checkHeaders(headers: Received["headers"]): Reply | undefined {
  const { "apns-push-type": type = "", "apns-topic": topic = "" } = headers;
  if (topic === "") return refuse(400, "MissingTopic");
  if (!TYPES.includes(type)) return refuse(400, "InvalidPushType");
  if ((type === "voip") !== topic.endsWith(".voip")) return refuse(400, "BadTopic");
  return checkDelivery(headers, type === "background");
}

function checkDelivery(headers: Received["headers"], isBackground: boolean): Reply | undefined {
  const { "apns-priority": priority = "10", "apns-expiration": expiration = "0" } = headers;
  const isLegal = isBackground ? priority === "5" : /^(1|5|10)$/u.test(priority);
  if (!isLegal) return refuse(400, "BadPriority");
  if (!/^\d+$/u.test(expiration)) return refuse(400, "BadExpirationDate");
  const isTooLong = Buffer.byteLength(headers["apns-collapse-id"] ?? "") > MAX_COLLAPSE_ID;
  return isTooLong ? refuse(400, "BadCollapseId") : undefined;
}

function checkPayload({ headers, body }: Received): Reply | undefined {
  const isVoip = headers["apns-push-type"] === "voip";
  if (Object.keys(parseObject(body)).length === 0) return refuse(400, "PayloadEmpty");
  const isTooLarge = Buffer.byteLength(body) > MAX_PAYLOAD[isVoip ? "voip" : "other"];
  return isTooLarge ? refuse(413, "PayloadTooLarge") : undefined;
}

function readPush(received: Received, token: string): Taken["push"] {
  const { headers, body } = received;
  const payload = parseObject(body);
  return {
    provider: "apns",
    token,
    topic: headers["apns-topic"] ?? "",
    type: headers["apns-push-type"] ?? "",
    priority: headers["apns-priority"] ?? "10",
    purpose: textOf(payload["purpose"]),
    callId: textOf(objectOf(payload["aps"])["call-id"]),
    from: textOf(payload["from-uri"]),
    received,
  };
}
