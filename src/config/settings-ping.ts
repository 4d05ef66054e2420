/** The section about pings of devices; names that OpenSIPS' nathelper has are its own. */
import { z } from "zod";
import { seconds } from "./duration.ts";
import { choice, leaf, listOf, onOrOff, Refusal, wholeNumber } from "./leaf.ts";
import { inRule } from "./settings-rules.ts";

const HOUR_SEC = 3600;

type Method = "OPTIONS" | "INFO" | "NOTIFY" | "CRLF";

const METHODS: readonly Method[] = ["OPTIONS", "INFO", "NOTIFY", "CRLF"];

/** It stands between angle brackets in a header. */
function parseFrom(text: string): string | Refusal {
  const isUri = /^sips?:[^\s<>"]{1,250}$/iu.test(text);
  return isUri ? text : new Refusal("must be a SIP URI such as sip:pinger@example.com");
}

export const nathelper = z.strictObject({
  natping_interval: seconds(
    0,
    HOUR_SEC,
    "Time from one ping of a device to the next; 0 for no pings.",
  ).prefault("0"),
  ping: choice(
    { values: ["auto", "always", "never"] },
    "Whether devices are pinged where it helps, each time, or not at all.",
  ).prefault("auto"),
  ping_nated_only: onOrOff(
    "Whether only devices are pinged whose contact is not where they were heard from.",
  ).prefault("false"),
  natping_tcp: onOrOff("Whether devices on connections are pinged too.").prefault("false"),
  sipping_method: choice<Method>(
    {
      values: METHODS,
      aliases: { options: "OPTIONS", info: "INFO", notify: "NOTIFY", crlf: "CRLF" },
    },
    "What a ping is: a request, or CRLF, which keeps a NAT open and is not answered.",
  ).prefault("OPTIONS"),
  sipping_from: leaf(parseFrom, {
    description: "URI in the From of pings; without one, midreg's own address.",
  }).optional(),
  ping_threshold: seconds(1, 32, "How long the answer to a ping may take.").prefault("3"),
  max_pings_lost: wholeNumber(
    2,
    100,
    "Pings in a row without an answer that make a device dead.",
  ).prefault("3"),
  remove_on_timeout: onOrOff(
    "Whether contacts of dead devices are removed, here and upstream, and not only passed over by calls.",
  ).prefault("false"),
  sipping_ignore_rpl_codes: listOf(
    wholeNumber(200, 699, "Status of an answer to a ping that does not count as one."),
    64,
  ).prefault([]),
  mass_loss: wholeNumber(
    1,
    100,
    "With more than so many percent of pings lost, no device is held dead; 100 for never.",
  ).prefault("30"),
  ping_rate: wholeNumber(1, 100_000, "Pings a second, at most.").prefault("1000"),
});

/** What a rule may set of it. */
export const pingInRule = { ping: inRule(nathelper.shape.ping) };

// oxlint-disable-next-line typescript/explicit-module-boundary-types
export function toPings(given: z.output<typeof nathelper>) {
  return {
    policy: {
      intervalMs: given.natping_interval * 1000,
      choice: given.ping,
      natedOnly: given.ping_nated_only,
      overConnections: given.natping_tcp,
      thresholdMs: given.ping_threshold * 1000,
      maxLost: given.max_pings_lost,
      ignoredStatuses: given.sipping_ignore_rpl_codes,
      massLossPercent: given.mass_loss,
    },
    method: given.sipping_method,
    from: given.sipping_from ?? "",
    removesDead: given.remove_on_timeout,
    rate: given.ping_rate,
  };
}
