import type { PushResult } from "../ports.ts";
import type { HttpAnswer } from "./https-client.ts";
import { asObject, parseJsonObject } from "./json-object.ts";
import { FCM_RETRY_AFTER_MS } from "./limits.ts";
import { type Attempt, accepted, outcomeOf, unavailable } from "./push-sender.ts";
import { parseRetryAfter } from "./retry-after.ts";

/** FCM's own codes. */
const MEANINGS: Readonly<Record<string, readonly [PushResult, string]>> = {
  UNREGISTERED: ["dead-token", "the app is no longer on the device"],
  SENDER_ID_MISMATCH: ["dead-token", "the token belongs to another project"],
  QUOTA_EXCEEDED: ["throttled", "too many messages"],
  UNAVAILABLE: ["unavailable", "FCM is out of service"],
  INTERNAL: ["unavailable", "FCM has an error of its own"],
  INVALID_ARGUMENT: ["rejected", "FCM does not understand the message"],
  THIRD_PARTY_AUTH_ERROR: ["rejected", "FCM has no good key for the service behind it"],
  PERMISSION_DENIED: ["rejected", "the service account must not send messages"],
  NOT_FOUND: ["rejected", "there is no such project"],
  UNAUTHENTICATED: ["rejected", "FCM does not accept the access token"],
};

/** What an answer of FCM means, other than 401. */
export function readFcmAnswer(answer: HttpAnswer, wallMs: number): Attempt {
  const { status, retryAfter, body } = answer;
  if (status === 200) return accepted();
  const error = asObject(parseJsonObject(body)["error"]);
  const code = codeOf(error);
  const isKnown = Object.hasOwn(MEANINGS, code);
  const reason = isKnown ? code : String(status);
  if (code === "INVALID_ARGUMENT" && isAboutToken(error)) {
    return ended("dead-token", reason, "the token is none");
  }
  const [result, detail] = MEANINGS[reason] ?? byStatus(status);
  const retryAfterMs = parseRetryAfter(retryAfter, wallMs);
  if (result === "unavailable") return unavailable(reason, detail, retryAfterMs);
  if (result === "rejected" && isOurFault(status, reason)) {
    return { ...ended(result, reason, detail), health: "bad" };
  }
  if (result !== "throttled") return ended(result, reason, detail);
  const pauseMs = retryAfterMs ?? FCM_RETRY_AFTER_MS;
  const outcome = outcomeOf("throttled", reason, detail);
  return { outcome, isRetriable: true, retryAfterMs: pauseMs, pauseMs, health: "good" };
}

/** FCM's code where there is one, else the general one of Google's interfaces. */
function codeOf(error: Readonly<Record<string, unknown>>): string {
  const codes = detailsOf(error).map(({ errorCode }) => errorCode);
  const [code = error["status"]] = codes.filter((one) => typeof one === "string");
  return typeof code === "string" ? code : "";
}

function detailsOf({ details }: Readonly<Record<string, unknown>>): Record<string, unknown>[] {
  return Array.isArray(details) ? details.map((detail) => ({ ...asObject(detail) })) : [];
}

/** INVALID_ARGUMENT is said of the token and of everything else. */
function isAboutToken(error: Readonly<Record<string, unknown>>): boolean {
  const violations = detailsOf(error).flatMap(({ fieldViolations }) =>
    Array.isArray(fieldViolations) ? fieldViolations.map((one) => asObject(one)["field"]) : [],
  );
  const { message } = error;
  const isNamed = typeof message === "string" && /registration token/iu.test(message);
  return isNamed || violations.includes("message.token");
}

function byStatus(status: number): readonly [PushResult, string] {
  if (status === 429) return ["throttled", "too many messages"];
  if (status >= 500) return ["unavailable", "FCM has an error of its own"];
  return ["rejected", `answered with ${status} and no code that is known`];
}

function ended(result: PushResult, reason: string, detail: string): Attempt {
  return { outcome: outcomeOf(result, reason, detail), isRetriable: false, health: "good" };
}

/**
 * Whether FCM would refuse the messages to other devices as well. Phones choose their tokens: what is wrong with single
 * ones must not keep FCM from all.
 */
function isOurFault(status: number, reason: string): boolean {
  if (reason === "THIRD_PARTY_AUTH_ERROR") return false;
  return status < 400 || [401, 403, 404, 405].includes(status);
}
