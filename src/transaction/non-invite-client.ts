import { freezeDeep, type Table, type Transition } from "./machine.ts";

export type NonInviteClientState = "trying" | "proceeding" | "completed" | "terminated";

/**
 * "provisional" (1xx) and "final" (200 to 699) are responses that match. "abandon" is the transaction user
 * giving up before Timer F, because an answer that late helps nobody (RFC 4320 section 4.2).
 */
export type NonInviteClientEvent =
  | "provisional"
  | "final"
  | "abandon"
  | "timer-e"
  | "timer-f"
  | "timer-k"
  | "transport-error";

export type NonInviteClientAction =
  | "pass-response"
  | "pass-timeout"
  | "pass-transport-error"
  | "send-request"
  | "resend-request"
  | "start-timer-e"
  | "restart-timer-e"
  | "restart-timer-e-at-t2"
  | "stop-timer-e"
  | "start-timer-f"
  | "stop-timer-f"
  | "start-timer-k";

/** How a non-INVITE client transaction begins. */
export const NON_INVITE_CLIENT_START: Transition<NonInviteClientState, NonInviteClientAction> =
  freezeDeep({ to: "trying", actions: ["start-timer-e", "start-timer-f", "send-request"] });

const FINAL: Transition<NonInviteClientState, NonInviteClientAction> = {
  to: "completed",
  actions: ["stop-timer-e", "stop-timer-f", "start-timer-k", "pass-response"],
};
const ABANDON: Transition<NonInviteClientState, NonInviteClientAction> = {
  to: "terminated",
  actions: ["stop-timer-e", "stop-timer-f"],
};
const TIME_OUT: Transition<NonInviteClientState, NonInviteClientAction> = {
  to: "terminated",
  actions: ["stop-timer-e", "pass-timeout"],
};
const TRANSPORT_ERROR: Transition<NonInviteClientState, NonInviteClientAction> = {
  to: "terminated",
  actions: ["stop-timer-e", "stop-timer-f", "pass-transport-error"],
};

/** The non-INVITE client transaction: RFC 3261 section 17.1.2.2, figure 6. */
export const NON_INVITE_CLIENT: Table<
  NonInviteClientState,
  NonInviteClientEvent,
  NonInviteClientAction
> = freezeDeep({
  trying: {
    provisional: { to: "proceeding", actions: ["pass-response"] },
    final: FINAL,
    abandon: ABANDON,
    "timer-e": { to: "trying", actions: ["restart-timer-e", "resend-request"] },
    "timer-f": TIME_OUT,
    "transport-error": TRANSPORT_ERROR,
  },
  // The request is still sent again, so that a lost final response is, but only every T2.
  proceeding: {
    provisional: { to: "proceeding", actions: ["pass-response"] },
    final: FINAL,
    abandon: ABANDON,
    "timer-e": { to: "proceeding", actions: ["restart-timer-e-at-t2", "resend-request"] },
    "timer-f": TIME_OUT,
    "transport-error": TRANSPORT_ERROR,
  },
  // Absorbs retransmitted responses.
  completed: {
    "timer-k": { to: "terminated", actions: [] },
  },
  terminated: {},
});
