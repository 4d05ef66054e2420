import { randomBytes } from "node:crypto";
import { answer, objectOf, type Received, type Reply, type Taken, textOf } from "./endpoint.ts";
import { fcmError } from "./failures.ts";
import type { KeyMaterial } from "./key-material.ts";
import { parseObject, verifyToken } from "./verify-token.ts";

const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const SCOPE = "https://www.googleapis.com/auth/firebase.messaging";
const HOUR_SEC = 3600;

/** Access tokens that are remembered; the oldest are forgotten first. */
const MAX_TOKENS = 100;

/** The token endpoint and the HTTP v1 interface of FCM. */
export class FcmEndpoint {
  readonly #keys: KeyMaterial["fcm"];
  readonly #tokenUrl: string;
  /** Access tokens and when they end. */
  readonly #tokens = new Map<string, number>();

  /** `tokenUrl` is what the service account names, and so the audience of what it signs. */
  constructor(keys: KeyMaterial["fcm"], tokenUrl: string) {
    this.#keys = keys;
    this.#tokenUrl = tokenUrl;
  }

  /** Access tokens that were given out and still hold. */
  get tokens(): readonly string[] {
    return [...this.#tokens.keys()];
  }

  /** Makes all access tokens void, as Google can at any time. */
  revoke(): void {
    this.#tokens.clear();
  }

  /** The JWT bearer grant (RFC 7523 section 2.1). */
  takeGrant({ method, body }: Received, nowSec: number): Reply {
    const form = new URLSearchParams(body);
    if (method !== "POST") return answer(405);
    if (form.get("grant_type") !== GRANT_TYPE) {
      return answer(400, { error: "unsupported_grant_type" });
    }
    const content = verifyToken(form.get("assertion") ?? "", this.#keys.publicKey, "RS256");
    const { iss, aud, scope } = content?.claims ?? {};
    const isOurs = iss === this.#keys.clientEmail && aud === this.#tokenUrl;
    if (!isOurs || !isTimely(content?.claims ?? {}, nowSec)) {
      return answer(400, { error: "invalid_grant", error_description: "Invalid JWT" });
    }
    if (!textOf(scope).split(" ").includes(SCOPE)) return answer(400, { error: "invalid_scope" });
    const token = this.#issue(nowSec);
    return answer(200, { access_token: token, expires_in: HOUR_SEC - 1, token_type: "Bearer" });
  }

  /** Looks at a message as FCM does; its first complaint, or the push. */
  takeSend(received: Received, nowSec: number): Reply | Taken {
    const { headers, path, body } = received;
    const [, bearer = ""] = /^Bearer (.+)$/u.exec(headers["authorization"] ?? "") ?? [];
    if ((this.#tokens.get(bearer) ?? 0) <= nowSec) return refuse(401, "UNAUTHENTICATED");
    const [, project] = /^\/v1\/projects\/([^/]+)\/messages:send$/u.exec(path) ?? [];
    if (project === undefined) return refuse(404, "NOT_FOUND");
    if (project !== this.#keys.projectId) return refuse(403, "PERMISSION_DENIED");
    const message = objectOf(parseObject(body)["message"]);
    if (!isLegal(message)) return refuse(400, "INVALID_ARGUMENT");
    const reply = answer(200, { name: `projects/${project}/messages/0:${nowSec}` });
    return { push: readPush(received, message, project), reply };
  }

  #issue(nowSec: number): string {
    const token = `ya29.${randomBytes(24).toString("base64url")}`;
    const [oldest] = this.#tokens.keys();
    if (oldest !== undefined && this.#tokens.size >= MAX_TOKENS) this.#tokens.delete(oldest);
    this.#tokens.set(token, nowSec + HOUR_SEC);
    return token;
  }
}

/** Whether what was signed is from now, and for an hour at most. */
function isTimely({ iat, exp }: Readonly<Record<string, unknown>>, nowSec: number): boolean {
  if (typeof iat !== "number" || typeof exp !== "number") return false;
  return exp > nowSec && exp - iat <= HOUR_SEC && Math.abs(nowSec - iat) <= HOUR_SEC;
}

type Message = Readonly<Record<string, unknown>>;

function dataOf({ data, android }: Message): Message {
  return { ...objectOf(data), ...objectOf(objectOf(android)["data"]) };
}

function isLegal(message: Message): boolean {
  const { ttl = "0s", priority = "NORMAL" } = objectOf(message["android"]);
  return (
    textOf(message["token"]) !== "" &&
    Object.values(dataOf(message)).every((value) => typeof value === "string") &&
    /^\d+(\.\d+)?s$/u.test(textOf(ttl)) &&
    ["HIGH", "NORMAL"].includes(textOf(priority))
  );
}

function readPush(received: Received, message: Message, project: string): Taken["push"] {
  const data = dataOf(message);
  return {
    provider: "fcm",
    token: textOf(message["token"]),
    topic: project,
    type: "",
    priority: textOf(objectOf(message["android"])["priority"]),
    purpose: textOf(data["purpose"]),
    callId: textOf(data["call-id"]),
    from: textOf(data["from-uri"]),
    received,
  };
}

function refuse(status: number, code: string): Reply {
  return answer(status, fcmError(status, code, code));
}
