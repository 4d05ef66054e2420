import { parseFlow } from "../location/flow.ts";
import type { Listener, Receiver, Tally, Target, Transport } from "../ports.ts";
import type { Connection } from "./connection.ts";
import { CONNECTION_LIMITS, type ConnectionLimits, ConnectionTable } from "./connection-table.ts";
import {
  FAIR_BACKLOG_BYTES,
  MAX_CONNECTION_BACKLOG_BYTES,
  MAX_OUTGOING_BACKLOG_BYTES,
} from "./limits.ts";
import type { ListenOptions } from "./listen-options.ts";
import { openConnection } from "./open-connection.ts";
import { StreamListener, type StreamListenerOptions } from "./stream-listener.ts";
import type { TlsContexts } from "./tls-contexts.ts";
import { TlsFaults } from "./tls-faults.ts";
import type { UdpModules } from "./udp-listener.ts";
import { UdpListener } from "./udp-listener.ts";
import { UdpTransport } from "./udp-transport.ts";

export type SipListenerOptions = UdpOptions | StreamListenerOptions;

export interface SipTransportOptions {
  readonly listeners: readonly SipListenerOptions[];
  readonly limits?: Partial<ConnectionLimits>;
  /** Whether a load balancer at that address says by the PROXY protocol who connects through it. */
  readonly isBalancer?: (address: string) => boolean;
}

export interface SipTransportModules extends UdpModules {
  readonly tls?: TlsContexts | undefined;
}

type Failed = (code: string) => void;

/** SIP over UDP, TCP, TLS and WebSocket: datagrams and connections behind one port. */
export class SipTransport implements Transport {
  readonly listeners: ReadonlyArray<UdpListener | StreamListener>;
  readonly #modules: SipTransportModules;
  readonly #udp: UdpTransport;
  readonly #streams: readonly StreamListener[];
  readonly #table: ConnectionTable;
  readonly #faults: TlsFaults;
  readonly #opened = new Map<string, Tally>();
  #receiver: Receiver | undefined;
  /** What has been written to connections and has not left. */
  #backlogBytes = 0;

