import type { PushResult } from "../ports.ts";
import { type Attempt, accepted, outcomeOf, unavailable } from "./push-sender.ts";

/** What APNs has answered. */
export interface ApnsAnswer {
  readonly status: number;
  /** Apple's own code; "" when there is none. */
  readonly reason: string;
  /** With 410: since when the token is dead, on Apple's wall clock. */
  readonly timestampMs: number | undefined;
  readonly retryAfterMs: number | undefined;
}

/** Of Apple's reasons, those that say something about the token, about us, or about the moment. */
const MEANINGS: Readonly<Record<string, readonly [PushResult, string]>> = {
  BadDeviceToken: ["dead-token", "the token is none, or is one of the other environment (sandbox)"],
  DeviceTokenNotForTopic: ["dead-token", "the token belongs to another app"],
  Unregistered: ["dead-token", "the app is no longer on the device"],
  ExpiredToken: ["dead-token", "the token has expired"],
  BadCollapseId: ["rejected", "apns-collapse-id is too long"],
  BadExpirationDate: ["rejected", "apns-expiration is bad"],
  BadMessageId: ["rejected", "apns-id is bad"],
  BadPriority: ["rejected", "apns-priority is bad"],
  BadTopic: ["rejected", "the bundle identifier in pn-param is none"],
  DuplicateHeaders: ["rejected", "a header was sent twice"],
  InvalidPushType: ["rejected", "apns-push-type is bad"],
  MissingDeviceToken: ["rejected", "there is no token"],
  MissingTopic: ["rejected", "there is no topic"],
  PayloadEmpty: ["rejected", "there is no payload"],
  PayloadTooLarge: ["rejected", "the payload is too large"],
  TopicDisallowed: ["rejected", "the key must not push to that app"],
  BadCertificate: ["rejected", "the certificate is bad"],
  BadCertificateEnvironment: ["rejected", "the certificate is for the other environment"],
  ExpiredProviderToken: ["rejected", "the token of midreg is too old; is the clock right?"],
  Forbidden: ["rejected", "what was asked for is not allowed"],
  InvalidProviderToken: [
    "rejected",
    "key, key_id and team_id do not belong together, or are revoked",
  ],
  MissingProviderToken: ["rejected", "there was no token of midreg"],
  BadPath: ["rejected", "the path is bad; is endpoint right?"],
  MethodNotAllowed: ["rejected", "POST is not allowed; is endpoint right?"],
  TooManyProviderTokenUpdates: ["throttled", "the token of midreg was renewed too often"],
  TooManyRequests: ["throttled", "too many pushes to one device"],
  IdleTimeout: ["unavailable", "the connection was idle for too long"],
  InternalServerError: ["unavailable", "Apple has an error of its own"],
  ServiceUnavailable: ["unavailable", "Apple is out of service"],
  Shutdown: ["unavailable", "Apple's server shuts down"],
};

/** After too many new tokens, Apple wants to be left alone for a while; it says no time. */
const TOKEN_UPDATES_PAUSE_MS = 60_000;

/** Codes that say that our key is at fault, whatever the device. */
const OUR_FAULT = new Set([
  "BadCertificate",
  "BadCertificateEnvironment",
  "ExpiredProviderToken",
  "InvalidProviderToken",
  "MissingProviderToken",
]);

/** What an answer of APNs means. `wallAheadMs` is wall time minus steady time. */
export function readApnsAnswer(answer: ApnsAnswer, wallAheadMs: number): Attempt {
  if (answer.status === 200) return accepted();
  const isKnown = Object.hasOwn(MEANINGS, answer.reason);
  const reason = isKnown ? answer.reason : String(answer.status);
  const [result, detail] = MEANINGS[reason] ?? byStatus(answer.status);
  if (result === "throttled") return throttled(reason, detail, answer.retryAfterMs);
  if (result === "unavailable") return unavailable(reason, detail, answer.retryAfterMs);
  const deadSinceMs =
    result === "dead-token" && answer.timestampMs !== undefined
      ? answer.timestampMs - wallAheadMs
      : undefined;
  return {
    outcome: outcomeOf(result, reason, detail, deadSinceMs),
    isRetriable: false,
    health: OUR_FAULT.has(reason) ? "bad" : "good",
  };
}

function throttled(reason: string, detail: string, retryAfterMs: number | undefined): Attempt {
  const isOurs = reason === "TooManyProviderTokenUpdates";
  const pauseMs = isOurs ? (retryAfterMs ?? TOKEN_UPDATES_PAUSE_MS) : undefined;
  const outcome = outcomeOf("throttled", reason, detail);
  return {
    outcome,
    isRetriable: true,
    retryAfterMs: retryAfterMs ?? pauseMs,
    pauseMs,
    health: "good",
  };
}

function byStatus(status: number): readonly [PushResult, string] {
  if (status === 410) return ["dead-token", "the app is no longer on the device"];
  if (status === 429) return ["throttled", "too many pushes"];
  if (status >= 500) return ["unavailable", "Apple has an error of its own"];
  return ["rejected", `answered with ${status} and no reason that is known`];
}
