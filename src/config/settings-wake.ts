/** Settings of midreg's own about the pushes that requests cause (push in the configuration). */
import { z } from "zod";
import { choice, leaf, listOf, onOrOff, wholeNumber } from "./leaf.ts";
import { parseProvider } from "./settings-push.ts";

const MAX_BUDGET = 1_000_000;

const budget = z.strictObject({
  per_caller: wholeNumber(
    0,
    MAX_BUDGET,
    "Pushes a minute that the requests of one caller may cause, by the address in From; 0 for any number.",
  ).prefault("60"),
  per_device: wholeNumber(
    0,
    MAX_BUDGET,
    "Pushes a minute to one device, for all callers together; 0 for any number.",
  ).prefault("30"),
  total: wholeNumber(
    0,
    MAX_BUDGET,
    "Pushes a second that requests may cause in all; 0 for any number.",
  ).prefault("1000"),
});

/** Beside the providers. */
export const wakeSettings = {
  waiting_response: choice(
    { values: ["none", "180", "182"] },
    "What a caller is told while a device is being woken, once the provider has taken the push.",
  ).prefault("none"),
  call_over: listOf(
    leaf(parseProvider, {
      description:
        "Provider whose devices get another push when a call they were woken for is over before it reached them.",
    }),
  ).prefault(["apns"]),
  tell_caller: onOrOff("Whether pushes say who calls, to the provider as well.").prefault("false"),
  budget: budget.prefault({}),
};

interface GivenWake {
  readonly waiting_response: "none" | "180" | "182";
  readonly call_over: readonly string[];
  readonly tell_caller: boolean;
  readonly budget: {
    readonly per_caller: number;
    readonly per_device: number;
    readonly total: number;
  };
}

interface Wake {
  readonly waitingStatus: 0 | 180 | 182;
  readonly callOver: readonly string[];
  readonly tellsCaller: boolean;
  readonly budget: {
    readonly perCaller: number;
    readonly perDevice: number;
    readonly total: number;
  };
}

const WAITING_STATUS = { none: 0, "180": 180, "182": 182 } as const;

export function toWake(given: GivenWake): Wake {
  const { per_caller: perCaller, per_device: perDevice, total } = given.budget;
  return {
    waitingStatus: WAITING_STATUS[given.waiting_response],
    callOver: given.call_over,
    tellsCaller: given.tell_caller,
    budget: { perCaller, perDevice, total },
  };
}