  constructor(options: SipTransportOptions, modules: SipTransportModules) {
    this.#modules = modules;
    const { listeners, limits = {}, isBalancer = () => false } = options;
    this.#table = new ConnectionTable({ ...CONNECTION_LIMITS, ...limits }, modules);
    this.#udp = new UdpTransport({ listeners: listeners.filter(isUdp) }, modules);
    this.#faults = new TlsFaults(modules.log);
    const own = { tls: modules.tls, table: this.#table, faults: this.#faults };
    const around = { ...modules, ...own, isBalancer };
    modules.metrics.gauge("sip_connection_backlog_bytes", {}, () => this.#backlogBytes);
    const udp = [...this.#udp.listeners];
    const streams: StreamListener[] = [];
    // In the order in which they were given, since the first one speaks for midreg where none fits better.
    this.listeners = listeners.flatMap((one): Array<UdpListener | StreamListener> => {
      if (isUdp(one)) return udp.splice(0, 1);
      const listener = new StreamListener(one, around);
      streams.push(listener);
      return [listener];
    });
    this.#streams = streams;
  }

  /** Bytes that wait for peers on connections to read them. */
  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  /** Opens all listeners or none: rejects with the first `TransportError`. */
  async start(receiver: Receiver): Promise<void> {
    this.#receiver = receiver;
    this.#table.start(receiver);
    const opened = await Promise.allSettled([
      ...this.#streams.map(async (listener) => listener.open()),
      this.#udp.start(receiver),
    ]);
    const failure = opened.find((outcome) => outcome.status === "rejected");
    if (failure !== undefined) {
      await this.stop();
      throw failure.reason;
    }
    for (const listener of this.#streams) listener.hear(receiver);
  }

  /**
   * Sends a message. `failed` is called at most once and never before `send` returns. For connections: ECONNRESET
   * when the one that was wanted has ended, ENOBUFS when its peer does not read, ENOTCONN when none may be opened,
   * and the system's code where it broke or could not be opened.
   */
  send(text: string, listener: Listener, target: Target, failed?: Failed): void {
    if (listener instanceof UdpListener) {
      this.#udp.send(text, listener, target, failed);
      return;
    }
    const connection = this.#connectionFor(listener, target);
    if (typeof connection === "string") {
      if (failed !== undefined) process.nextTick(failed, connection);
      return;
    }
    const { wire } = connection;
    const size = text.length;
    if (this.#isTooFarBehind(connection, size)) {
      if (failed !== undefined) process.nextTick(failed, "ENOBUFS");
      this.#table.close(connection, "slow-reader");
      return;
    }
    this.#backlogBytes += size;
    wire.write(text, (error) => {
      this.#backlogBytes -= size;
      if (error !== undefined) failed?.(codeOf(error));
    });
  }

  /** Whether a peer has left more unread than it may: by itself, or when all together have left as much as they may. */
  #isTooFarBehind({ wire, isOutgoing }: Connection, size: number): boolean {
    const waitingBytes = wire.backlogBytes;
    const most = isOutgoing ? MAX_OUTGOING_BACKLOG_BYTES : MAX_CONNECTION_BACKLOG_BYTES;
    if (waitingBytes + size > most) return true;
    // Peers who do not read must not cost midreg its main registrar.
    const fair = isOutgoing ? MAX_CONNECTION_BACKLOG_BYTES : FAIR_BACKLOG_BYTES;
    return this.#backlogBytes + size > this.#table.limits.backlogBytes && waitingBytes > fair;
  }

  isOpen(flow: string): boolean {
    const parsed = parseFlow(flow);
    if (parsed === undefined) return false;
    const { listener, connection } = parsed;
    if (connection !== "") return this.#table.get(connection) !== undefined;
    return this.#udp.isOpen(flow) || this.#streams.some(({ id }) => id === listener);
  }

  expectKeepAlive(flow: string, withinMs: number): void {
    const name = parseFlow(flow)?.connection ?? "";
    if (name === "") return this.#udp.expectKeepAlive(flow, withinMs);
    const connection = this.#table.get(name);
    if (connection !== undefined) connection.keepAliveMs = withinMs;
    return undefined;
  }

  /** Reads the certificates again; throws a `TransportError` and keeps the old ones when they are no good. */
  reload(): void {
    this.#modules.tls?.reload();
    for (const listener of this.#streams) listener.reload();
  }

  /** Closes all listeners and connections. What is sent afterwards is dropped. */
  async stop(): Promise<void> {
    const closed = this.#streams.map(async (listener) => listener.close());
    this.#table.stop();
    await Promise.all([...closed, this.#udp.stop()]);
  }

  /** The connection that a target asks for, one that leads there already, or a new one; or why there is none. */
  #connectionFor(listener: Listener, target: Target): Connection | string {
    const { protocol, address, port, connection: name, domain } = target;
    if (name !== undefined) return this.#table.get(name) ?? "ECONNRESET";
    const found = this.#table.find(protocol, address, port, domain);
    if (found !== undefined) return found;
    const receiver = this.#receiver;
    if (receiver === undefined || !(listener instanceof StreamListener)) return "ENOTCONN";
    if (!this.#table.hasRoomFor(address, true)) return "ENOBUFS";
    const { tls } = this.#modules;
    const modules = { ...listener.connectionModules(receiver), faults: this.#faults };
    const opened = openConnection(listener, target, tls, modules);
    if (opened === undefined) return "ENOTCONN";
    this.#tally(listener).n += 1;
    return opened;
  }

  #tally({ protocol: transport }: Listener): Tally {
    const known = this.#opened.get(transport);
    if (known !== undefined) return known;
    const { metrics } = this.#modules;
    const tally = metrics.counter("sip_connections_opened_total", { transport });
    this.#opened.set(transport, tally);
    return tally;
  }
}

type UdpOptions = ListenOptions & { readonly protocol: "udp" };

function isUdp(options: SipListenerOptions): options is UdpOptions {
  return options.protocol === "udp";
}

/** The system's code of a failed write. */
function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "ECONNRESET";
}
