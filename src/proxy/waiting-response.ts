/**
 * What a provisional response of midreg's own says, to a caller who waits for a device to wake up. It has a To tag as
 * every response has but 100 (RFC 3261 section 8.2.6.2), and so makes an early dialog with midreg itself (section
 * 12.1.1), beside those of the devices (section 13.2.2.4). That dialog knows no request: each gets 481 (route-new.ts).
 */
import { HEADER } from "../sip/header-name.ts";
import { tokensOf } from "../sip/header-values.ts";
import { headerValues } from "../sip/message.ts";
import type { ProxyInput } from "./proxy-input.ts";
import { ownContact } from "./record-route.ts";

/**
 * Its header lines, each ended by CRLF: the way back as the request had it when it came, and a contact that leads to
 * midreg. Undefined where there must be none: a caller that requires reliable ones (RFC 3262 section 3) gets those of
 * the device, since a PRACK to midreg could agree on nothing that the device knows of.
 */
export function waitingHeaders(input: ProxyInput): string | undefined {
  const { request } = input;
  if (tokensOf(request, HEADER.require).includes("100rel")) return undefined;
  const routes = headerValues(request, HEADER.recordRoute);
  const lines = routes.map((value) => `Record-Route: ${value}\r\n`);
  return `${lines.join("")}Contact: <${ownContact(input)}>\r\n`;
}
