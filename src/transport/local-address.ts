import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import type { Log, Target } from "../ports.ts";
import { bracketHost, isWildcard } from "./ip-literal.ts";
import type { ListenOptions } from "./listen-options.ts";
import { systemCode, TransportError } from "./transport-error.ts";

/** Documentation addresses (RFC 5737, RFC 3849): only the default route leads there. */
const ANYWHERE = { 4: "192.0.2.1", 6: "2001:db8::1" } as const;

/**
 * The address of this machine that packets to the target would leave from. The routing table is asked by
 * connecting a throw-away socket; nothing is sent. Rejects with `NO_ROUTE`.
 */
export async function localAddressToward(
  target: Pick<Target, "address" | "port">,
): Promise<string> {
  const socket = createSocket(isIPv6(target.address) ? "udp6" : "udp4");
  try {
    const connected = once(socket, "connect");
    socket.connect(target.port, target.address);
    await connected;
    return socket.address().address;
  } catch (error) {
    const place = `${bracketHost(target.address)}:${target.port}`;
    const message = `no route to ${place} (${systemCode(error)}); check the network or give an advertised address`;
    throw new TransportError("NO_ROUTE", message, { cause: error });
  } finally {
    socket.close();
  }
}

/**
 * Gives wildcard listeners without an advertised address the one used toward the main registrar; a
 * listener of the other family, or no target, takes the one of the default route. A loopback address
 * is right for a main registrar on this machine and wrong for every phone, so it is chosen only when
 * there is no other; the main registrar reaches the other as well. Logs what was chosen and from what.
 * Rejects with `NO_ROUTE`.
 */
export async function advertiseWildcards<Options extends ListenOptions = ListenOptions>(
  listeners: readonly Options[],
  toward: Target | undefined,
  log: Log,
): Promise<readonly Options[]> {
  return Promise.all(
    listeners.map(async (listener) => {
      if (listener.advertised !== undefined || !isWildcard(listener.address)) return listener;
      const host = await chooseAddress(isIPv6(listener.address) ? 6 : 4, toward);
      const family = isIPv6(listener.address) ? "IPv6" : "IPv4";
      const fields = { listener: listener.address, port: listener.port, advertised: host };
      log.info({ ...fields, candidates: localAddresses(family) }, "advertised address chosen");
      return { ...listener, advertised: { host } };
    }),
  );
}

async function chooseAddress(family: 4 | 6, toward: Target | undefined): Promise<string> {
  const anywhere = { address: ANYWHERE[family], port: 5060 };
  if (toward === undefined || isIPv6(toward.address) !== (family === 6)) {
    return localAddressToward(anywhere);
  }
  const address = await localAddressToward(toward);
  if (!isLoopback(address)) return address;
  return localAddressToward(anywhere).catch(() => address);
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}

function localAddresses(family: "IPv4" | "IPv6"): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((entry) => entry.family === family && !entry.internal)
    .map((entry) => entry.address);
}
