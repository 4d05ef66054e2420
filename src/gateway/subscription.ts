/** Where a Web Push subscription is, as far as it may be pushed to. */
export interface Subscription {
  readonly url: string;
  /** Scheme, host and port. */
  readonly origin: string;
}

const MAX_URL_LENGTH = 2048;

/**
 * Reads a push subscription URI (RFC 8030 section 5, RFC 8599 section 12). It comes from a phone, and midreg would
 * connect to whatever it names: only https without credentials, and only at the hosts listed. Undefined
 * otherwise.
 */
export function parseSubscription(
  written: string,
  hosts: readonly string[],
): Subscription | undefined {
  if (written.length > MAX_URL_LENGTH || !/^https:\/\/[!-~]+$/iu.test(written)) return undefined;
  if (!URL.canParse(written)) return undefined;
  const url = new URL(written);
  // A name that ends in a period is the same host, and would be another origin.
  url.hostname = url.hostname.replace(/\.$/u, "");
  const hasCredentials = url.username !== "" || url.password !== "" || written.includes("@");
  if (url.protocol !== "https:" || hasCredentials || url.hash !== "") return undefined;
  const isListed = hosts.some((pattern) => isAt(url, pattern));
  return isListed ? { url: url.href, origin: url.origin } : undefined;
}

/** Whether a URL is at HOST, *.DOMAIN or *, each perhaps with a port that is not 443. */
function isAt({ hostname, port }: URL, pattern: string): boolean {
  const [, host = "", wanted = "443"] = /^(.*?)(?::(\d+))?$/u.exec(withoutColons(pattern)) ?? [];
  if ((port === "" ? "443" : port) !== wanted) return false;
  const name = withoutColons(hostname);
  if (host === "*") return true;
  return host.startsWith("*.") ? name.endsWith(host.slice(1)) : name === host;
}

/** The colons of an IPv6 literal would be taken for that before a port. */
function withoutColons(text: string): string {
  return text.replace(/\[([^\]]*)\]/u, (_, address: string) => `[${address.replaceAll(":", ";")}]`);
}
