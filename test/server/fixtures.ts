/** The parts of a server below its handlers, on virtual time and a network in memory. */
import type { Listener, Resolver, Target } from "../../src/ports.ts";
import type { Arrival } from "../../src/server/arrival.ts";
import { LargeRequests } from "../../src/server/large-requests.ts";
import { TimerQueue } from "../../src/server/timer-queue.ts";
import { Transactions } from "../../src/server/transactions.ts";
import { parseMessage } from "../../src/sip/parse-message.ts";
import { MemoryNetwork, MemoryTransport, memoryListener } from "../support/memory-network.ts";
import { SequentialIds } from "../support/sequential-ids.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { RecordingModules } from "../transport/recording-modules.ts";

export const LISTENER = memoryListener("192.0.2.1", 5060);

export function targetAt(place: string): Target {
  const cut = place.lastIndexOf(":");
  const address = place.slice(0, cut).replace(/^\[(.*)\]$/u, "$1");
  return { protocol: "udp", address, port: Number(place.slice(cut + 1)) };
}

export class Parts {
  readonly clock = new VirtualClock();
  readonly network = new MemoryNetwork(this.clock);
  readonly ids = new SequentialIds();
  readonly recording = new RecordingModules();
  readonly errors: unknown[] = [];
  readonly timers = new TimerQueue(this.clock, (error) => this.errors.push(error));
  readonly failedTargets: Target[] = [];
  /** What names resolve to, by URI. */
  readonly names = new Map<string, readonly string[]>();
  readonly transport: MemoryTransport;
  readonly transactions: Transactions;
  readonly resolver: Resolver;
  readonly largeRequests = new LargeRequests(() => this.clock.nowMs());

  constructor(listeners: readonly Listener[] = [LISTENER]) {
    this.transport = new MemoryTransport(this.network, listeners);
    this.transactions = new Transactions({
      transport: this.transport,
      timers: this.timers,
      ids: this.ids,
      metrics: this.recording.metrics,
    });
    this.resolver = {
      resolve: (uri, done) => done((this.names.get(uri) ?? []).map(targetAt)),
      markFailed: (target) => this.failedTargets.push(target),
    };
    for (const { sentBy } of listeners) this.network.listen(sentBy, (text) => this.#hear(text));
  }

  #hear(text: string): void {
    const parsed = parseMessage(text);
    if (parsed.kind === "response") this.transactions.receive(parsed);
  }

  /** Keeps what arrives at a place. */
  listenAt(place: string, hear: (text: string) => void = () => undefined): string[] {
    const heard: string[] = [];
    this.network.listen(place, (text) => {
      heard.push(text);
      hear(text);
    });
    return heard;
  }

  arrivalFrom(place: string): Arrival {
    const { address, port } = targetAt(place);
    return { listener: LISTENER, address, port, connection: "", atMs: this.clock.nowMs() };
  }
}
