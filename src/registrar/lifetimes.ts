/**
 * Lifetime arithmetic: what is asked for, what is granted here, and what that needs upstream.
 */
import type { RegisterPolicy } from "./register-policy.ts";

/** Lifetimes beyond this would not fit a 32-bit clock anywhere on the way (spec row T29). */
export const MAX_LIFETIME_SEC = 2_147_483_647;

/**
 * The lifetime a contact asks for in seconds, clamped to min and max unless it is 0 (a removal): its
 * own expires, else the Expires header, else the default (RFC 3261 section 10.3 step 7). A malformed
 * expires parameter counts as the default (section 20.10).
 */
export function askedLifetime(
  contactExpires: number | undefined,
  headerExpires: number | undefined,
  policy: RegisterPolicy,
): number {
  const seconds = requestedLifetime(contactExpires, headerExpires, policy);
  return seconds === 0 ? 0 : clampLifetime(seconds, policy);
}

/** The same before it is clamped. */
export function requestedLifetime(
  contactExpires: number | undefined,
  headerExpires: number | undefined,
  policy: RegisterPolicy,
): number {
  const asked = contactExpires ?? headerExpires ?? policy.defaultExpiresSec;
  return Number.isNaN(asked) ? policy.defaultExpiresSec : asked;
}

/** Raises and lowers a lifetime to the configured bounds; a bound of 0 is none. */
export function clampLifetime(seconds: number, policy: RegisterPolicy): number {
  const raised = Math.max(seconds, policy.minExpiresSec, 1);
  const lowered = policy.maxExpiresSec === 0 ? raised : Math.min(raised, policy.maxExpiresSec);
  return Math.min(lowered, MAX_LIFETIME_SEC);
}

/**
 * How much of a lifetime may be taken off at random, in percent: one rule for what a contact has asked for,
 * another for the default. Which of them counts is decided as in askedLifetime.
 */
export function rangePercentFor(
  contactExpires: number | undefined,
  headerExpires: number | undefined,
  policy: RegisterPolicy,
): number {
  const asked = contactExpires ?? headerExpires;
  const isAsked = asked !== undefined && !Number.isNaN(asked);
  return isAsked ? policy.expiresRangePercent : policy.defaultExpiresRangePercent;
}

/**
 * Whether a lifetime is refused with a 423: RFC 3261 section 10.3 step 7 allows that for one below the minimum
 * that is neither 0 nor an hour or more. Others below the minimum are raised.
 */
export function isTooBrief(
  contactExpires: number | undefined,
  headerExpires: number | undefined,
  policy: RegisterPolicy,
): boolean {
  if (policy.minExpiresMode === "raise") return false;
  const asked = contactExpires ?? headerExpires ?? 0;
  return asked > 0 && asked < HOUR_SEC && asked < policy.minExpiresSec;
}

const HOUR_SEC = 3600;

/** Whether lifetimes are spread at all, so that randomness is worth drawing. */
export function isSpread(policy: RegisterPolicy): boolean {
  const { expiresMaxDeviationSec, expiresRangePercent, defaultExpiresRangePercent } = policy;
  return expiresMaxDeviationSec + expiresRangePercent + defaultExpiresRangePercent > 0;
}

/**
 * Spreads lifetimes by up to the configured deviation, and downwards by up to a percentage; `fraction` is
 * random, from 0 to 1. The more it is, the longer the lifetime.
 */
export function spreadLifetime(
  seconds: number,
  policy: RegisterPolicy,
  fraction: number,
  rangePercent = 0,
): number {
  const deviation = policy.expiresMaxDeviationSec;
  if (seconds === 0 || deviation + rangePercent === 0) return seconds;
  const takenOff = Math.floor((seconds * rangePercent * (1 - fraction)) / 100);
  const moved = Math.floor(fraction * (2 * deviation + 1)) - deviation;
  return clampLifetime(seconds - takenOff + moved, policy);
}

/**
 * The longest lifetime a device may be given when the main registrar granted `grantedSec`: the upstream
 * registration has to outlive it by the margin, or, when the grant is too short for that, by half.
 */
export function lifetimeWithin(askedSec: number, grantedSec: number, marginSec: number): number {
  const longest = grantedSec > 2 * marginSec ? grantedSec - marginSec : Math.ceil(grantedSec / 2);
  return Math.min(askedSec, longest);
}
