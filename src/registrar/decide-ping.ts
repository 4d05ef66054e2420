/** Which bindings are pinged, and what answers and silence mean (OpenSIPS' nathelper, RFC 3261 section 11). */
import type { Binding } from "../location/binding.ts";
import { parseFlow } from "../location/flow.ts";
import type { PingHealth } from "../location/ping-health.ts";
import { parseUri } from "../sip/uri.ts";

/** Whether a device is pinged: where it helps, each time, or not at all. A rule may say so for its devices. */
export type PingChoice = "auto" | "always" | "never";

/** How pings are sent and judged. Names follow OpenSIPS' parameters. */
export interface PingPolicy {
  /** Time from one ping of a device to the next; 0 for no pings at all. */
  readonly intervalMs: number;
  readonly choice: PingChoice;
  /** Only devices whose contact is not where they are heard from (ping_nated_only). */
  readonly natedOnly: boolean;
  /** Devices on connections too (natping_tcp). */
  readonly overConnections: boolean;
  /** How long an answer may take (ping_threshold). */
  readonly thresholdMs: number;
  /** Pings in a row without an answer that make a device dead; at least 2 (max_pings_lost). */
  readonly maxLost: number;
  /** Answers with these statuses are none (sipping_ignore_rpl_codes). */
  readonly ignoredStatuses: readonly number[];
  /** With so many percent of all pings lost, the fault is taken to be in our own network. 100 for never. */
  readonly massLossPercent: number;
}

/** What pings of a binding depend on besides the policy. */
interface PingSituation {
  readonly choice: PingChoice;
  readonly health: PingHealth | undefined;
  readonly nowMs: number;
}

/** Whether a binding is to be pinged now. */
export function wantsPing(
  binding: Binding,
  policy: PingPolicy,
  { choice, health, nowMs }: PingSituation,
): boolean {
  if (choice === "never" || binding.expiresAtMs <= nowMs) return false;
  if (isRecent(health?.pingedAtMs, nowMs, policy.intervalMs / 2)) return false;
  if (choice === "always") return true;
  // What can be woken sleeps, and is not to be kept awake.
  if (binding.push !== "") return false;
  // A device that refreshes this often keeps its own way open, and is known to live.
  if (isRecent(binding.updatedAtMs, nowMs, policy.intervalMs)) return false;
  const flow = parseFlow(binding.source);
  if (flow === undefined) return false;
  if (flow.connection !== "" && !policy.overConnections) return false;
  return !policy.natedOnly || isBehindNat(binding);
}

function isRecent(atMs: number | undefined, nowMs: number, withinMs: number): boolean {
  return atMs !== undefined && nowMs - atMs < withinMs;
}

/** Whether the contact names another place than the one the device was heard from. */
export function isBehindNat({ contact, source }: Pick<Binding, "contact" | "source">): boolean {
  const flow = parseFlow(source);
  const uri = parseUri(contact);
  if (flow === undefined || uri === undefined) return false;
  const host = uri.host.replace(/^\[(.*)\]$/u, "$1").toLowerCase();
  return host !== flow.address.toLowerCase() || (uri.port ?? 5060) !== flow.port;
}

/**
 * Whether an answer shows that the device lives. Any does that comes from it (RFC 3261 section 11), but a proxy on its
 * Path answers by itself when the flow has failed (430, RFC 5626 section 5.3) or the device is silent.
 */
export function isPong(
  status: number,
  { path }: Pick<Binding, "path">,
  policy: PingPolicy,
): boolean {
  if (policy.ignoredStatuses.includes(status)) return false;
  return path === "" || (status !== 430 && status !== 408);
}

/** Pings that have ended within the last round or two, of devices that were not dead before. */
export interface PingTally {
  readonly answered: number;
  readonly lost: number;
}

/** Fewer lost pings than these are the devices' own affair, whatever their share. */
const MIN_MASS_LOSS = 5;

/**
 * Whether so many pings are lost that midreg's own network is more likely at fault than its devices. Devices die one
 * by one; no device is held dead meanwhile.
 */
export function isMassLoss(
  { answered, lost }: PingTally,
  { massLossPercent }: PingPolicy,
): boolean {
  if (lost < MIN_MASS_LOSS) return false;
  return lost * 100 > (answered + lost) * massLossPercent;
}
