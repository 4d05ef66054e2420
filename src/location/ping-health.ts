import type { Binding } from "./binding.ts";

/** What pings have told of a device. It is kept in memory only, and begins anew with the process. */
export interface PingHealth {
  /** The flow that it is about (flow.ts). */
  readonly flow: string;
  readonly pingedAtMs: number;
  /** When the device has last answered one; undefined when it never has. */
  readonly answeredAtMs: number | undefined;
  /** How long that took. */
  readonly latencyMs: number | undefined;
  /** Pings in a row without an answer. */
  readonly lost: number;
}

/** Whether it is about the flow that the binding has by now. */
export function isOfFlow(
  health: PingHealth | undefined,
  { source }: Pick<Binding, "source">,
): health is PingHealth {
  return health?.flow === source;
}

/** Whether a device has been silent for so long that it is taken for dead; one that has refreshed since is not. */
export function isDead(
  health: PingHealth | undefined,
  binding: Pick<Binding, "source" | "updatedAtMs">,
  maxLost: number,
): boolean {
  if (!isOfFlow(health, binding)) return false;
  return health.lost >= maxLost && binding.updatedAtMs <= health.pingedAtMs;
}
