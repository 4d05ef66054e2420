/** What the answer of a push provider means for those who wait for the device (RFC 8599 section 5.6.2). */
import type { Binding } from "../location/binding.ts";

/** The results of ports.ts, PushOutcome. */
type WakePushResult =
  | "accepted"
  | "dead-token"
  | "rejected"
  | "throttled"
  | "unavailable"
  | "timeout"
  | "overloaded"
  | "called-off";

/**
 * Whether nobody need wait any longer. A push that was not taken this time says nothing of the device: it may come by
 * itself, or by an earlier push. What will never be taken is final.
 */
export function isHopeless(result: WakePushResult): result is "dead-token" | "rejected" {
  switch (result) {
    case "dead-token":
    case "rejected":
      return true;
    case "accepted":
    case "throttled":
    case "unavailable":
    case "timeout":
    case "overloaded":
    case "called-off":
      return false;
    default:
      return result satisfies never;
  }
}

/**
 * Whether a binding is to be pushed to no more, now that its token is said to be dead since then: not if it has another
 * token by now, nor if its device has registered with this one later (APNs 410).
 */
export function losesPush(
  { push, updatedAtMs }: Binding,
  {
    deadPush,
    deadSinceMs,
  }: { readonly deadPush: string; readonly deadSinceMs: number | undefined },
): boolean {
  if (push === "" || push !== deadPush) return false;
  return deadSinceMs === undefined || updatedAtMs <= deadSinceMs;
}
