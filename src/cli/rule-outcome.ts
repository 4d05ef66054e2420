import type { RuleSetting, Settings } from "../config/settings.ts";
import { upstreamName } from "../location/binding.ts";
import type { RegisterPolicy } from "../registrar/register-policy.ts";

/** Everything that a rule can set, as it holds for some devices. */
export interface RuleOutcome {
  readonly policy: RegisterPolicy;
  readonly registrar: Settings["registrar"];
  readonly lookup: Settings["lookup"];
  readonly ping: string;
}

type Shown = string | number | boolean | undefined;

/** Settings by their names in the configuration; the compiler misses those that are left out. */
const SETTINGS: Readonly<Record<RuleSetting, (outcome: RuleOutcome) => Shown>> = {
  mode: ({ policy }) => policy.mode,
  outgoing_expires: ({ policy }) => policy.outgoingExpiresSec,
  min_expires: ({ policy }) => policy.minExpiresSec,
  min_expires_mode: ({ policy }) => policy.minExpiresMode,
  default_expires: ({ policy }) => policy.defaultExpiresSec,
  max_expires: ({ policy }) => policy.maxExpiresSec,
  expires_max_deviation: ({ policy }) => policy.expiresMaxDeviationSec,
  expires_range: ({ policy }) => policy.expiresRangePercent,
  default_expires_range: ({ policy }) => policy.defaultExpiresRangePercent,
  default_q: ({ registrar }) => registrar.defaultQ,
  max_contacts: ({ policy }) => policy.maxContacts,
  max_contacts_policy: ({ policy }) => policy.maxContactsPolicy,
  matching_mode: ({ policy }) => policy.matchingMode,
  path_mode: ({ policy }) => policy.pathMode,
  outbound_mode: ({ policy }) => policy.outboundMode,
  regid_mode: ({ policy }) => policy.usesRegIdAlways,
  flow_timer: ({ policy }) => policy.flowTimerSec,
  only_request_contacts: ({ policy }) => policy.onlyRequestContacts,
  extra_contact_params: ({ policy }) => policy.extraContactParams,
  attr: ({ policy }) => policy.attr,
  pn_enable: ({ registrar }) => registrar.pnEnable,
  pn_enable_purr: ({ registrar }) => registrar.pnEnablePurr,
  pn_pnsreg_interval: ({ registrar }) => registrar.pnPnsregIntervalSec,
  pn_unsupported: ({ registrar }) => registrar.pnUnsupported,
  fork: ({ lookup }) => lookup.fork,
  group_ring_time: ({ lookup }) => lookup.ringMs / 1000,
  no_branches: ({ lookup }) => lookup.fork === "best",
  no_contact_status: ({ lookup }) => lookup.noContactStatus,
  method_filtering: ({ lookup }) => lookup.filtersMethods,
  ua_filtering: ({ lookup }) => lookup.userAgent,
  max_ping_latency: ({ lookup }) => inMilliseconds(lookup.maxLatencyMs),
  sort_by_latency: ({ lookup }) => lookup.sortsByLatency,
  ping: ({ ping }) => ping,
  absorb: ({ policy }) => policy.absorb,
  upstream: ({ registrar }) => upstreamName(registrar),
};

/** A line for each setting, with a star where it differs from what holds without a rule. */
export function outcomeLines(outcome: RuleOutcome, base: RuleOutcome): string[] {
  return Object.entries(SETTINGS).map(([name, read]) => {
    const value = read(outcome);
    return `${value === read(base) ? " " : "*"} ${name.padEnd(24)}${textOf(value)}`;
  });
}

function textOf(value: Shown): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return value === undefined || value === "" ? "none" : String(value);
}

function inMilliseconds(time: number): string {
  return time === 0 ? "0" : `${time}ms`;
}
