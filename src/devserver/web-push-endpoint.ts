import { createPublicKey } from "node:crypto";
import { answer, type Received, type Reply, type Taken } from "./endpoint.ts";
import { verifyToken } from "./verify-token.ts";

const DAY_SEC = 86_400;
const MAX_TOPIC = 32;
const URGENCIES = ["very-low", "low", "normal", "high"];

/** Who pushes, and where. */
export interface WebPushExpectation {
  readonly vapidPublicKey: string;
  readonly origin: string;
}

/** Looks at a push as a push service does whose subscriptions are restricted to one key (RFC 8030, RFC 8292 section 4). */
export function takeWebPush(
  received: Received,
  expected: WebPushExpectation,
  nowSec: number,
): Reply | Taken {
  const { method, path, headers } = received;
  if (method !== "POST") return answer(405);
  if (!/^\/push\/[\w-]+$/u.test(path)) return answer(404);
  const status = checkVapid(headers["authorization"] ?? "", expected, nowSec);
  if (status !== undefined) return answer(status);
  if (!hasLegalFields(headers)) return answer(400);
  const push = {
    provider: "webpush" as const,
    token: path.slice("/push/".length),
    topic: headers["topic"] ?? "",
    type: "",
    priority: headers["urgency"] ?? "normal",
    purpose: "",
    callId: "",
    from: "",
    received,
  };
  const location = `${expected.origin}/message/${nowSec}`;
  return { push, reply: answer(201, undefined, { location }) };
}

/** RFC 8030 section 5.2: TTL is mandatory. 5.3, 5.4: urgency and topic have a syntax. */
function hasLegalFields({
  ttl = "",
  urgency = "normal",
  topic = "",
}: Received["headers"]): boolean {
  const isTopic = /^[\w-]*$/u.test(topic) && topic.length <= MAX_TOPIC;
  return /^\d{1,10}$/u.test(ttl) && URGENCIES.includes(urgency) && isTopic;
}

/** The status to refuse with; undefined when the header proves who pushes. */
function checkVapid(
  header: string,
  { vapidPublicKey, origin }: WebPushExpectation,
  nowSec: number,
): number | undefined {
  const [, fields = ""] = /^vapid (.*)$/iu.exec(header) ?? [];
  const [token, key] = ["t", "k"].map(
    (name) => new RegExp(`(?:^|[,\\s])${name}=([\\w.-]+)`, "u").exec(fields)?.[1],
  );
  if (token === undefined || key === undefined) return 401;
  if (key !== vapidPublicKey) return 403;
  const content = verifyToken(token, publicKeyOf(key), "ES256");
  const { aud, exp } = content?.claims ?? {};
  // RFC 8292 section 2: the audience is the origin, and no token holds for more than a day.
  const isTimely = typeof exp === "number" && exp > nowSec && exp - nowSec <= DAY_SEC;
  return aud === origin && isTimely ? undefined : 403;
}

function publicKeyOf(point: string): ReturnType<typeof createPublicKey> {
  const bytes = Buffer.from(point, "base64url");
  const [x, y] = [bytes.subarray(1, 33), bytes.subarray(33)].map((part) =>
    part.toString("base64url"),
  );
  return createPublicKey({
    key: { kty: "EC", crv: "P-256", x: x ?? "", y: y ?? "" },
    format: "jwk",
  });
}
