/** Which devices have to be woken for a request, and as what they are pushed to (RFC 8599 section 5.6.2). */
import type { Binding } from "../location/binding.ts";

/** What tells whether a device listens. */
export interface WakeFacts {
  readonly nowMs: number;
  /** pn_skip_pn_interval: a device that was heard so recently is awake; 0 for never. */
  readonly skipMs: number;
  /** Whether something can be sent on a flow (ports.ts, Transport). */
  readonly isOpen: (flow: string) => boolean;
}

/** What a request is worth a push as. A call rings at once; the others may take their time on some providers. */
export type WakePurpose = "call" | "message" | "request";

/**
 * Undefined for what nobody is woken for: OPTIONS, which main registrars ping contacts with, and what goes only to
 * devices that are awake because they have just sent something.
 */
export function purposeOf(method: string): WakePurpose | undefined {
  switch (method) {
    case "INVITE":
      return "call";
    case "MESSAGE":
      return "message";
    case "OPTIONS":
    case "ACK":
    case "CANCEL":
    case "PRACK":
      return undefined;
    default:
      return "request";
  }
}

const URGENCY: Readonly<Record<WakePurpose, number>> = { request: 0, message: 1, call: 2 };

/** Whether a device that has been pushed to as `before` needs another push to wake up as quickly as `now` wants it. */
export function isMoreUrgent(now: WakePurpose, before: WakePurpose | undefined): boolean {
  return before === undefined || URGENCY[now] > URGENCY[before];
}

/**
 * Whether the device has to be woken before something is sent to it. One with an open connection listens, if the
 * connection is its own and not that of a proxy on its Path. UDP tells nothing.
 */
export function isAsleep(
  { push, expiresAtMs, updatedAtMs, source, path }: Binding,
  { nowMs, skipMs, isOpen }: WakeFacts,
): boolean {
  if (push === "") return false;
  // Its address may be somebody else's by now.
  if (expiresAtMs <= nowMs) return true;
  if (skipMs > 0 && nowMs - updatedAtMs < skipMs) return false;
  const hasConnection = path === "" && source.includes("#");
  return !(hasConnection && isOpen(source));
}
