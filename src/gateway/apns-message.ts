import type { Push } from "../ports.ts";
import type { ApnsDevice } from "./apns-device.ts";
import { expiresAtSec, type GatewayClock, ttlSec } from "./push-sender.ts";
import { callerOf, callIdOf } from "./push-text.ts";

/** A request to APNs, but for the token that proves who sends it. */
export interface ApnsMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

type Style = "voip" | "alert" | "background";

/**
 * Writes a push for APNs; undefined when the device cannot be pushed to for that purpose. iOS ends apps that do not
 * report a call for a voip push, so only calls are sent as such, and what an operator tries out. Background pushes
 * have priority 5, as Apple demands.
 */
export function buildApnsMessage(
  push: Push,
  device: ApnsDevice,
  clock: GatewayClock,
): ApnsMessage | undefined {
  const style = styleOf(push, device);
  const token = style === "voip" ? device.voip : device.remote;
  if (token === undefined) return undefined;
  const headers = {
    ":method": "POST",
    ":path": `/3/device/${token}`,
    "apns-push-type": style,
    "apns-topic": style === "voip" ? `${device.bundle}.voip` : device.bundle,
    "apns-priority": style === "background" ? "5" : "10",
    "apns-expiration": String(expiresAtSec(push, clock)),
    ...(push.topic === "" ? {} : { "apns-collapse-id": push.topic.slice(0, MAX_COLLAPSE_ID) }),
    "content-type": "application/json",
  };
  const body = JSON.stringify(payloadOf(push, style, clock));
  if (Buffer.byteLength(body) <= MAX_PAYLOAD_BYTES) return { headers, body };
  // A name of nothing but characters that JSON escapes; the call matters more than who it is from.
  const anonymous = { ...push, caller: undefined };
  return { headers, body: JSON.stringify(payloadOf(anonymous, style, clock)) };
}

const MAX_COLLAPSE_ID = 64;
const MAX_PAYLOAD_BYTES = 4096;

function styleOf({ purpose }: Push, { voip, remote }: ApnsDevice): Style {
  switch (purpose) {
    case "call":
      return voip === undefined ? "alert" : "voip";
    case "message":
      return "alert";
    case "test":
      return remote === undefined ? "voip" : "background";
    case "request":
    case "refresh":
    case "call-over":
      return "background";
    default:
      return purpose satisfies never;
  }
}

/** The names are those that apps of Linphone know; late pushes happen, so that it says itself until when it holds. */
function payloadOf(push: Push, style: Style, clock: GatewayClock): object {
  const caller = callerOf(push);
  const callId = callIdOf(push);
  const name = [caller?.displayName, caller?.uri].find((text) => text !== undefined && text !== "");
  return {
    aps: {
      ...(style === "background" ? { "content-available": 1 } : shown(push, style, name)),
      ...(callId === "" ? {} : { "call-id": callId }),
      "send-time": new Date(clock.wallMs()).toISOString(),
    },
    ...(caller === undefined ? {} : { "from-uri": caller.uri, "display-name": caller.displayName }),
    purpose: push.purpose,
    pn_ttl: ttlSec(push, clock),
    "expires-at": expiresAtSec(push, clock),
  };
}

/** What the user gets to see: texts of the app by key, since midreg does not know the user's language. */
function shown({ purpose }: Push, style: Style, name: string | undefined): object {
  const isMessage = purpose === "message";
  const text = {
    "loc-key": isMessage ? "IM_MSG" : "IC_MSG",
    "loc-args": name === undefined ? [] : [name],
  };
  // PushKit shows nothing; the app reads the texts itself.
  if (style === "voip") return { sound: "", ...text };
  return { alert: text, sound: isMessage ? "msg.caf" : "default", "mutable-content": 1 };
}
