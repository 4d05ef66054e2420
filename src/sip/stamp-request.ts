import type { RequestHead } from "./message.ts";
import { stampVia } from "./stamp-via.ts";

/**
 * A request with received and rport filled into its top Via (RFC 3261 section 18.2.1, RFC 3581 section
 * 4): in answers to it, and when it is passed on. parseMessage does the same on the way, for less.
 */
export function stampRequest<Request extends RequestHead>(
  request: Request,
  address: string,
  port: number,
): Request {
  const stampedVia = stampVia(request.via, address, port);
  return stampedVia === undefined ? request : { ...request, stampedVia };
}
