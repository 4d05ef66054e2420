import { freezeDeep, type Table, type Transition } from "./machine.ts";

export type InviteClientState = "calling" | "proceeding" | "accepted" | "completed" | "terminated";

/**
 * "provisional" (1xx), "success" (2xx) and "failure" (300 to 699) are responses that match. "abandon" is the
 * transaction user giving up, for instance 64*T1 after an unanswered CANCEL (RFC 3261 section 9.1).
 */
export type InviteClientEvent =
  | "provisional"
  | "success"
  | "failure"
  | "abandon"
  | "timer-a"
  | "timer-b"
  | "timer-d"
  | "timer-m"
  | "transport-error";

/** "send-ack" builds the ACK for the failure of the event (RFC 3261 section 17.1.1.3) and sends it. */
export type InviteClientAction =
  | "pass-response"
  | "pass-timeout"
  | "pass-transport-error"
  | "send-request"
  | "resend-request"
  | "send-ack"
  | "start-timer-a"
  | "restart-timer-a"
  | "stop-timer-a"
  | "start-timer-b"
  | "stop-timer-b"
  | "start-timer-d"
  | "stop-timer-d"
  | "start-timer-m";

/** How an INVITE client transaction begins. */
export const INVITE_CLIENT_START: Transition<InviteClientState, InviteClientAction> = freezeDeep({
  to: "calling",
  actions: ["start-timer-a", "start-timer-b", "send-request"],
});

/**
 * The INVITE client transaction: RFC 3261 section 17.1.1.2 with figure 5 of RFC 6026.
 *
 * The ACK to a 2xx is never built here: a proxy forwards the one it is given.
 */
export const INVITE_CLIENT: Table<InviteClientState, InviteClientEvent, InviteClientAction> =
  freezeDeep({
    calling: {
      provisional: {
        to: "proceeding",
        actions: ["stop-timer-a", "stop-timer-b", "pass-response"],
      },
      success: {
        to: "accepted",
        actions: ["stop-timer-a", "stop-timer-b", "start-timer-m", "pass-response"],
      },
      failure: {
        to: "completed",
        actions: ["stop-timer-a", "stop-timer-b", "start-timer-d", "send-ack", "pass-response"],
      },
      abandon: { to: "terminated", actions: ["stop-timer-a", "stop-timer-b"] },
      "timer-a": { to: "calling", actions: ["restart-timer-a", "resend-request"] },
      "timer-b": { to: "terminated", actions: ["stop-timer-a", "pass-timeout"] },
      "transport-error": {
        to: "terminated",
        actions: ["stop-timer-a", "stop-timer-b", "pass-transport-error"],
      },
    },
    // Nothing is sent and no timer runs here. How long a call may ring is the proxy's Timer C.
    proceeding: {
      provisional: { to: "proceeding", actions: ["pass-response"] },
      success: { to: "accepted", actions: ["start-timer-m", "pass-response"] },
      failure: { to: "completed", actions: ["start-timer-d", "send-ack", "pass-response"] },
      abandon: { to: "terminated", actions: [] },
    },
    // RFC 6026 section 8.4: more 2xx may come, retransmitted or from other branches of a fork.
    accepted: {
      success: { to: "accepted", actions: ["pass-response"] },
      "timer-m": { to: "terminated", actions: [] },
    },
    completed: {
      failure: { to: "completed", actions: ["send-ack"] },
      "timer-d": { to: "terminated", actions: [] },
      "transport-error": {
        to: "terminated",
        actions: ["stop-timer-d", "pass-transport-error"],
      },
    },
    terminated: {},
  });
