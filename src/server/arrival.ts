import { serializeFlow } from "../location/flow.ts";
import type { Listener, Target, Transport } from "../ports.ts";
import { defaultPortOf } from "../sip/default-port.ts";
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
  const { listener, connection } = arrival;
  const target = responseTarget(arrival, head);
  if (connection === "") transport.send(text, listener, target);
  else sendOnConnection(transport, text, { listener, target, anew: targetAnew(arrival, head) });
}

/** How a response goes back on a connection. */
export interface ConnectionWay {
  readonly listener: Listener;
  readonly target: Target;
  /** Where a new connection is opened to when that one has ended. */
  readonly anew: Target;
}

/**
 * Sends a response on the connection of its request; when that has ended, on a new one (RFC 3261 section 18.2.2).
 * One whose peer does not read gets none.
 */
export function sendOnConnection(
  transport: Transport,
  text: string,
  { listener, target, anew }: ConnectionWay,
): void {
  transport.send(text, listener, target, (code) => {
    if (code !== "ENOBUFS") transport.send(text, listener, anew);
  });
}

/**
 * Where the client of a connection that has ended may be found: at its address, as the connection has shown it, and
 * the port of its Via. WebSocket clients are nowhere (RFC 7118 section 5), which the transport knows.
 */
export function targetAnew({ listener, address }: Arrival, { via }: RequestHead): Target {
  const { protocol } = listener;
  return { protocol, address, port: via.port ?? defaultPortOf(protocol) };
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
