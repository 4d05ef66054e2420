import { type LookupAddress, lookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/** IANA's special-purpose addresses that are not reachable from everywhere (RFC 6890 and its registries), and multicast. */
const NOT_PUBLIC_V4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
];

/** Of IPv6 only what is global unicast is public, less these; among them what can hide an IPv4 address. */
const GLOBAL_V6 = "2000::/3";
const NOT_PUBLIC_V6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

function listOf(networks: readonly string[], family: "ipv4" | "ipv6"): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", bits = ""] = network.split("/");
    list.addSubnet(address, Number(bits), family);
  }
  return list;
}

const V4 = listOf(NOT_PUBLIC_V4, "ipv4");
const V6 = listOf(NOT_PUBLIC_V6, "ipv6");
const GLOBAL = listOf([GLOBAL_V6], "ipv6");

/** Whether an IP literal is an address on the public internet. IPv4 inside of IPv6 is none. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !V4.check(address, "ipv4");
  return family === 6 && GLOBAL.check(address, "ipv6") && !V6.check(address, "ipv6");
}

/**
 * Looks names up as Node does, and refuses those that have an address that is not public. It is asked for each
 * connection, and what it has looked at is what is connected to, so a name that changes its mind
 * in between gains nothing.
 */
export const lookupPublic: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) {
      callback(error, []);
      return;
    }
    answerLookup(addresses, options.all === true, callback);
  });
};

function answerLookup(
  addresses: readonly LookupAddress[],
  isForAll: boolean,
  callback: Parameters<LookupFunction>[2],
): void {
  const [first] = addresses;
  if (first === undefined || addresses.some(({ address }) => !isPublicAddress(address))) {
    callback(Object.assign(new Error("not a public address"), { code: "ADDRESS_REFUSED" }), []);
  } else if (isForAll) callback(null, [...addresses]);
  else callback(null, first.address, first.family);
}
