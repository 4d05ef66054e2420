import { EventEmitter } from "node:events";
import type { FlowEnd, Listener, Receiver, Source, Target } from "../../src/ports.ts";
import type { ListenOptions } from "../../src/transport/listen-options.ts";
import type { UdpListener } from "../../src/transport/udp-listener.ts";
import { UdpTransport } from "../../src/transport/udp-transport.ts";
import { RecordingModules } from "./recording-modules.ts";
import { UdpPeer } from "./udp-peer.ts";

export const LOOPBACK: ListenOptions = { address: "127.0.0.1", port: 0 };
export const OPTIONS = "OPTIONS sip:example.test SIP/2.0\r\n\r\n";

interface Received {
  readonly text: string;
  readonly listener: Listener;
  readonly address: string;
  readonly port: number;
  readonly connection: string | undefined;
}

/** Keeps what a transport hands over, and emits "received". */
export class Inbox extends EventEmitter implements Receiver {
  readonly received: Received[] = [];

  receive(text: string, listener: Listener, { address, port, connection }: Source): void {
    this.received.push({ text, listener, address, port, connection });
    this.emit("received");
  }

  /** Flows that have ended, and why. */
  readonly ended: (readonly [flow: string, reason: FlowEnd])[] = [];

  closed(flow: string, reason: FlowEnd): void {
    this.ended.push([flow, reason]);
  }

  /** Whether a device lives on a flow; a test may say so. */
  isInUse: (flow: string) => boolean = () => false;
}

/** Transports and peers of one test, all closed at its end. */
export class UdpFixture {
  readonly modules = new RecordingModules();
  readonly inbox = new Inbox();
  readonly #open: { close(): Promise<void> }[] = [];

  /** A started transport and its first listener. */
  async start(
    ...listeners: ListenOptions[]
  ): Promise<{ transport: UdpTransport; listener: UdpListener }> {
    const transport = new UdpTransport({ listeners }, this.modules);
    this.#open.push({ close: async () => transport.stop() });
    await transport.start(this.inbox);
    const [listener] = transport.listeners;
    if (listener === undefined) throw new Error("no listener");
    return { transport, listener };
  }

  async openPeer(family: 4 | 6 = 4): Promise<UdpPeer> {
    const peer = await UdpPeer.open(family);
    this.#open.push(peer);
    return peer;
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map(async (resource) => resource.close()));
  }
}

export function local(port: number): Target {
  return { protocol: "udp", address: "127.0.0.1", port };
}

/** Sends and resolves with the code that `failed` gets. */
export async function sendFailing(
  transport: UdpTransport,
  listener: Listener,
  target: Target,
  text = OPTIONS,
): Promise<string> {
  return new Promise((failed) => {
    transport.send(text, listener, target, failed);
  });
}
