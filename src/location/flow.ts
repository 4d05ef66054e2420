/**
 * A flow is the way a device was heard: one of our listeners, the address and port it sent from, and the
 * connection it sent on, if there was one. It is kept as one string, "udp:192.0.2.1:5060<198.51.100.7:40000" or
 * "tls:192.0.2.1:5061<198.51.100.7:40000#k3f9a2.1c", because it is compared and indexed far more often than it
 * is taken apart. No two connections have the same name, not even after a restart.
 */
export interface Flow {
  /** Identifier of the listener: protocol, bind address and port. */
  readonly listener: string;
  /** Remote IP literal without brackets. */
  readonly address: string;
  readonly port: number;
  /** Name of the connection; "" for UDP. */
  readonly connection: string;
}

/** Puts an IPv6 literal in brackets, and leaves everything else alone. */
export function bracketAddress(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

/** Serialises a flow into the form bindings keep. */
export function serializeFlow(
  listener: string,
  address: string,
  port: number,
  connection = "",
): string {
  const place = `${listener}<${bracketAddress(address)}:${port}`;
  return connection === "" ? place : `${place}#${connection}`;
}

/** Takes a serialised flow apart; undefined when the text is not one. */
export function parseFlow(text: string): Flow | undefined {
  const cut = text.indexOf("<");
  const hash = text.indexOf("#", cut);
  const end = hash < 0 ? text.length : hash;
  const colon = text.lastIndexOf(":", end);
  if (cut <= 0 || colon <= cut) return undefined;
  const host = text.slice(cut + 1, colon);
  const port = Number(text.slice(colon + 1, end));
  if (host === "" || !Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
  const address = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  return { listener: text.slice(0, cut), address, port, connection: text.slice(end + 1) };
}
