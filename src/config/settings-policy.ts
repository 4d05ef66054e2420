/**
 * Settings of mid_registrar about single registrations, most of which rules may set as well (settings-rules.ts).
 */
import type { z } from "zod";
import { seconds } from "./duration.ts";
import { choice, leaf, listOf, onOrOff, wholeNumber } from "./leaf.ts";
import { parseSource } from "./settings-rules.ts";
import { parseAttr, parseDefaultQ, parseMatchingMode } from "./sip-syntax.ts";

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
  default_q: leaf(parseDefaultQ, {
    description: "Preference of contacts that give none, from 0 to 1; or none.",
    type: ["number", "string"],
  }).prefault("none"),
  max_contacts: wholeNumber(0, 1000, "Contacts an address-of-record may have; 0 for any.").prefault(
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
  path_from: listOf(
    leaf(parseSource, {
      description:
        "Proxies that may name any next hop in Path: ADDRESS or NETWORK/BITS. Others may name themselves only.",
    }),
  ).prefault([]),
  path_use_received: listOf(
    leaf(parseSource, {
      description:
        "Proxies that are believed about where devices are (received in Path): ADDRESS or NETWORK/BITS.",
    }),
  ).prefault([]),
  outbound_mode: choice(
    {
      values: ["off", "supported", "required", "edge"],
      aliases: { 0: "off", 1: "supported", 2: "required" },
    },
    "Registrations of flows (RFC 5626): refused when required, taken, demanded, or left to the main registrar (edge).",
  ).prefault("supported"),
  regid_mode: onOrOff(
    "Whether reg-id tells the flows of a phone apart even where its first hop does not do outbound.",
  ).prefault("false"),
  flow_timer: seconds(
    0,
    3600,
    "Flow-Timer: how often phones with registered flows are to send keep-alives; 0 leaves it to them.",
  ).prefault("0"),
  dead_flow: choice(
    { values: ["keep", "remove"], aliases: { mark: "keep", 0: "keep", 1: "remove" } },
    "Contacts whose connection has ended: not called until their phone is back, or removed here and upstream.",
  ).prefault("keep"),
  // RFC 5626: a phone may notice only by its next keep-alive, 120 s at most (section 4.4.1), and then waits for up to
  // 60 s with one failure behind it and 120 s with two (section 4.5).
  dead_flow_grace: seconds(
    0,
    86_400,
    "With dead_flow remove: how long phones have after a restart of midreg to connect again.",
  ).prefault("300"),
  only_request_contacts: onOrOff(
    "Whether the answer to a REGISTER lists its own contacts only, instead of all of the user.",
  ).prefault("false"),
  attr: leaf(parseAttr, { description: "A remark kept with each binding." }).prefault(""),
};

const EDGE_BY_AOR =
  "must not be edge with mode aor, where one contact at the main registrar stands for all flows";

interface EdgeChoice {
  readonly mode: string;
  readonly outbound_mode: string;
}

interface EdgeDocument {
  readonly mid_registrar: EdgeChoice;
  readonly rules: ReadonlyArray<{
    readonly set: { readonly [Key in keyof EdgeChoice]?: EdgeChoice[Key] | undefined };
  }>;
}

/** Where midreg is the edge of a main registrar that does outbound, each flow is a contact there. */
export function checkEdge(
  { mid_registrar: own, rules }: EdgeDocument,
  context: z.RefinementCtx,
): void {
  const refuse = (path: PropertyKey[]): void => {
    context.addIssue({ code: "custom", message: EDGE_BY_AOR, path });
  };
  if (isEdgeByAor(own)) refuse(["mid_registrar", "outbound_mode"]);
  for (const [at, { set }] of rules.entries()) {
    const { mode, outbound_mode: outbound } = set;
    // What is wrong without the rule is told once.
    if (mode === undefined && outbound === undefined) continue;
    const held = { mode: mode ?? own.mode, outbound_mode: outbound ?? own.outbound_mode };
    if (!isEdgeByAor(held)) continue;
    refuse(["rules", at, "set", outbound === undefined ? "mode" : "outbound_mode"]);
  }
}

function isEdgeByAor({ mode, outbound_mode: outbound }: EdgeChoice): boolean {
  return mode === "aor" && outbound === "edge";
}
