/** Which Routes are followed for whom: midreg is no relay for anybody's (RFC 3261 section 26.1.5). */
import type { Binding } from "../location/binding.ts";
import { isSameUri } from "../sip/compare-uri.ts";
import { isSameHost } from "../sip/host.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { splitList } from "../sip/split-list.ts";
import { parseUri, type Uri, uriParam } from "../sip/uri.ts";
import { isOwnUri, type Preprocessed } from "./preprocess.ts";
import type { ProxyInput } from "./proxy-input.ts";

/**
 * Whether a URI leads to the main registrar: to itself, the domain it serves for a binding, or a Service-Route that
 * it gave that one (RFC 3608).
 */
export function isUpstreamRoute(
  input: ProxyInput,
  uri: Uri,
  uriText: string,
  binding: Binding | undefined,
): boolean {
  const served = parseUri(binding?.upstream.requestUri ?? "")?.host ?? "";
  // An maddr is where the request would go, whatever the host says.
  if (uri.host !== "" && uriParam(uri, "maddr") === undefined) {
    if (input.isUpstreamHost(uri.host, uri.port) || isSameHost(served, uri.host)) return true;
  }
  return (
    binding !== undefined && serviceRoutesOf(binding).some((route) => isSameUri(route, uriText))
  );
}

const SERVICE_ROUTE = /^service-route[ \t]*:(.*)$/gimu;

function serviceRoutesOf({ replay }: Binding): readonly string[] {
  const lines = [...replay.matchAll(SERVICE_ROUTE)].map(([, value = ""]) => value.trim());
  const values = lines.flatMap((line) => splitList(line) ?? []);
  return values.flatMap((value) => parseNameAddr(value)?.uri ?? []);
}

/**
 * How far midreg follows the rest of a dialog's route for a sender that nothing but its token speaks for. It may be a
 * device on a new address or a peer that sends here directly, but a token is no secret to all who have seen the
 * dialog. So it leads to what the dialog is known to have on either side, and nowhere else: the device by its flow or
 * its Path, or the main registrar.
 */
export function isWithinDialog(
  input: ProxyInput,
  { left, uri, target }: Preprocessed,
  isToDevice: boolean,
  binding: Binding | undefined,
): boolean {
  const [first] = left;
  if (first !== undefined && isOwnUri(input, first.uri)) {
    return uriParam(first.uri, "maddr") === undefined;
  }
  if (!isToDevice) {
    const { uri: hop, uriText } = first ?? { uri, uriText: target };
    return isUpstreamRoute(input, hop, uriText, binding);
  }
  return first === undefined || isPathHop(first.uri, binding);
}

/** An edge proxy may record another port or transport than it has put into its Path, but hardly another host. */
function isPathHop(uri: Uri, binding: Binding | undefined): boolean {
  if (uri.host === "" || uriParam(uri, "maddr") !== undefined) return false;
  const hops = splitList(binding?.path ?? "") ?? [];
  return hops.some((hop) =>
    isSameHost(parseUri(parseNameAddr(hop)?.uri ?? "")?.host ?? "", uri.host),
  );
}
