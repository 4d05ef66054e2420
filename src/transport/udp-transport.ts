import type { Listener, Receiver, Target, Transport } from "../ports.ts";
import { CONNECTION_SWEEP_MS, RECEIVE_BUFFER_BYTES } from "./limits.ts";
import type { ListenOptions } from "./listen-options.ts";
import { UdpKeepAlives } from "./udp-keep-alives.ts";
import type { UdpModules } from "./udp-listener.ts";
import { UdpListener } from "./udp-listener.ts";

export interface UdpTransportOptions {
  readonly listeners: readonly ListenOptions[];
  /** Receive buffer to ask for per listener. */
  readonly receiveBufferBytes?: number | undefined;
}

/**
 * SIP over UDP on several sockets, IPv4 and IPv6. `listeners` are the same objects before and after the
 * start; those with port 0 get their port while they open.
 */
export class UdpTransport implements Transport {
  readonly listeners: readonly UdpListener[];
  readonly #receiveBufferBytes: number;
  readonly #keepAlives = new UdpKeepAlives();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: UdpTransportOptions, modules: UdpModules) {
    this.listeners = options.listeners.map(
      (listener) => new UdpListener(listener, modules, this.#keepAlives),
    );
    this.#receiveBufferBytes = options.receiveBufferBytes ?? RECEIVE_BUFFER_BYTES;
  }

  /** Opens all listeners or none: rejects with the first `TransportError`. */
  async start(receiver: Receiver): Promise<void> {
    const opened = await Promise.allSettled(
      this.listeners.map(async (listener) => listener.open(this.#receiveBufferBytes)),
    );
    const failure = opened.find((outcome) => outcome.status === "rejected");
    if (failure !== undefined) {
      await this.stop();
      throw failure.reason;
    }
    for (const listener of this.listeners) listener.hear(receiver);
    this.#timer = setInterval(() => this.#sweep(receiver), CONNECTION_SWEEP_MS);
    this.#timer.unref();
  }

  /**
   * Sends a message. `failed` is called once and never before `send` returns, with the system's error
   * code; without it failures are counted. EINVAL: port or address is none, or of the wrong family.
   * EMSGSIZE: over 65,507 bytes. ENOBUFS: the backlog of the socket is full. ESHUTDOWN: not open.
   */
  send(text: string, listener: Listener, target: Target, failed?: (code: string) => void): void {
    if (listener instanceof UdpListener) listener.send(text, target, failed);
    else this.listeners[0]?.refuse("EINVAL", failed);
  }

  /** A flow over UDP is open as long as its listener is, and promised keep-alives come. */
  isOpen(flow: string): boolean {
    return this.#listenerOf(flow) !== undefined && !this.#keepAlives.isSilent(flow);
  }

  expectKeepAlive(flow: string, withinMs: number): void {
    if (this.#listenerOf(flow) === undefined) return;
    this.#keepAlives.expect(flow, withinMs, performance.now());
  }

  #listenerOf(flow: string): UdpListener | undefined {
    return this.listeners.find(({ id }) => flow.startsWith(`${id}<`));
  }

  #sweep(receiver: Receiver): void {
    if (this.#keepAlives.isEmpty) return;
    const isInUse = (flow: string): boolean => receiver.isInUse(flow);
    for (const flow of this.#keepAlives.sweep(performance.now(), isInUse)) {
      receiver.closed(flow, "keep-alive");
    }
  }

  /** Closes all listeners. What is sent afterwards is dropped. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.listeners.map(async (listener) => listener.close()));
  }
}
