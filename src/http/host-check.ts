import { isIPv4 } from "node:net";

/**
 * Whether a Host header names this listener: a loopback name or address, or the address it is bound to. A
 * web page that has its own name resolve to 127.0.0.1 (DNS rebinding) sends that name here.
 */
export function isOwnHost(header: string | undefined, bindAddress: string): boolean {
  const parts = /^(?:\[([^\]]+)\]|([^:]+?))\.?(?::\d{1,5})?$/u.exec(header ?? "");
  const host = (parts?.[1] ?? parts?.[2] ?? "").toLowerCase();
  const isLoopback = host === "localhost" || host === "::1" || isLoopbackV4(host);
  return isLoopback || (host !== "" && host === bindAddress.toLowerCase());
}

/**
 * Whether a request that changes something may come from where it says: browsers name the page that sent it in
 * Origin, and only pages of this listener's own may.
 */
export function isOwnOrigin(origin: string | undefined, bindAddress: string): boolean {
  if (origin === undefined) return true;
  const [, host] = /^http:\/\/(.+)$/u.exec(origin) ?? [];
  return isOwnHost(host, bindAddress);
}

function isLoopbackV4(host: string): boolean {
  return isIPv4(host) && host.startsWith("127.");
}
