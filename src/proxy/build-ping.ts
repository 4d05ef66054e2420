import type { Binding } from "../location/binding.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { splitList } from "../sip/split-list.ts";
import { pathBeyondUs, requestUriOf } from "./forward-request.ts";
import type { NextHop, ProxyInput } from "./proxy-input.ts";

/** What pings are like (sipping_method): a request, or the keep-alive of RFC 5626 section 3.5.1 that nobody answers. */
export type PingMethod = "OPTIONS" | "INFO" | "NOTIFY" | "CRLF";

/** What a ping says besides whom it is for. */
interface PingParts {
  readonly method: Exclude<PingMethod, "CRLF">;
  /** URI of From (sipping_from). */
  readonly from: string;
  readonly tag: string;
  readonly callId: string;
  readonly userAgent: string;
}

/** Header lines that a method has to have: RFC 3261 section 11.1, RFC 6665 section 8.2.1. */
const HEADERS: Readonly<Record<PingParts["method"], string>> = {
  OPTIONS: "Accept: application/sdp\r\n",
  INFO: "",
  NOTIFY: "Event: keep-alive\r\nSubscription-State: active\r\n",
};

/** A request that asks a device for any answer, without a Via, and its way: the one that calls take. */
export function buildPing(
  binding: Binding,
  { method, from, tag, callId, userAgent }: PingParts,
  own: Pick<ProxyInput, "isOwnHost">,
): { readonly text: string; readonly nextHop: NextHop } {
  const path = pathBeyondUs(own, binding.path);
  const text =
    `${method} ${requestUriOf(binding.contact)} SIP/2.0\r\n` +
    `Max-Forwards: 70\r\n${path === "" ? "" : `Route: ${path}\r\n`}` +
    `From: <${from}>;tag=${tag}\r\n` +
    `To: <${binding.upstream.to}>\r\n` +
    `Call-ID: ${callId}\r\nCSeq: 1 ${method}\r\n${HEADERS[method]}` +
    `User-Agent: ${userAgent}\r\nContent-Length: 0\r\n\r\n`;
  const flow = binding.source;
  const next = parseNameAddr(splitList(path)?.[0] ?? "")?.uri;
  return {
    text,
    nextHop: next === undefined ? { kind: "flow", flow } : { kind: "uri", uri: next, flow },
  };
}
