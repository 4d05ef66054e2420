import type { Push } from "../ports.ts";
import { expiresAtSec, type GatewayClock, ttlSec } from "./push-sender.ts";
import { callerOf, callIdOf, toText } from "./push-text.ts";

/** What a template may mention in braces. */
type FieldName =
  | "provider"
  | "param"
  | "prid"
  | "purpose"
  | "topic"
  | "call_id"
  | "caller_uri"
  | "caller_name"
  | "ttl"
  | "expires_at";

const MAX_FIELD_LENGTH = 2048;

/**
 * The body of a webhook. The template is a parsed JSON value whose texts have fields such as {prid}: they are filled
 * in before the whole is written as JSON, so no value can break out of its text. A text that is
 * nothing but a field with a number becomes a number.
 */
export function buildWebhookBody(template: unknown, push: Push, clock: GatewayClock): string {
  return JSON.stringify(fillIn(template, fieldsOf(push, clock)));
}

type Fields = Readonly<Record<FieldName, string | number>>;

function fieldsOf(push: Push, clock: GatewayClock): Fields {
  const caller = callerOf(push);
  return {
    provider: push.device.provider,
    param: toText(push.device.param, MAX_FIELD_LENGTH),
    prid: toText(push.device.prid, MAX_FIELD_LENGTH),
    purpose: push.purpose,
    topic: push.topic,
    call_id: callIdOf(push),
    caller_uri: caller?.uri ?? "",
    caller_name: caller?.displayName ?? "",
    ttl: ttlSec(push, clock),
    expires_at: expiresAtSec(push, clock),
  };
}

function fillIn(template: unknown, fields: Fields): unknown {
  if (typeof template === "string") return fillInText(template, fields);
  if (Array.isArray(template)) return template.map((item) => fillIn(item, fields));
  if (typeof template !== "object" || template === null) return template;
  const entries = Object.entries(template).map(([name, value]) => [name, fillIn(value, fields)]);
  return Object.fromEntries(entries);
}

function fillInText(text: string, fields: Fields): string | number {
  const [, only = ""] = /^\{([a-z_]+)\}$/u.exec(text) ?? [];
  if (isField(only, fields)) return fields[only];
  return text.replaceAll(/\{([a-z_]+)\}/gu, (whole, name: string) =>
    isField(name, fields) ? String(fields[name]) : whole,
  );
}

function isField(name: string, fields: Fields): name is FieldName {
  return Object.hasOwn(fields, name);
}
