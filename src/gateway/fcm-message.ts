import type { Push } from "../ports.ts";
import { expiresAtSec, type GatewayClock, ttlSec } from "./push-sender.ts";
import { callerOf, callIdOf } from "./push-text.ts";

/**
 * A message of FCM's HTTP v1 interface. It has data only, so that the app gets it and not the system; all data are
 * texts, with the names that apps of Linphone know.
 */
export function buildFcmMessage(push: Push, clock: GatewayClock): string {
  const { device, purpose } = push;
  const caller = callerOf(push);
  const name = [caller?.displayName, caller?.uri].find((text) => text !== undefined && text !== "");
  const data = {
    purpose,
    "call-id": callIdOf(push),
    "loc-key": purpose === "message" ? "IM_MSG" : "IC_MSG",
    "loc-args": name ?? "",
    "send-time": new Date(clock.wallMs()).toISOString(),
    "expires-at": String(expiresAtSec(push, clock)),
    ...(caller === undefined
      ? {}
      : { "from-uri": caller.uri, "sip-from": caller.uri, "display-name": caller.displayName }),
  };
  // A phone that sleeps gets what is NORMAL when it next wakes by itself, which is early enough for a refresh only.
  const priority = purpose === "refresh" ? "NORMAL" : "HIGH";
  const android = { priority, ttl: `${ttlSec(push, clock)}s`, data };
  return JSON.stringify({ message: { token: device.prid, android } });
}
