import { BlockList, isIP, SocketAddress } from "node:net";

/**
 * Tells the main registrar's further addresses, configured as ADDRESS, ADDRESS:PORT or NETWORK/BITS, from
 * all others. An IPv6 address matches however it is spelled, and whatever interface (%eth0) it is on.
 */
export function buildIsTrusted(
  trusted: readonly string[],
): (address: string, port: number) => boolean {
  const places = new Set<string>();
  // One list for each family: a BlockList takes IPv4 addresses for part of an IPv6 network as well.
  const networks = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const source of trusted) {
    const [, v6, v4, port] = /^(?:\[([^\]]*)\]|([^:/]*)):(\d+)$/u.exec(source) ?? [];
    const [network = "", bits] = source.replace(/^\[(.*)\]$/u, "$1").split("/");
    if (port !== undefined) places.add(placeOf(v6 ?? v4 ?? "", Number(port)));
    else addNetwork(networks[familyOf(network)], network, bits);
  }
  return (address, port) => {
    const family = familyOf(address);
    if (networks[family].check(address, family)) return true;
    return places.size > 0 && places.has(placeOf(address, port));
  };
}

function addNetwork(networks: BlockList, network: string, bits: string | undefined): void {
  if (bits === undefined) networks.addAddress(network, familyOf(network));
  else networks.addSubnet(network, Number(bits), familyOf(network));
}

/** Address and port in one spelling. */
function placeOf(address: string, port: number): string {
  return `${new SocketAddress({ address, family: familyOf(address) }).address} ${port}`;
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}
