import { networkInterfaces } from "node:os";
import { listenerId } from "../config/address.ts";
import type { Settings } from "../config/settings.ts";
import { bracketAddress } from "../location/flow.ts";
import { buildIsOwnHost } from "../server/server-modules.ts";

/** Names and addresses of this machine, as far as a listener is bound to all of them. */
export function ownHosts({ listeners }: Settings): readonly string[] {
  if (!listeners.some(({ address }) => isWildcard(address))) return [];
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  return ["localhost", ...addresses.map(({ address }) => bracketAddress(address))];
}

export function isWildcard(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}

/** Tells midreg's own host and port from others by the settings alone, for when nothing listens. */
export function isOwnHostBy(
  settings: Settings,
): (host: string, port: number | undefined) => boolean {
  const listeners = settings.listeners.map((listener) => {
    const { protocol, address, port, advertised } = listener;
    const host = advertised?.host ?? bracketAddress(address);
    const sentBy = `${host}:${advertised?.port ?? port}`;
    const family: 4 | 6 = address.includes(":") ? 6 : 4;
    return { id: listenerId(listener), protocol, family, address, port, sentBy };
  });
  return buildIsOwnHost(listeners, ownHosts(settings));
}
