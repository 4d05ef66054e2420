import { serializeFlow } from "../location/flow.ts";
import type { Listener, Target, Transport } from "../ports.ts";
import type { RequestHead } from "../sip/message.ts";
import { responsePort } from "../sip/stamp-via.ts";

/** Where and when a message came in. */
export interface Arrival {
  readonly listener: Listener;
  /** Remote IP literal without brackets, and port. */
  readonly address: string;
  readonly port: number;
  /** On the steady timeline, with a fraction. */
  readonly atMs: number;
}

/** The flow a message came on, as bindings keep it. */
export function flowOf({ listener, address, port }: Arrival): string {
  return serializeFlow(listener.id, address, port);
}

/** Sends a response to where its request came from (RFC 3261 section 18.2.2, RFC 3581 section 4). */
export function sendResponse(
  transport: Transport,
  arrival: Arrival,
  head: RequestHead,
  text: string,
): void {
  transport.send(text, arrival.listener, responseTarget(arrival, head));
}

/** Where the responses to a request go. */
export function responseTarget({ listener, address, port }: Arrival, head: RequestHead): Target {
  return { protocol: listener.protocol, address, port: responsePort(head.via, port) };
}
