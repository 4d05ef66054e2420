/** The sections about who is let in and which devices are called. */
import { z } from "zod";
import { seconds } from "./duration.ts";
import { type Choices, choice, leaf, listOf, onOrOff, text } from "./leaf.ts";
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
  no_branches: onOrOff(
    "Whether only the most preferred device of a user rings, not all of them.",
  ).prefault("false"),
  method_filtering: onOrOff(
    "Whether devices whose Allow lacks the method of a request are left out.",
  ).prefault("false"),
  use_expired_contacts: seconds(
    0,
    DAY_SEC,
    "For how long expired bindings are still called while the main registrar is down; 0 for never.",
  ).prefault("0"),
});

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
