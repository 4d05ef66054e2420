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
  /** The connection it came on (location/flow.ts); "" for UDP. */
  readonly connection: string;
  /** On the steady timeline, with a fraction. */
  readonly atMs: number;
}

/** The flow a message came on, as bindings keep it. */
export function flowOf({ listener, address, port, connection }: Arrival): string {
  return serializeFlow(listener.id, address, port, connection);
}

/**
 * The flow that leads to the device of a REGISTER: where a trusted proxy says it has heard it, else the one the
 * REGISTER came on. What a connection leads to is known without being told.
 */
export function deviceFlow(arrival: Arrival, { received }: { readonly received: string }): string {
  if (received === "" || arrival.connection !== "") return flowOf(arrival);
  return `${arrival.listener.id}<${received}`;
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

/** Where the responses to a request go: on its own connection, as long as that is open. */
export function responseTarget(
  { listener, address, port, connection }: Arrival,
  head: RequestHead,
): Target {
  const { protocol } = listener;
  if (connection !== "") return { protocol, address, port, connection };
  return { protocol, address, port: responsePort(head.via, port) };
}
