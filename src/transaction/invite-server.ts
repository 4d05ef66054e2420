import { freezeDeep, type Table, type Transition } from "./machine.ts";

export type InviteServerState =
  | "proceeding"
  | "accepted"
  | "completed"
  | "confirmed"
  | "terminated";

/**
 * "request" is a retransmitted INVITE, "ack" an ACK that matches it. "provisional" (1xx), "success" (2xx)
 * and "failure" (300 to 699) are responses of the transaction user.
 */
export type InviteServerEvent =
  | "request"
  | "ack"
  | "provisional"
  | "success"
  | "failure"
  | "timer-g"
  | "timer-h"
  | "timer-i"
  | "timer-l"
  | "transport-error";

/**
 * "send-response" sends the response of the event and remembers it, "resend-response" sends the last one
 * again, or nothing where none has been sent yet.
 */
export type InviteServerAction =
  | "pass-request"
  | "pass-ack"
  | "pass-timeout"
  | "pass-transport-error"
  | "send-response"
  | "resend-response"
  | "start-timer-g"
  | "restart-timer-g"
  | "stop-timer-g"
  | "start-timer-h"
  | "stop-timer-h"
  | "start-timer-i"
  | "start-timer-l";

/** How an INVITE server transaction begins. The 100 is the transaction user's first provisional response. */
export const INVITE_SERVER_START: Transition<InviteServerState, InviteServerAction> = freezeDeep({
  to: "proceeding",
  actions: ["pass-request"],
});

/**
 * The INVITE server transaction: RFC 3261 section 17.2.1 with figure 7 of RFC 6026.
 *
 * A transport error is told to the transaction user and changes no state: retransmissions of the INVITE
 * still have to be absorbed (RFC 6026 section 8.8).
 */
export const INVITE_SERVER: Table<InviteServerState, InviteServerEvent, InviteServerAction> =
  freezeDeep({
    proceeding: {
      request: { to: "proceeding", actions: ["resend-response"] },
      provisional: { to: "proceeding", actions: ["send-response"] },
      success: { to: "accepted", actions: ["start-timer-l", "send-response"] },
      failure: { to: "completed", actions: ["start-timer-g", "start-timer-h", "send-response"] },
      "transport-error": { to: "proceeding", actions: ["pass-transport-error"] },
    },
    // RFC 6026 section 8.7: INVITEs are absorbed here. Every 2xx is the transaction user's, and so is its ACK:
    // only one from an RFC 2543 client matches this transaction at all.
    accepted: {
      ack: { to: "accepted", actions: ["pass-ack"] },
      success: { to: "accepted", actions: ["send-response"] },
      "timer-l": { to: "terminated", actions: [] },
      "transport-error": { to: "accepted", actions: ["pass-transport-error"] },
    },
    completed: {
      request: { to: "completed", actions: ["resend-response"] },
      ack: { to: "confirmed", actions: ["stop-timer-g", "stop-timer-h", "start-timer-i"] },
      "timer-g": { to: "completed", actions: ["restart-timer-g", "resend-response"] },
      // No ACK came: "MUST indicate to the TU that a transaction failure has occurred".
      "timer-h": { to: "terminated", actions: ["stop-timer-g", "pass-timeout"] },
      "transport-error": { to: "completed", actions: ["pass-transport-error"] },
    },
    // Absorbs the ACKs that retransmitted responses have caused.
    confirmed: {
      "timer-i": { to: "terminated", actions: [] },
    },
    terminated: {},
  });
