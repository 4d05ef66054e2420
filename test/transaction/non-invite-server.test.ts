import { describe, expect, test } from "vitest";
import type {
  NonInviteServerEvent,
  NonInviteServerState,
} from "../../src/transaction/non-invite-server.ts";
import {
  NON_INVITE_SERVER,
  NON_INVITE_SERVER_START,
} from "../../src/transaction/non-invite-server.ts";
import { cases, outcome } from "./machines.ts";

const expected: Record<NonInviteServerState, Record<NonInviteServerEvent, string>> = {
  trying: {
    request: "nothing",
    provisional: "proceeding: stop-timer-100, send-response",
    final: "completed: stop-timer-100, start-timer-j, send-response",
    abandon: "terminated: stop-timer-100",
    "timer-j": "nothing",
    "timer-100": "proceeding: send-100",
    "transport-error": "nothing",
  },
  proceeding: {
    request: "proceeding: resend-response",
    provisional: "proceeding: send-response",
    final: "completed: start-timer-j, send-response",
    abandon: "terminated:",
    "timer-j": "nothing",
    "timer-100": "nothing",
    "transport-error": "proceeding: pass-transport-error",
  },
  completed: {
    request: "completed: resend-response",
    provisional: "nothing",
    final: "nothing",
    abandon: "nothing",
    "timer-j": "terminated:",
    "timer-100": "nothing",
    "transport-error": "completed: pass-transport-error",
  },
  terminated: {
    request: "nothing",
    provisional: "nothing",
    final: "nothing",
    abandon: "nothing",
    "timer-j": "nothing",
    "timer-100": "nothing",
    "transport-error": "nothing",
  },
};

describe("a non-INVITE server transaction", () => {
  test("begins by passing the request on, with a late 100 in store", () => {
    expect(NON_INVITE_SERVER_START).toEqual({
      to: "trying",
      actions: ["start-timer-100", "pass-request"],
    });
  });

  test("has exactly the states listed here", () => {
    expect(Object.keys(NON_INVITE_SERVER)).toEqual(Object.keys(expected));
  });

  test.each(cases(expected))("%s, %s: %s", (state, event, result) => {
    expect(outcome(NON_INVITE_SERVER, state, event)).toBe(result);
  });
});
