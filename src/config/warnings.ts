import { parseDuration } from "./duration.ts";
import type { Settings } from "./settings.ts";
import { nodeAt, type SourceSection } from "./source-tree.ts";

/** Lifetimes that phones commonly ask for, in seconds. */
const TYPICAL_LIFETIMES_SEC = [60, 600, 3600];

/** What an operator should know about settings that are legal and probably not meant. */
export function warningsFor(settings: Settings, written: SourceSection): string[] {
  return [
    ...adjustments(settings, written),
    ...throttling(settings),
    ...(settings.registrar.absorb === "open"
      ? [
          "auth.absorb: open: any host that knows a contact can refresh it, without proof of who it is",
        ]
      : []),
    ...(settings.registrar.absorb === "digest" && settings.registrar.mode === "mirror"
      ? [
          "auth.absorb: digest: in mirror mode the main registrar's challenges cannot be answered; it has to " +
            "trust midreg's address",
        ]
      : []),
    ...(settings.storage.mode === "memory"
      ? ["storage.mode: memory: registrations are forgotten when midreg stops"]
      : []),
  ];
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

function throttling({ registrar }: Settings): string[] {
  if (registrar.mode === "mirror") return [];
  const { outgoingExpiresSec, defaultExpiresSec, maxExpiresSec, upstreamMarginSec } = registrar;
  const longestSec = maxExpiresSec === 0 ? Number.POSITIVE_INFINITY : maxExpiresSec;
  const limitSec = outgoingExpiresSec - upstreamMarginSec;
  if (limitSec > Math.max(longestSec, defaultExpiresSec)) return [];
  const shares = TYPICAL_LIFETIMES_SEC.map(
    (asked) =>
      `${Math.floor(expectedReduction(registrar, asked) * 100)} % for phones asking ${asked} s`,
  );
  return [
    `mid_registrar.outgoing_expires: ${outgoingExpiresSec} is too short for the lifetimes that phones may ` +
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
