/** The sections about who is let in, which devices are called, and what operators see. */
import { z } from "zod";
import { milliseconds, seconds } from "./duration.ts";
import { type Choices, choice, leaf, listOf, onOrOff, text, wholeNumber } from "./leaf.ts";
import { inRule, pattern } from "./settings-rules.ts";
import { parseRealm } from "./sip-syntax.ts";

const DAY_SEC = 86_400;

/** In the order in which messages list them. */
const ALGORITHMS: Choices<"SHA-512-256" | "SHA-256" | "MD5"> = {
  values: ["SHA-512-256", "SHA-256", "MD5"],
  aliases: { "sha-512-256": "SHA-512-256", "sha-256": "SHA-256", md5: "MD5" },
};

export const absorb = choice(
  { values: ["proven", "digest", "open"] },
  "Which refreshes may be answered locally: proven ones, those with credentials, or all (closed networks).",
).prefault("proven");

export const lookup = z.strictObject({
  fork: choice(
    { values: ["all", "best", "by-q"] },
    "Whether all devices of a user ring, the most preferred one, or one group of equal q after another.",
  ).prefault("all"),
  group_ring_time: seconds(
    0,
    600,
    "With fork by-q: how long a group rings before the next one is tried; 0 for as long as it likes.",
  ).prefault("20"),
  no_branches: onOrOff("OpenSIPS' name for fork: best.").prefault("false"),
  no_contact_status: choice(
    { values: ["404", "480"] },
    "Status of requests to a user without contacts.",
  )
    .transform((status) => (status === "404" ? (404 as const) : (480 as const)))
    .prefault("404"),
  method_filtering: onOrOff(
    "Whether devices whose Allow lacks the method of a request are left out.",
  ).prefault("false"),
  ua_filtering: pattern(
    "Pattern of the User-Agents that are called; all unless it is given.",
  ).optional(),
  max_ping_latency: milliseconds(
    0,
    60_000,
    "Devices that took longer to answer their last ping are left out; 0 for none.",
  ).prefault("0"),
  sort_by_latency: onOrOff("Whether the device that answers pings fastest comes first.").prefault(
    "false",
  ),
  use_expired_contacts: seconds(
    0,
    DAY_SEC,
    "For how long expired bindings are still called while the main registrar is down; 0 for never.",
  ).prefault("0"),
});

const { shape } = lookup;

/** What a rule may set for calls to the devices that it matches. */
export const lookupInRule = {
  fork: inRule(shape.fork),
  group_ring_time: inRule(shape.group_ring_time),
  no_branches: inRule(shape.no_branches),
  no_contact_status: inRule(shape.no_contact_status),
  method_filtering: inRule(shape.method_filtering),
  ua_filtering: shape.ua_filtering,
  max_ping_latency: inRule(shape.max_ping_latency),
  sort_by_latency: inRule(shape.sort_by_latency),
};

/** Those names. */
type LookupName = keyof typeof lookupInRule;

/** What a rule has set of them. */
type LookupSet = { readonly [Name in LookupName]?: z.output<typeof lookup>[Name] | undefined };

/** How devices are chosen, with what a rule sets in the place of the general settings. */
// oxlint-disable-next-line typescript/explicit-module-boundary-types
export function toLookup(general: z.output<typeof lookup>, set: LookupSet) {
  const given: z.output<typeof lookup> = Object.assign({}, general, set);
  // A rule that says how to fork is not overruled by a general no_branches.
  const isBest = set.fork === undefined ? given.no_branches : set.no_branches === true;
  return {
    fork: isBest ? ("best" as const) : given.fork,
    ringMs: given.group_ring_time * 1000,
    filtersMethods: given.method_filtering,
    userAgent: given.ua_filtering,
    maxLatencyMs: given.max_ping_latency,
    sortsByLatency: given.sort_by_latency,
    serveExpiredMs: given.use_expired_contacts * 1000,
    noContactStatus: given.no_contact_status,
  };
}

export const auth = z.strictObject({
  absorb,
  realm: leaf(parseRealm, {
    description: "Realm of midreg's own challenges; without one, the domain of the phone.",
  }).optional(),
  algorithms: listOf(choice(ALGORITHMS, "Digest algorithms that are offered."), 3)
    .min(1, "must name at least one algorithm")
    .prefault(["SHA-256", "MD5"]),
  qop: choice(
    { values: ["auth", "none"] },
    "Protection of a digest: auth counts requests; none is for phones older than RFC 2617.",
  ).prefault("auth"),
  nonce_lifetime: seconds(10, DAY_SEC, "How long a phone may use one nonce.").prefault("5m"),
  credentials_file: text(
    "File of credentials, user:realm:ha1[:algorithm], read at start.",
  ).optional(),
});

export const decisions = z.strictObject({
  per_aor: wholeNumber(
    0,
    1000,
    "Recent decisions remembered of each address-of-record; 0 for none.",
  ).prefault("10"),
  max: wholeNumber(
    100,
    10_000_000,
    "Recent decisions remembered in all; each takes up to 400 bytes.",
  ).prefault("100000"),
});

export const resync = z.strictObject({
  rate: wholeNumber(
    1,
    10_000,
    "REGISTERs a second that midreg resync sends, unless it is told otherwise.",
  ).prefault("100"),
});

export const usrloc = z.strictObject({
  use_domain: onOrOff("Whether the address-of-record includes the domain.").prefault("true"),
  cseq_delay: seconds(
    0,
    3600,
    "For how long a REGISTER with the same CSeq counts as a retransmission; 0 for never.",
  ).prefault("20"),
});
