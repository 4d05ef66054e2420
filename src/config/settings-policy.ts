/**
 * Settings of mid_registrar about single registrations, which rules may set as well (settings-rules.ts).
 */
import { choice, leaf, wholeNumber } from "./leaf.ts";
import { parseAttr, parseMatchingMode } from "./sip-syntax.ts";

const RANGE_RULE = "percent of it may be taken off at random, so that phones spread; 0 for none.";

/** What mid_registrar has of them; spread into its schema. */
export const policySettings = {
  min_expires_mode: choice(
    { values: ["raise", "reject"], aliases: { 0: "raise", 1: "reject", 423: "reject" } },
    "Lifetimes below min_expires are raised to it, or refused with a 423.",
  ).prefault("raise"),
  expires_range: wholeNumber(
    0,
    100,
    `Of a lifetime that a phone asks for, so many ${RANGE_RULE}`,
  ).prefault("0"),
  default_expires_range: wholeNumber(0, 100, `Of default_expires, so many ${RANGE_RULE}`).prefault(
    "0",
  ),
  max_contacts_policy: choice(
    { values: ["refuse", "evict-oldest", "evict-same-instance"] },
    "What happens to a REGISTER over max_contacts: it is refused, or an older contact gives way.",
  ).prefault("refuse"),
  matching_mode: leaf(parseMatchingMode, {
    description:
      "When a contact is one that is bound already: contact (its URI), contact-call-id, instance, param:NAME.",
    type: ["string", "integer"],
  }).prefault("contact"),
  path_mode: choice(
    {
      values: ["off", "lazy", "strict"],
      aliases: {
        "path-off": "off",
        "path-lazy": "lazy",
        "path-strict": "strict",
        0: "off",
        1: "lazy",
        2: "strict",
      },
    },
    "Path is always kept and used. Told to no phone, to those that support it, or demanded of them.",
  ).prefault("lazy"),
  attr: leaf(parseAttr, { description: "A remark kept with each binding." }).prefault(""),
};
