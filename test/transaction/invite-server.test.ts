import { describe, expect, test } from "vitest";
import type { InviteServerEvent, InviteServerState } from "../../src/transaction/invite-server.ts";
import { INVITE_SERVER, INVITE_SERVER_START } from "../../src/transaction/invite-server.ts";
import { cases, outcome } from "./machines.ts";

const expected: Record<InviteServerState, Record<InviteServerEvent, string>> = {
  proceeding: {
    request: "proceeding: resend-response",
    ack: "nothing",
    provisional: "proceeding: send-response",
    success: "accepted: start-timer-l, send-response",
    failure: "completed: start-timer-g, start-timer-h, send-response",
    "timer-g": "nothing",
    "timer-h": "nothing",
    "timer-i": "nothing",
    "timer-l": "nothing",
    "transport-error": "proceeding: pass-transport-error",
  },
  accepted: {
    request: "nothing",
    ack: "accepted: pass-ack",
    provisional: "nothing",
    success: "accepted: send-response",
    failure: "nothing",
    "timer-g": "nothing",
    "timer-h": "nothing",
    "timer-i": "nothing",
    "timer-l": "terminated:",
    "transport-error": "accepted: pass-transport-error",
  },
  completed: {
    request: "completed: resend-response",
    ack: "confirmed: stop-timer-g, stop-timer-h, start-timer-i",
    provisional: "nothing",
    success: "nothing",
    failure: "nothing",
    "timer-g": "completed: restart-timer-g, resend-response",
    "timer-h": "terminated: stop-timer-g, pass-timeout",
    "timer-i": "nothing",
    "timer-l": "nothing",
    "transport-error": "completed: pass-transport-error",
  },
  confirmed: {
    request: "nothing",
    ack: "nothing",
    provisional: "nothing",
    success: "nothing",
    failure: "nothing",
    "timer-g": "nothing",
    "timer-h": "nothing",
    "timer-i": "terminated:",
    "timer-l": "nothing",
    "transport-error": "nothing",
  },
  terminated: {
    request: "nothing",
    ack: "nothing",
    provisional: "nothing",
    success: "nothing",
    failure: "nothing",
    "timer-g": "nothing",
    "timer-h": "nothing",
    "timer-i": "nothing",
    "timer-l": "nothing",
    "transport-error": "nothing",
  },
};

describe("an INVITE server transaction", () => {
  test("begins by passing the INVITE on", () => {
    expect(INVITE_SERVER_START).toEqual({ to: "proceeding", actions: ["pass-request"] });
  });

  test("has exactly the states listed here", () => {
    expect(Object.keys(INVITE_SERVER)).toEqual(Object.keys(expected));
  });

  test.each(cases(expected))("%s, %s: %s", (state, event, result) => {
    expect(outcome(INVITE_SERVER, state, event)).toBe(result);
  });
});
