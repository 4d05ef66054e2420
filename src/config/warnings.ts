import { parseDuration } from "./duration.ts";
import type { Settings } from "./settings.ts";
import { nodeAt, type SourceSection } from "./source-tree.ts";

/** Lifetimes that phones commonly ask for, in seconds. */
const TYPICAL_LIFETIMES_SEC = [60, 600, 3600];

/** What an operator should know about settings that are legal and probably not meant. */
export function warningsFor(settings: Settings, written: SourceSection): string[] {
  return [
    ...adjustments(settings, written),
    ...throttling(settings.registrar, "mid_registrar"),
    ...openness(settings.registrar, "auth"),
    ...pushing(settings),
    ...providing(settings),
    ...settings.rules.flatMap((rule, at) => warningsForRule(rule, at, settings)),
    ...(settings.storage.mode === "memory"
      ? ["storage.mode: memory: registrations are forgotten when midreg stops"]
      : []),
  ];
}

type Rule = Settings["rules"][number];

/** A rule is warned about where it is worse than what holds without it, or where it does nothing. */
function warningsForRule(
  { name, registrar, match }: Rule,
  at: number,
  settings: Settings,
): string[] {
  const place = `rules[${at}] (${name})`;
  const isLast = at === settings.rules.length - 1;
  const takesAll = Object.values(match).every((field) => field === undefined);
  const isOpen = settings.registrar.absorb === "open";
  const isUseless = throttling(settings.registrar, "").length > 0;
  return [
    ...(isUseless ? [] : throttling(registrar, place)),
    ...(isOpen ? [] : openness(registrar, place)),
    ...(takesAll && !isLast
      ? [`${place}: matches everything, so no rule after it is looked at`]
      : []),
  ];
}

function openness({ absorb }: Settings["registrar"], place: string): string[] {
  if (absorb !== "open") return [];
  return [
    `${place}.absorb: open: any host that knows a contact can refresh it, without proof of who it is`,
  ];
}

/** Devices that cannot be woken in time, or cannot be told from each other. */
function pushing({ registrar, push }: Settings): string[] {
  const { pnEnable, pnCtMatchParams, pnPnsregIntervalSec, maxExpiresSec } = registrar;
  if (!pnEnable) return [];
  const triggerSec = push.triggerMs / 1000;
  const isLate = maxExpiresSec > 0 && maxExpiresSec <= triggerSec;
  return [
    ...(isLate
      ? [
          `mid_registrar.pn_trigger_interval: ${triggerSec} is as long as a registration may last ` +
            `(max_expires ${maxExpiresSec}): devices are woken after half of their lifetime`,
        ]
      : []),
    ...(pnPnsregIntervalSec <= triggerSec
      ? [
          `mid_registrar.pn_pnsreg_interval: ${pnPnsregIntervalSec} is not more than pn_trigger_interval ` +
            `(${triggerSec}), so that devices which wake by themselves are late`,
        ]
      : []),
    ...(pnCtMatchParams.includes("pn-prid")
      ? []
      : ["mid_registrar.pn_ct_match_params: without pn-prid all devices of a user are one"]),
  ];
}

/** Providers that nobody is woken by, and devices that nobody wakes. */
function providing({ registrar, rules, pushProviders }: Settings): string[] {
  const { apns, fcm, webpush, http } = pushProviders;
  const names = [
    ...(apns.length > 0 ? ["apns", "apns.dev"] : []),
    ...(fcm.length > 0 ? ["fcm"] : []),
    ...(webpush === undefined ? [] : ["webpush"]),
    ...http.map(({ name }) => name),
  ];
  const isOn = registrar.pnEnable || rules.some((rule) => rule.registrar.pnEnable);
  if (!isOn) {
    return names.length === 0
      ? []
      : ["push.providers: nobody is woken by them while mid_registrar.pn_enable is off"];
  }
  if (names.length === 0) {
    return [
      "mid_registrar.pn_enable: nobody can be woken, since there is nothing in push.providers",
    ];
  }
  return registrar.pnProviders
    .filter((name) => !names.includes(name))
    .map((name) => `mid_registrar.pn_providers: there is no ${name} in push.providers`);
}

/**
 * The share of a phone's refreshes that midreg answers by itself, from 0 to 1. The phone refreshes when its
 * lifetime is over at the latest; phones that refresh earlier gain more.
 */
export function expectedReduction(registrar: Settings["registrar"], askedSec: number): number {
  const lifetimeSec = grantedSec(registrar, askedSec);
  // A refresh at time t is absorbed while outgoing - t > lifetime + margin.
  const slackSec = registrar.outgoingExpiresSec - registrar.upstreamMarginSec - lifetimeSec;
  const absorbed = Math.max(0, Math.ceil(slackSec / lifetimeSec) - 1);
  return absorbed / (absorbed + 1);
}

function grantedSec(registrar: Settings["registrar"], askedSec: number): number {
  const { minExpiresSec, maxExpiresSec } = registrar;
  const highestSec = maxExpiresSec === 0 ? askedSec : maxExpiresSec;
  return Math.min(Math.max(askedSec, minExpiresSec), highestSec);
}

function throttling(registrar: Settings["registrar"], place: string): string[] {
  const { outgoingExpiresSec, defaultExpiresSec, maxExpiresSec, upstreamMarginSec } = registrar;
  const longestSec = maxExpiresSec === 0 ? Number.POSITIVE_INFINITY : maxExpiresSec;
  const limitSec = outgoingExpiresSec - upstreamMarginSec;
  if (limitSec > Math.max(longestSec, defaultExpiresSec)) return [];
  const shares = TYPICAL_LIFETIMES_SEC.map(
    (asked) =>
      `${Math.floor(expectedReduction(registrar, asked) * 100)} % for phones asking ${asked} s`,
  );
  return [
    `${place}.outgoing_expires: ${outgoingExpiresSec} is too short for the lifetimes that phones may ` +
      `have: no refresh of a phone asking ${Math.max(1, limitSec)} seconds or more can be absorbed; expected ` +
      `reduction: ${shares.join(", ")}; raise outgoing_expires, or lower max_expires and default_expires`,
  ];
}

/** Expiry settings that were given and had to be moved to fit each other (as OpenSIPS does). */
function adjustments({ registrar }: Settings, written: SourceSection): string[] {
  const used = {
    max_expires: registrar.maxExpiresSec,
    default_expires: registrar.defaultExpiresSec,
  };
  return Object.entries(used).flatMap(([name, sec]) => {
    const node = nodeAt(written, ["mid_registrar", name]);
    const given = node?.kind === "text" ? parseDuration(node.text.trim()) : undefined;
    if (given === undefined || given === sec * 1000) return [];
    return [`mid_registrar.${name}: ${sec} is used, to fit min_expires and max_expires`];
  });
}
