import { randomBytes } from "node:crypto";
import { serializeFlow } from "../location/flow.ts";
import type { Log, Metrics, Protocol, Receiver, Tally } from "../ports.ts";
import type { CloseReason, Connection } from "./connection.ts";
import {
  CONNECTION_SWEEP_MS,
  FIRST_MESSAGE_MS,
  IDLE_MS,
  MAX_BACKLOG_BYTES,
  MAX_CONNECTIONS,
  MAX_CONNECTIONS_PER_SOURCE,
  OUTGOING_RESERVE,
  WHOLE_MESSAGE_MS,
} from "./limits.ts";

/** How many connections there may be, and how long they may be of no use. */
export interface ConnectionLimits {
  readonly max: number;
  readonly maxPerSource: number;
  readonly idleMs: number;
  readonly firstMessageMs: number;
  readonly wholeMessageMs: number;
  /** Bytes that may wait for peers who do not read. */
  readonly backlogBytes: number;
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  max: MAX_CONNECTIONS,
  maxPerSource: MAX_CONNECTIONS_PER_SOURCE,
  idleMs: IDLE_MS,
  firstMessageMs: FIRST_MESSAGE_MS,
  wholeMessageMs: WHOLE_MESSAGE_MS,
  backlogBytes: MAX_BACKLOG_BYTES,
};

interface TableModules {
  readonly log: Log;
  readonly metrics: Metrics;
}

const PROTOCOLS: readonly Protocol[] = ["tcp", "tls", "ws", "wss"];

/** Every connection, by name and by where it leads, with the clock that ends the useless ones. */
export class ConnectionTable {
  readonly limits: ConnectionLimits;
  readonly #modules: TableModules;
  readonly #byName = new Map<string, Connection>();
  /** The latest connection to a place, for requests that want any. */
  readonly #byPlace = new Map<string, Connection>();
  readonly #perSource = new Map<string, number>();
  readonly #perProtocol = new Map<Protocol, number>();
  readonly #closed = new Map<string, Tally>();
  /** Differs from one process to the next, so that a flow of before a restart names no connection of after it. */
  readonly #prefix = randomBytes(6).toString("base64url");
  #count = 0;
  /** Places that are taken by sockets which are no connections yet. */
  #reserved = 0;
  #timer: NodeJS.Timeout | undefined;
  #watcher: Receiver | undefined;

  constructor(limits: ConnectionLimits, modules: TableModules) {
    this.limits = limits;
    this.#modules = modules;
    for (const transport of PROTOCOLS) {
      modules.metrics.gauge(
        "sip_connections",
        { transport },
        () => this.#perProtocol.get(transport) ?? 0,
      );
    }
  }

  start(watcher: Receiver): void {
    this.#watcher = watcher;
    this.#timer = setInterval(() => this.#sweep(performance.now()), CONNECTION_SWEEP_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const connection of this.#byName.values()) this.close(connection, "stopped");
  }

  /** A name that no connection has had, of this process or of one before. */
  takeName(): string {
    this.#count += 1;
    return `${this.#prefix}.${this.#count.toString(36)}`;
  }

  /**
   * Whether one more may be opened by that address, or to it: peers that fill all there is must not keep midreg from
   * its main registrar, so some more may be opened by midreg.
   */
  hasRoomFor(address: string, isOutgoing = false): boolean {
    const { max, maxPerSource } = this.limits;
    const most = isOutgoing ? max + OUTGOING_RESERVE : max;
    if (this.#byName.size + this.#reserved >= most) return false;
    return (this.#perSource.get(address) ?? 0) < maxPerSource;
  }

  /** Takes a place for a socket of that address until `release`. */
  reserve(address: string): void {
    this.#reserved += 1;
    this.#countSource(address, 1);
  }

  release(address: string): void {
    this.#reserved -= 1;
    this.#countSource(address, -1);
  }

  get(name: string): Connection | undefined {
    return this.#byName.get(name);
  }

  /** A connection that leads to a place, for a name if one is given. */
  find(protocol: Protocol, address: string, port: number, domain = ""): Connection | undefined {
    return this.#byPlace.get(placeKey(protocol, address, port, domain));
  }

  add(connection: Connection): void {
    const { listener, address, connection: name } = connection;
    this.#byName.set(name, connection);
    this.#byPlace.set(keyOf(connection), connection);
    this.#countSource(address, 1);
    this.#tick(listener.protocol, 1);
  }

  /** Ends a connection, once. */
  close(connection: Connection, reason: CloseReason): void {
    const { connection: name, listener, address, port, wire } = connection;
    if (!this.#byName.delete(name)) return;
    const key = keyOf(connection);
    if (this.#byPlace.get(key) === connection) this.#byPlace.delete(key);
    this.#countSource(address, -1);
    this.#tick(listener.protocol, -1);
    this.countClosed(listener.protocol, reason);
    wire.destroy();
    const { log } = this.#modules;
    if (log.isDebug)
      log.debug({ listener: listener.id, address, port, reason }, "connection closed");
    this.#watcher?.closed(flowOf(connection), reason);
  }

  /** Counts one that has been closed, also of those that have not become connections. */
  countClosed(transport: Protocol, reason: CloseReason): void {
    this.#tally(transport, reason).n += 1;
  }

  #countSource(address: string, by: 1 | -1): void {
    const count = (this.#perSource.get(address) ?? 0) + by;
    if (count > 0) this.#perSource.set(address, count);
    else this.#perSource.delete(address);
  }

  #tick(protocol: Protocol, by: 1 | -1): void {
    this.#perProtocol.set(protocol, (this.#perProtocol.get(protocol) ?? 0) + by);
  }

  #tally(transport: Protocol, reason: CloseReason): Tally {
    const key = `${transport} ${reason}`;
    const known = this.#closed.get(key);
    if (known !== undefined) return known;
    const labels = { transport, reason };
    const tally = this.#modules.metrics.counter("sip_connections_closed_total", labels);
    this.#closed.set(key, tally);
    return tally;
  }

  #sweep(nowMs: number): void {
    for (const connection of this.#byName.values()) {
      const reason = this.#uselessness(connection, nowMs);
      if (reason !== undefined) this.close(connection, reason);
    }
  }

  #uselessness(connection: Connection, nowMs: number): CloseReason | undefined {
    const { partialSinceMs, openedAtMs, heardAtMs, isProven, keepAliveMs } = connection;
    const { wholeMessageMs, firstMessageMs, idleMs } = this.limits;
    if (partialSinceMs !== undefined && nowMs - partialSinceMs > wholeMessageMs) {
      return "slow-sender";
    }
    if (!isProven && nowMs - openedAtMs > firstMessageMs) return "silent";
    if (nowMs - heardAtMs > keepAliveMs) return "keep-alive";
    if (nowMs - heardAtMs <= idleMs) return undefined;
    // A device that is registered on it is called on it, however silent it is.
    return this.#watcher?.isInUse(flowOf(connection)) === true ? undefined : "idle";
  }
}

function flowOf({ listener, address, port, connection }: Connection): string {
  return serializeFlow(listener.id, address, port, connection);
}

function keyOf({ listener, address, port, domain }: Connection): string {
  return placeKey(listener.protocol, address, port, domain ?? "");
}

function placeKey(protocol: Protocol, address: string, port: number, domain: string): string {
  return `${protocol} ${address} ${port} ${domain}`;
}
