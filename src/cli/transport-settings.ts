import type { Settings } from "../config/settings.ts";
import type { Metrics } from "../ports.ts";
import { TlsContexts } from "../transport/tls-contexts.ts";
import { buildIsTrusted } from "./trusted-sources.ts";

/** The certificates of the settings, with a metric of their ends; undefined where nothing speaks TLS. */
export function buildTls(settings: Settings, metrics: Metrics): TlsContexts | undefined {
  const contexts = readTls(settings);
  if (contexts === undefined) return undefined;
  for (const { file } of contexts.expiries()) {
    metrics.gauge("tls_certificate_expiry_seconds", { file }, () => {
      const found = contexts.expiries().find((one) => one.file === file);
      return found?.atSec ?? 0;
    });
  }
  return contexts;
}

/** Undefined when no listener needs certificates. Throws a `TransportError` that names the file at fault. */
export function readTls({
  listeners,
  tls,
}: Pick<Settings, "listeners" | "tls">): TlsContexts | undefined {
  const isNeeded = listeners.some(({ protocol }) => protocol === "tls" || protocol === "wss");
  return isNeeded ? new TlsContexts(tls) : undefined;
}

/** Tells load balancers that speak the PROXY protocol from all others. */
export function buildIsBalancer({ connections }: Settings): (address: string) => boolean {
  if (connections.proxyProtocol.length === 0) return () => false;
  const isListed = buildIsTrusted(connections.proxyProtocol);
  return (address) => isListed(address.replace(/^::ffff:/iu, ""), 0);
}
