import { freezeDeep, type Table, type Transition } from "./machine.ts";

export type NonInviteServerState = "trying" | "proceeding" | "completed" | "terminated";

/**
 * "request" is a retransmission. "provisional" and "final" (200 to 699) are responses of the transaction user.
 * The only provisional it may give is a 100, over an unreliable transport not before Timer 100, and it never
 * gives a 408: instead it uses "abandon", "will not send a final response at all" (RFC 4320 sections 4.1, 4.2).
 */
export type NonInviteServerEvent =
  | "request"
  | "provisional"
  | "final"
  | "abandon"
  | "timer-j"
  | "timer-100"
  | "transport-error";

/**
 * "send-response" sends the response of the event and remembers it, "send-100" does the same with a 100 that
 * it builds, "resend-response" sends the last one again.
 */
export type NonInviteServerAction =
  | "pass-request"
  | "pass-transport-error"
  | "send-response"
  | "resend-response"
  | "send-100"
  | "start-timer-j"
  | "start-timer-100"
  | "stop-timer-100";

/** How a non-INVITE server transaction begins. */
export const NON_INVITE_SERVER_START: Transition<NonInviteServerState, NonInviteServerAction> =
  freezeDeep({ to: "trying", actions: ["start-timer-100", "pass-request"] });

/**
 * The non-INVITE server transaction: RFC 3261 section 17.2.2, with the late 100 of RFC 4320 section 4.1.
 *
 * Figure 8 ends the transaction at a transport error. RFC 6026 section 8.8 replaced the text behind it for all
 * server transactions, "MUST remain in the current state", so a retransmission is not taken for a new request.
 */
export const NON_INVITE_SERVER: Table<
  NonInviteServerState,
  NonInviteServerEvent,
  NonInviteServerAction
> = freezeDeep({
  // Retransmissions are discarded: there is nothing to answer yet.
  trying: {
    provisional: { to: "proceeding", actions: ["stop-timer-100", "send-response"] },
    final: { to: "completed", actions: ["stop-timer-100", "start-timer-j", "send-response"] },
    abandon: { to: "terminated", actions: ["stop-timer-100"] },
    "timer-100": { to: "proceeding", actions: ["send-100"] },
  },
  proceeding: {
    request: { to: "proceeding", actions: ["resend-response"] },
    provisional: { to: "proceeding", actions: ["send-response"] },
    final: { to: "completed", actions: ["start-timer-j", "send-response"] },
    abandon: { to: "terminated", actions: [] },
    "transport-error": { to: "proceeding", actions: ["pass-transport-error"] },
  },
  completed: {
    request: { to: "completed", actions: ["resend-response"] },
    "timer-j": { to: "terminated", actions: [] },
    "transport-error": { to: "completed", actions: ["pass-transport-error"] },
  },
  terminated: {},
});
