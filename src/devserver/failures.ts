import { answer, type ProviderName, type Reply } from "./endpoint.ts";

/** What can be made to fail: pushes of a provider, or "token", the access tokens of FCM. */
export type FailingPart = ProviderName | "token";

/** Pushes of one provider to tokens of one beginning that fail, for so many times. */
export interface Failure {
  readonly provider: FailingPart;
  /** Beginning of the token; "" for all. */
  readonly prefix: string;
  readonly reason: string;
  /** How often; Infinity until it is taken back. */
  readonly times: number;
  readonly retryAfterSec: number | undefined;
}

/** The reasons that Apple documents, with their status. */
const APNS: Readonly<Record<string, number>> = {
  BadCollapseId: 400,
  BadDeviceToken: 400,
  BadExpirationDate: 400,
  BadMessageId: 400,
  BadPriority: 400,
  BadTopic: 400,
  DeviceTokenNotForTopic: 400,
  DuplicateHeaders: 400,
  IdleTimeout: 400,
  InvalidPushType: 400,
  MissingDeviceToken: 400,
  MissingTopic: 400,
  PayloadEmpty: 400,
  TopicDisallowed: 400,
  BadCertificate: 403,
  BadCertificateEnvironment: 403,
  ExpiredProviderToken: 403,
  Forbidden: 403,
  InvalidProviderToken: 403,
  MissingProviderToken: 403,
  BadPath: 404,
  MethodNotAllowed: 405,
  ExpiredToken: 410,
  Unregistered: 410,
  PayloadTooLarge: 413,
  TooManyProviderTokenUpdates: 429,
  TooManyRequests: 429,
  InternalServerError: 500,
  ServiceUnavailable: 503,
  Shutdown: 503,
};

/** Those of FCM's HTTP v1 interface, with status and Google's general code. */
const FCM: Readonly<Record<string, readonly [status: number, code: string]>> = {
  UNREGISTERED: [404, "NOT_FOUND"],
  SENDER_ID_MISMATCH: [403, "PERMISSION_DENIED"],
  INVALID_ARGUMENT: [400, "INVALID_ARGUMENT"],
  QUOTA_EXCEEDED: [429, "RESOURCE_EXHAUSTED"],
  UNAVAILABLE: [503, "UNAVAILABLE"],
  INTERNAL: [500, "INTERNAL"],
  THIRD_PARTY_AUTH_ERROR: [401, "UNAUTHENTICATED"],
  UNAUTHENTICATED: [401, "UNAUTHENTICATED"],
  PERMISSION_DENIED: [403, "PERMISSION_DENIED"],
  NOT_FOUND: [404, "NOT_FOUND"],
};

/** Errors of the token endpoint (RFC 6749 section 5.2). */
const GRANT = ["invalid_grant", "invalid_client", "unauthorized_client", "invalid_scope"];

const ACTIONS = ["silence", "goaway", "reset"] as const;
const PARTS: readonly FailingPart[] = ["apns", "fcm", "webpush", "http", "token"];

/** Failures at once; whoever wants more has lost count. */
const MAX_FAILURES = 1000;

/** What the fake provider was told to do wrong. */
export class FailureList {
  #failures: Failure[] = [];

  /** Adds one; false when there is no such failure, or there are too many. */
  add(failure: Failure): boolean {
    const isKnown = replyFor(failure, 0) !== undefined;
    if (!isKnown || failure.times < 1 || this.#failures.length >= MAX_FAILURES) return false;
    this.#failures.push(failure);
    return true;
  }

  clear(): void {
    this.#failures = [];
  }

  /** The failure that a push shall meet, which counts as one of its times. */
  take(provider: FailingPart, token: string, nowMs: number): Reply | undefined {
    const at = this.#failures.findIndex(
      (failure) => failure.provider === provider && token.startsWith(failure.prefix),
    );
    const failure = this.#failures[at];
    if (failure === undefined) return undefined;
    const times = failure.times - 1;
    this.#failures.splice(at, 1, ...(times > 0 ? [{ ...failure, times }] : []));
    return replyFor(failure, nowMs);
  }
}

