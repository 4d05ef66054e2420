import { describe, expect, test } from "vitest";
import type { InviteClientEvent, InviteClientState } from "../../src/transaction/invite-client.ts";
import { INVITE_CLIENT, INVITE_CLIENT_START } from "../../src/transaction/invite-client.ts";
import { cases, outcome } from "./machines.ts";

const expected: Record<InviteClientState, Record<InviteClientEvent, string>> = {
  calling: {
    provisional: "proceeding: stop-timer-a, stop-timer-b, pass-response",
    success: "accepted: stop-timer-a, stop-timer-b, start-timer-m, pass-response",
    failure: "completed: stop-timer-a, stop-timer-b, start-timer-d, send-ack, pass-response",
    abandon: "terminated: stop-timer-a, stop-timer-b",
    "timer-a": "calling: restart-timer-a, resend-request",
    "timer-b": "terminated: stop-timer-a, pass-timeout",
    "timer-d": "nothing",
    "timer-m": "nothing",
    "transport-error": "terminated: stop-timer-a, stop-timer-b, pass-transport-error",
  },
  proceeding: {
    provisional: "proceeding: pass-response",
    success: "accepted: start-timer-m, pass-response",
    failure: "completed: start-timer-d, send-ack, pass-response",
    abandon: "terminated:",
    "timer-a": "nothing",
    "timer-b": "nothing",
    "timer-d": "nothing",
    "timer-m": "nothing",
    "transport-error": "nothing",
  },
  accepted: {
    provisional: "nothing",
    success: "accepted: pass-response",
    failure: "nothing",
    abandon: "nothing",
    "timer-a": "nothing",
    "timer-b": "nothing",
    "timer-d": "nothing",
    "timer-m": "terminated:",
    "transport-error": "nothing",
  },
  completed: {
    provisional: "nothing",
    success: "nothing",
    failure: "completed: send-ack",
    abandon: "nothing",
    "timer-a": "nothing",
    "timer-b": "nothing",
    "timer-d": "terminated:",
    "timer-m": "nothing",
    "transport-error": "terminated: stop-timer-d, pass-transport-error",
  },
  terminated: {
    provisional: "nothing",
    success: "nothing",
    failure: "nothing",
    abandon: "nothing",
    "timer-a": "nothing",
    "timer-b": "nothing",
    "timer-d": "nothing",
    "timer-m": "nothing",
    "transport-error": "nothing",
  },
};

describe("an INVITE client transaction", () => {
  test("begins by sending the INVITE under Timers A and B", () => {
    expect(INVITE_CLIENT_START).toEqual({
      to: "calling",
      actions: ["start-timer-a", "start-timer-b", "send-request"],
    });
  });

  test("has exactly the states listed here", () => {
    expect(Object.keys(INVITE_CLIENT)).toEqual(Object.keys(expected));
  });

  test.each(cases(expected))("%s, %s: %s", (state, event, result) => {
    expect(outcome(INVITE_CLIENT, state, event)).toBe(result);
  });
});
