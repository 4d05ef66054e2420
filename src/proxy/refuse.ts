import type { ProxyDecision, RefusalReason } from "./proxy-input.ts";

type Refusal = Extract<ProxyDecision, { kind: "respond" }>;

const REFUSALS: Readonly<Record<RefusalReason, readonly [number, string]>> = {
  stranger: [403, "Forbidden"],
  "unknown-contact": [404, "Not Found"],
  // RFC 5627 section 6.1: what is no valid GRUU is not found; a valid one without a contact is away.
  "unknown-gruu": [404, "Not Found"],
  "flow-failed": [430, "Flow Failed"],
  "gruu-away": [480, "Temporarily Unavailable"],
  "method-not-allowed": [405, "Method Not Allowed"],
  "no-dialog": [481, "Call/Transaction Does Not Exist"],
  "foreign-route": [403, "Forbidden Route"],
  "forged-token": [403, "Forbidden"],
  "too-many-hops": [483, "Too Many Hops"],
  loop: [482, "Loop Detected"],
  "max-breadth": [440, "Max-Breadth Exceeded"],
  "bad-extension": [420, "Bad Extension"],
  "unsupported-scheme": [416, "Unsupported URI Scheme"],
  "malformed-route": [400, "Malformed Route"],
};

/** The answer to a request that is not routed; `headers` are whole lines. */
export function refuse(reason: RefusalReason, headers = ""): Refusal {
  const [status, phrase] = REFUSALS[reason];
  return { kind: "respond", reason, status, phrase, headers };
}

/** What a request gets for which there is no contact (lookup.no_contact_status). */
export function refuseUnknown(status: 404 | 480): Refusal {
  const refusal = refuse("unknown-contact");
  return status === 404 ? refusal : { ...refusal, status, phrase: "Temporarily Unavailable" };
}