/** A failure written as PROVIDER:PREFIX:REASON[:TIMES[:RETRY_AFTER]]; undefined when it is none. */
export function parseFailure(written: string): Failure | undefined {
  const [provider, prefix = "", reason = "", times = "", retryAfter = ""] = written.split(":");
  return toFailure({
    provider,
    prefix: prefix === "*" ? "" : prefix,
    reason,
    times: times === "" ? undefined : Number(times),
    retryAfter: retryAfter === "" ? undefined : Number(retryAfter),
  });
}

/** The same from parsed JSON. */
export function toFailure(given: Readonly<Record<string, unknown>>): Failure | undefined {
  const { prefix = "", reason, times = Number.POSITIVE_INFINITY, retryAfter } = given;
  const provider = PARTS.find((part) => part === given["provider"]);
  if (provider === undefined || typeof prefix !== "string" || typeof reason !== "string")
    return undefined;
  if (typeof times !== "number" || Number.isNaN(times)) return undefined;
  const retryAfterSec = typeof retryAfter === "number" ? retryAfter : undefined;
  const failure = { provider, prefix, reason, times, retryAfterSec };
  return replyFor(failure, 0) === undefined ? undefined : failure;
}

function replyFor(failure: Failure, nowMs: number): Reply | undefined {
  const action = ACTIONS.find((kind) => kind === failure.reason);
  if (action !== undefined) return { kind: action };
  switch (failure.provider) {
    case "apns":
      return apnsReply(failure, nowMs);
    case "fcm":
      return fcmReply(failure);
    case "token":
      return tokenReply(failure);
    case "webpush":
    case "http":
      return statusReply(failure);
    default:
      return failure.provider satisfies never;
  }
}

function withRetryAfter({ retryAfterSec }: Failure): Readonly<Record<string, string>> {
  return retryAfterSec === undefined ? {} : { "retry-after": String(retryAfterSec) };
}

function apnsReply(failure: Failure, nowMs: number): Reply | undefined {
  const { reason } = failure;
  const status = Object.hasOwn(APNS, reason) ? APNS[reason] : undefined;
  if (status === undefined) return undefined;
  const body = status === 410 ? { reason, timestamp: nowMs } : { reason };
  return answer(status, body, withRetryAfter(failure));
}

function fcmReply(failure: Failure): Reply | undefined {
  const { reason } = failure;
  const known = Object.hasOwn(FCM, reason) ? FCM[reason] : undefined;
  if (known === undefined) return undefined;
  const [status, code] = known;
  return answer(status, fcmError(status, code, reason), withRetryAfter(failure));
}

/** An error as Google writes it; `reason` is FCM's own code, where it has one. */
export function fcmError(status: number, code: string, reason: string): object {
  const type = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
  const isToken = reason === "INVALID_ARGUMENT";
  const violation = {
    "@type": "type.googleapis.com/google.rpc.BadRequest",
    fieldViolations: [{ field: "message.token", description: "Invalid registration token" }],
  };
  const details = reason === code && !isToken ? [] : [{ "@type": type, errorCode: reason }];
  return {
    error: {
      code: status,
      message: isToken
        ? "The registration token is not a valid FCM registration token"
        : `simulated ${reason}`,
      status: code,
      details: isToken ? [...details, violation] : details,
    },
  };
}

function tokenReply(failure: Failure): Reply | undefined {
  if (!GRANT.includes(failure.reason)) return statusReply(failure);
  return answer(400, { error: failure.reason, error_description: "simulated" });
}

function statusReply(failure: Failure): Reply | undefined {
  if (!/^[345]\d\d$/u.test(failure.reason)) return undefined;
  const status = Number(failure.reason);
  const more = status < 400 ? { location: "https://localhost:1/elsewhere" } : {};
  return answer(status, undefined, { ...withRetryAfter(failure), ...more });
}
