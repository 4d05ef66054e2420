/**
 * Settings of mid_registrar about devices that are woken by push (RFC 8599). Names that OpenSIPS has are its own.
 */
import { seconds } from "./duration.ts";
import { type Choices, choice, leaf, listOf, onOrOff, Refusal, wholeNumber } from "./leaf.ts";

const DAY_SEC = 86_400;
const WEEK_SEC = 7 * DAY_SEC;

/** RFC 8599 section 4.1.4: a device that wakes itself must do so before the proxy would wake it. */
const MIN_PNSREG_SEC = 121;

/** A value of pn-provider: RFC 8599 section 8.7 has pvalue, and the registered ones are plain words. */
export function parseProvider(text: string): string | Refusal {
  const isProvider = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/u.test(text);
  return isProvider
    ? text.toLowerCase()
    : new Refusal("must be a value of pn-provider such as apns, fcm or webpush");
}

type PushParam = "pn-provider" | "pn-param" | "pn-prid";

const PUSH_PARAMS: Choices<PushParam> = { values: ["pn-provider", "pn-param", "pn-prid"] };

/** What mid_registrar has of them; spread into its schema. */
export const pushSettings = {
  pn_enable: onOrOff("Whether devices that ask for it are woken by push (RFC 8599).").prefault(
    "false",
  ),
  pn_providers: listOf(
    leaf(parseProvider, {
      description: "Provider that devices may ask for; without any, all that midreg can push to.",
    }),
  ).prefault([]),
  pn_ct_match_params: listOf(
    choice(PUSH_PARAMS, "Push parameters that make two contacts one device when all are equal."),
    3,
  )
    .min(1, "must name at least one parameter")
    .prefault(["pn-provider", "pn-prid", "pn-param"]),
  pn_pnsreg_interval: seconds(
    MIN_PNSREG_SEC,
    DAY_SEC,
    "How long before the end of their registration devices that wake by themselves are told to refresh.",
  ).prefault("130"),
  pn_trigger_interval: seconds(
    1,
    DAY_SEC,
    "How long before the end of its registration a device is woken to refresh it.",
  ).prefault("120"),
  pn_skip_pn_interval: seconds(
    0,
    DAY_SEC,
    "A device that was heard so recently is called without a push; 0 for never.",
  ).prefault("0"),
  pn_refresh_timeout: seconds(
    1,
    120,
    "How long a request waits for the device that has been woken for it.",
  ).prefault("6"),
  pn_enable_purr: onOrOff(
    "Whether devices are woken for requests inside of dialogs as well (sip.pnspurr).",
  ).prefault("false"),
  pn_unsupported: choice(
    { values: ["forward", "reject"] },
    "A device whose provider midreg cannot push to is registered without push, or refused with 555.",
  ).prefault("forward"),
  pn_refresh_retry: seconds(
    5,
    3600,
    "How long after a push to refresh the next one is sent to a device that has not; it doubles each time.",
  ).prefault("30"),
  pn_refresh_spread: seconds(
    0,
    3600,
    "Pushes to refresh are brought forward at random by up to this, so that devices spread.",
  ).prefault("30"),
  pn_refresh_rate: wholeNumber(1, 100_000, "Pushes to refresh a second, at most.").prefault("500"),
  pn_after_expiry: seconds(
    0,
    WEEK_SEC,
    "For how long a device can still be woken once its registration has ended; 0 for not at all.",
  ).prefault("1h"),
};

interface GivenPush {
  readonly pn_enable: boolean;
  readonly pn_providers: readonly string[];
  readonly pn_ct_match_params: readonly PushParam[];
  readonly pn_pnsreg_interval: number;
  readonly pn_enable_purr: boolean;
  readonly pn_unsupported: "forward" | "reject";
}

interface RegistrarPush {
  readonly pnEnable: boolean;
  readonly pnProviders: readonly string[];
  readonly pnCtMatchParams: readonly PushParam[];
  readonly pnPnsregIntervalSec: number;
  readonly pnEnablePurr: boolean;
  readonly pnUnsupported: "forward" | "reject";
}

/** What holds for single registrations, where a rule may have set some of it. */
export function toRegistrarPush(given: GivenPush): RegistrarPush {
  return {
    pnEnable: given.pn_enable,
    pnProviders: [...new Set(given.pn_providers)],
    pnCtMatchParams: [...new Set(given.pn_ct_match_params)],
    pnPnsregIntervalSec: given.pn_pnsreg_interval,
    pnEnablePurr: given.pn_enable_purr,
    pnUnsupported: given.pn_unsupported,
  };
}

interface GivenWaking {
  readonly pn_trigger_interval: number;
  readonly pn_skip_pn_interval: number;
  readonly pn_refresh_timeout: number;
  readonly pn_refresh_retry: number;
  readonly pn_refresh_spread: number;
  readonly pn_refresh_rate: number;
  readonly pn_after_expiry: number;
}

interface Waking {
  readonly triggerMs: number;
  readonly skipMs: number;
  readonly wakeTimeoutMs: number;
  readonly refreshRetryMs: number;
  readonly refreshSpreadMs: number;
  readonly refreshRate: number;
  readonly afterExpiryMs: number;
}

/** What holds for all devices that are woken. */
export function toPush(given: GivenWaking): Waking {
  return {
    triggerMs: given.pn_trigger_interval * 1000,
    skipMs: given.pn_skip_pn_interval * 1000,
    wakeTimeoutMs: given.pn_refresh_timeout * 1000,
    refreshRetryMs: given.pn_refresh_retry * 1000,
    refreshSpreadMs: given.pn_refresh_spread * 1000,
    refreshRate: given.pn_refresh_rate,
    afterExpiryMs: given.pn_after_expiry * 1000,
  };
}
