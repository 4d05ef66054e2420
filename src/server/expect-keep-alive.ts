import type { Transport } from "../ports.ts";
import { flowTimerOf } from "../registrar/outbound.ts";
import type { RegisterAsk } from "../registrar/read-register.ts";
import { type Arrival, deviceFlow } from "./arrival.ts";
import { FLOW_TIMER_GRACE_MS } from "./limits.ts";

/** A device has been told a Flow-Timer in its 2xx, so its silence says that it is gone (RFC 5626 section 5.4). */
export function expectKeepAlive(transport: Transport, arrival: Arrival, ask: RegisterAsk): void {
  const flowTimerSec = flowTimerOf(ask);
  if (flowTimerSec === 0 || ask.contacts.every(({ lifetimeSec }) => lifetimeSec === 0)) return;
  const withinMs = flowTimerSec * 1000 + FLOW_TIMER_GRACE_MS;
  transport.expectKeepAlive(deviceFlow(arrival, ask), withinMs);
}
