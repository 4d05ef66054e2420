import { describe, expect, test } from "vitest";
import type {
  NonInviteClientEvent,
  NonInviteClientState,
} from "../../src/transaction/non-invite-client.ts";
import {
  NON_INVITE_CLIENT,
  NON_INVITE_CLIENT_START,
} from "../../src/transaction/non-invite-client.ts";
import { cases, outcome } from "./machines.ts";

const expected: Record<NonInviteClientState, Record<NonInviteClientEvent, string>> = {
  trying: {
    provisional: "proceeding: pass-response",
    final: "completed: stop-timer-e, stop-timer-f, start-timer-k, pass-response",
    abandon: "terminated: stop-timer-e, stop-timer-f",
    "timer-e": "trying: restart-timer-e, resend-request",
    "timer-f": "terminated: stop-timer-e, pass-timeout",
    "timer-k": "nothing",
    "transport-error": "terminated: stop-timer-e, stop-timer-f, pass-transport-error",
  },
  proceeding: {
    provisional: "proceeding: pass-response",
    final: "completed: stop-timer-e, stop-timer-f, start-timer-k, pass-response",
    abandon: "terminated: stop-timer-e, stop-timer-f",
    "timer-e": "proceeding: restart-timer-e-at-t2, resend-request",
    "timer-f": "terminated: stop-timer-e, pass-timeout",
    "timer-k": "nothing",
    "transport-error": "terminated: stop-timer-e, stop-timer-f, pass-transport-error",
  },
  completed: {
    provisional: "nothing",
    final: "nothing",
    abandon: "nothing",
    "timer-e": "nothing",
    "timer-f": "nothing",
    "timer-k": "terminated:",
    "transport-error": "nothing",
  },
  terminated: {
    provisional: "nothing",
    final: "nothing",
    abandon: "nothing",
    "timer-e": "nothing",
    "timer-f": "nothing",
    "timer-k": "nothing",
    "transport-error": "nothing",
  },
};

describe("a non-INVITE client transaction", () => {
  test("begins by sending the request under Timers E and F", () => {
    expect(NON_INVITE_CLIENT_START).toEqual({
      to: "trying",
      actions: ["start-timer-e", "start-timer-f", "send-request"],
    });
  });

  test("has exactly the states listed here", () => {
    expect(Object.keys(NON_INVITE_CLIENT)).toEqual(Object.keys(expected));
  });

  test.each(cases(expected))("%s, %s: %s", (state, event, result) => {
    expect(outcome(NON_INVITE_CLIENT, state, event)).toBe(result);
  });
});
