import type { Listener, Metrics, Protocol, Receiver, Tally, Target, Transport } from "../ports.ts";

/** More methods than SIP has; what devices make up beyond that counts as one. */
const MAX_METHODS = 100;
/** "SIP/2.0 " comes before the status of a response. */
const STATUS_AT = 8;

/** A transport that counts what leaves through it. */
export class CountingTransport implements Transport {
  readonly #inner: Transport;
  readonly #metrics: Metrics;
  /** By transport, then by status code or method. */
  readonly #tallies = new Map<Protocol, Map<string, Tally>>();

  constructor(inner: Transport, metrics: Metrics) {
    this.#inner = inner;
    this.#metrics = metrics;
  }

  get listeners(): readonly Listener[] {
    return this.#inner.listeners;
  }

  async start(receiver: Receiver): Promise<void> {
    return this.#inner.start(receiver);
  }

  send(text: string, listener: Listener, target: Target, failed?: (code: string) => void): void {
    this.#tally(text, listener).n += 1;
    this.#inner.send(text, listener, target, failed);
  }

  isOpen(flow: string): boolean {
    return this.#inner.isOpen(flow);
  }

  expectKeepAlive(flow: string, withinMs: number): void {
    this.#inner.expectKeepAlive(flow, withinMs);
  }

  async stop(): Promise<void> {
    return this.#inner.stop();
  }

  #tally(text: string, { protocol }: Listener): Tally {
    const isResponse = text.startsWith("SIP/2.0 ");
    // A keep-alive has no method.
    const key = isResponse
      ? text.slice(STATUS_AT, STATUS_AT + 3)
      : text.slice(0, Math.max(0, text.indexOf(" ")));
    const tallies = this.#tallies.get(protocol) ?? new Map<string, Tally>();
    const known = tallies.get(key);
    if (known !== undefined) return known;
    const labels = { transport: protocol, direction: "out" };
    const tally = isResponse
      ? this.#metrics.counter("sip_responses_total", { ...labels, code: key })
      : this.#metrics.counter("sip_requests_total", { ...labels, method: key });
    if (tallies.size < MAX_METHODS) tallies.set(key, tally);
    this.#tallies.set(protocol, tallies);
    return tally;
  }
}
