import type { PushDevice } from "../location/push-device.ts";

/** The parameters of a contact's URI that say how its device is woken (RFC 8599 section 8.7). */
export type PushParam = "pn-provider" | "pn-param" | "pn-prid";

/** What can be pushed to: ports.ts, PushGateway, as far as a REGISTER depends on it. */
export interface PushSupport {
  readonly providers: readonly string[];
  vapidKey(provider: string): string | undefined;
  canPush(device: PushDevice): boolean;
}

/** How devices that want to be woken are registered. Names follow OpenSIPS' parameters. */
export interface PushPolicy {
  /** What devices may ask for: all that the gateway has, or what the operator has chosen of it. */
  readonly providers: readonly string[];
  /** Contacts that are equal in all of these are one device. */
  readonly matchParams: readonly PushParam[];
  /** sip.pnsreg: how long before its end a device that wakes by itself is to refresh. */
  readonly pnsregIntervalSec: number;
  /** Whether devices get references for dialogs (sip.pnspurr). */
  readonly hasPurr: boolean;
  /** Whether a REGISTER that asks for what there is not goes on, or is refused with 555. */
  readonly unsupported: "forward" | "reject";
  /** pn_after_expiry: for how long a device is kept beyond the end of its registration (location/reach.ts). */
  readonly afterExpiryMs: number;
  readonly gateway: PushSupport;
}
