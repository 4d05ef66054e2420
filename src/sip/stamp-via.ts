import { isSameHost } from "./host.ts";
import { findParam, paramValue, withoutParams } from "./params.ts";
import type { Via } from "./via.ts";

/**
 * The top Via line's value as the server transport must leave it: received where the sent-by is not the
 * source address (RFC 3261 section 18.2.1), rport and received where the client asked for them (RFC 3581
 * section 4). Undefined when nothing has to change. Values the client made up are replaced. Further
 * values of the line are kept. `address` is an IP literal without brackets.
 */
export function stampVia(via: Via, address: string, port: number): string | undefined {
  const { text, params, rest } = via;
  const rport = findParam(params, "rport");
  const isClean = findParam(params, "received") === undefined;
  if (rport === undefined && isClean && isSameHost(via.host, address)) return undefined;
  const head = text.length - params.length;
  const after = rport === undefined ? "" : params.slice(rport.end);
  if (rport !== undefined && isClean && findParam(after, "rport") === undefined) {
    return `${text.slice(0, head + rport.nameEnd)}=${port}${after};received=${address}${rest}`;
  }
  const kept = withoutParams(params, (name) => name === "rport" || name === "received");
  const filled = rport === undefined ? "" : `;rport=${port}`;
  return `${text.slice(0, head)}${kept}${filled};received=${address}${rest}`;
}

/**
 * The port a UDP response goes to: the source port when the client asked for it with rport (RFC 3581
 * section 4), else the sent-by port (RFC 3261 section 18.2.2). The address is always the source's: a
 * maddr parameter is not followed, since it would let a forged request aim the answer at anybody.
 */
export function responsePort(via: Via, sourcePort: number): number {
  return paramValue(via.params, "rport") === undefined ? (via.port ?? 5060) : sourcePort;
}
