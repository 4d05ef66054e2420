/** When devices that sleep are woken to refresh their registration (RFC 8599 section 5.5). */
import type { Binding } from "../location/binding.ts";
import { reachableUntilMs } from "../location/reach.ts";
import { paramValue } from "../sip/params.ts";

export interface RefreshOptions {
  /** pn_trigger_interval: how long before the end. */
  readonly triggerMs: number;
  /** Brought forward at random by up to this. */
  readonly refreshSpreadMs: number;
  /** How long after a push the next one is sent; it doubles each time. */
  readonly refreshRetryMs: number;
  /** For how long after its end a device is still woken. */
  readonly afterExpiryMs: number;
}

/** Pushes to refresh one registration, and when the last one was sent. */
export interface RefreshTries {
  readonly count: number;
  readonly atMs: number;
}

/**
 * When a device is pushed to next for its present registration; undefined when it is not. A lifetime that is short is
 * refreshed after half of it, so that a device is never woken by its own REGISTER.
 */
export function refreshDueMs(
  binding: Binding,
  options: RefreshOptions,
  tries?: RefreshTries,
): number | undefined {
  if (binding.push === "" || wakesItself(binding)) return undefined;
  const dueMs = tries === undefined ? firstDueMs(binding, options) : nextDueMs(tries, options);
  return dueMs < reachableUntilMs(binding, options.afterExpiryMs) ? dueMs : undefined;
}

/** RFC 8599 section 4.1.4: a device with sip.pnsreg refreshes by itself, and is told when (sip.pnsreg in the 200). */
function wakesItself({ params }: Binding): boolean {
  return params !== "" && paramValue(params, "+sip.pnsreg") !== undefined;
}

function firstDueMs(
  { ctid, expiresAtMs, updatedAtMs }: Binding,
  { triggerMs, refreshSpreadMs }: RefreshOptions,
): number {
  const lifetimeMs = Math.max(0, expiresAtMs - updatedAtMs);
  const leadMs = Math.min(triggerMs, lifetimeMs / 2);
  const spreadMs = Math.min(refreshSpreadMs, (lifetimeMs - leadMs) / 2);
  return Math.floor(expiresAtMs - leadMs - spreadMs * fractionOf(ctid));
}

function nextDueMs({ count, atMs }: RefreshTries, { refreshRetryMs }: RefreshOptions): number {
  return atMs + refreshRetryMs * 2 ** (count - 1);
}

/**
 * A number from 0 to 1 that is the device's own, before a restart and after it. Identifiers are keyed digests, so those of
 * many devices are spread evenly.
 */
function fractionOf(ctid: string): number {
  return Number.parseInt(ctid.slice(0, 8), 16) / 2 ** 32;
}
