import type { PingMethod } from "../proxy/build-ping.ts";
import type { PingPolicy } from "../registrar/decide-ping.ts";

/** What the operator has decided about pings. */
export interface PingOptions {
  readonly policy: PingPolicy;
  readonly method: PingMethod;
  /** URI of From; empty for midreg's own address. */
  readonly from: string;
  /** Whether bindings of dead devices are removed, here and upstream, and not only passed over by calls. */
  readonly removesDead: boolean;
  /** Pings a second, at most. */
  readonly rate: number;
}
