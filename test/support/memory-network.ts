import { parseFlow } from "../../src/location/flow.ts";
import type { FlowEnd, Listener, Protocol, Receiver, Target, Transport } from "../../src/ports.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** Takes a datagram: its bytes, and the address and port it came from. */
export type Hear = (text: string, address: string, port: number) => void;

/** What happens to a datagram on its way; undefined loses it, and a second delay doubles it. */
export type Weather = (
  text: string,
) => { readonly delayMs: number; readonly againMs?: number } | undefined;

/** UDP without sockets: datagrams travel in virtual time, and may be lost, late or out of order. */
export class MemoryNetwork {
  readonly clock: VirtualClock;
  weather: Weather = () => ({ delayMs: 1 });
  /** Everything that was sent, in order, for assertions. */
  readonly sent: { from: string; to: string; text: string; atMs: number }[] = [];
  readonly #places = new Map<string, Hear>();

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  /** Somebody listens at an address; a later listener replaces an earlier one. */
  listen(place: string, hear: Hear): void {
    this.#places.set(place, hear);
  }

  leave(place: string): void {
    this.#places.delete(place);
  }

  send(text: string, from: string, to: string): void {
    this.sent.push({ from, to, text, atMs: this.clock.nowMs() });
    const fate = this.weather(text);
    if (fate === undefined) return;
    const cut = from.lastIndexOf(":");
    const address = from.slice(0, cut).replace(/^\[(.*)\]$/u, "$1");
    const port = Number(from.slice(cut + 1));
    const deliver = (): void => this.#places.get(to)?.(text, address, port);
    this.clock.later(fate.delayMs, deliver);
    if (fate.againMs !== undefined) this.clock.later(fate.againMs, deliver);
  }
}

/** "address:port", IPv6 in brackets. */
function placeOf(address: string, port: number): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

/** A listener on the memory network, which carries every transport the same way. */
export function memoryListener(
  address: string,
  port: number,
  protocol: Protocol = "udp",
): Listener {
  const sentBy = placeOf(address, port);
  const family = address.includes(":") ? 6 : 4;
  return { id: `${protocol}:${sentBy}`, protocol, family, address, port, sentBy };
}

/** A UDP listener and one for TCP at the same place. */
export function withStream(listener: Listener): Listener[] {
  return [listener, { ...listener, id: `tcp:${listener.sentBy}`, protocol: "tcp" }];
}

/** The Transport port on the memory network. */
export class MemoryTransport implements Transport {
  readonly listeners: readonly Listener[];
  readonly #network: MemoryNetwork;
  /** Targets that cannot be sent to: places, or transports and places as in "tcp:192.0.2.1:5060". */
  readonly unreachable = new Set<string>();
  /** What midreg has been told to wait for, by flow, in milliseconds. */
  readonly keepAlives = new Map<string, number>();
  /** Names of the connections that are open, by the place of the peer. */
  readonly #connections = new Map<string, string>();
  #receiver: Receiver | undefined;
  #opened = 0;

  constructor(network: MemoryNetwork, listeners: readonly Listener[]) {
    this.#network = network;
    this.listeners = listeners;
  }

  async start(receiver: Receiver): Promise<void> {
    this.#receiver = receiver;
    const datagrams = this.listeners.filter(({ protocol }) => protocol === "udp");
    for (const listener of this.listeners) {
      // The one at the same place hears for both.
      const isShared = datagrams.some(({ sentBy }) => sentBy === listener.sentBy);
      if (isShared && listener.protocol !== "udp") continue;
      this.#network.listen(listener.sentBy, (text, address, port) => {
        const connection = this.#connections.get(placeOf(address, port));
        if (connection === undefined) return receiver.receive(text, listener, { address, port });
        const from = { address, port, connection };
        return receiver.receive(text, this.#streamListener, from);
      });
    }
    return Promise.resolve();
  }

  get #streamListener(): Listener {
    const listener = this.listeners.find(({ protocol }) => protocol === "tcp");
    if (listener === undefined) throw new Error("No listener for connections");
    return listener;
  }

  /** From now on a place talks to midreg on a new connection; gives the flow. */
  connect(place: string): string {
    this.#opened += 1;
    this.#connections.set(place, `c${this.#opened}`);
    return `${this.#streamListener.id}<${place}#c${this.#opened}`;
  }

  /** Ends the connection of a place, and says so. */
  disconnect(place: string, reason: FlowEnd = "peer"): void {
    const name = this.#connections.get(place);
    this.#connections.delete(place);
    this.#receiver?.closed(`${this.#streamListener.id}<${place}#${name}`, reason);
  }

  send(text: string, listener: Listener, target: Target, failed?: (code: string) => void): void {
    const place = placeOf(target.address, target.port);
    if (this.unreachable.has(place) || this.unreachable.has(`${target.protocol}:${place}`)) {
      if (failed !== undefined) this.#network.clock.later(0, () => failed("EHOSTUNREACH"));
      return;
    }
    const { connection } = target;
    if (connection !== undefined && this.#connections.get(place) !== connection) {
      if (failed !== undefined) this.#network.clock.later(0, () => failed("ECONNRESET"));
      return;
    }
    this.#network.send(text, listener.sentBy, place);
  }

  expectKeepAlive(flow: string, withinMs: number): void {
    this.keepAlives.set(flow, withinMs);
  }

  isOpen(flow: string): boolean {
    const { address = "", port = 0, connection = "" } = parseFlow(flow) ?? {};
    if (connection !== "") return this.#connections.get(placeOf(address, port)) === connection;
    return this.listeners.some(({ id }) => flow.startsWith(`${id}<`));
  }

  async stop(): Promise<void> {
    for (const { sentBy } of this.listeners) this.#network.leave(sentBy);
    return Promise.resolve();
  }
}
