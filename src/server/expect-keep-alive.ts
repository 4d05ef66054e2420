import type { Transport } from "../ports.ts";
import { toldFlowTimer } from "../registrar/edge.ts";
import { flowTimerOf } from "../registrar/outbound.ts";
import type { RegisterAsk } from "../registrar/read-register.ts";
import { type Arrival, deviceFlow } from "./arrival.ts";
import { FLOW_TIMER_GRACE_MS } from "./limits.ts";

/** A device has been told a Flow-Timer in its 2xx, so its silence says that it is gone (RFC 5626 section 5.4). */
export function expectKeepAlive(
  transport: Transport,
  arrival: Arrival,
  ask: RegisterAsk,
  answer: string,
): void {
  // At the edge the main registrar has a say in it. What ends at another proxy is that proxy's to watch.
  const isEdge = ask.edge !== undefined && ask.path === "";
  const flowTimerSec = isEdge ? toldFlowTimer(answer) : flowTimerOf(ask);
  if (flowTimerSec === 0 || ask.contacts.every(({ lifetimeSec }) => lifetimeSec === 0)) return;
  const withinMs = flowTimerSec * 1000 + FLOW_TIMER_GRACE_MS;
  transport.expectKeepAlive(deviceFlow(arrival, ask), withinMs);
}
