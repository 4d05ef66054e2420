import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { WebSocket } from "ws";
import type { Listener, Protocol } from "../../src/ports.ts";
import {
  type SipListenerOptions,
  SipTransport,
  type SipTransportOptions,
} from "../../src/transport/sip-transport.ts";
import { TlsContexts, type TlsOptions } from "../../src/transport/tls-contexts.ts";
import type { Certificates } from "../support/certificates.ts";
import { waitUntil } from "../support/wait-until.ts";
import { RecordingModules } from "./recording-modules.ts";
import { Inbox } from "./udp-fixture.ts";

export const OPTIONS = "OPTIONS sip:a.test SIP/2.0\r\nContent-Length: 4\r\n\r\nbody";

const WITHIN = { timeoutMs: 5000, everyMs: 2 };

/** A peer that has connected: what it hears, and whether it has been closed. */
export class StreamPeer {
  heard = "";
  isClosed = false;
  readonly send: (bytes: string) => void;
  readonly #socket: { pause(): void; resume(): void };
  readonly #end: () => void;

  constructor(
    socket: { pause(): void; resume(): void },
    send: (bytes: string) => void,
    end: () => void,
  ) {
    this.#socket = socket;
    this.send = send;
    this.#end = end;
  }

  /** Ends it without a good-bye. */
  close(): void {
    this.#end();
  }

  /** Reads nothing any more. */
  pause(): void {
    this.#socket.pause();
  }

  /** Reads again. */
  resume(): void {
    this.#socket.resume();
  }

  async hears(text: string): Promise<void> {
    await waitUntil(
      `the peer hears ${JSON.stringify(text)}`,
      () => this.heard.includes(text),
      WITHIN,
    );
  }

  async isClosedByServer(): Promise<void> {
    await waitUntil("the connection is closed", () => this.isClosed, WITHIN);
  }
}

/** Transports, peers and servers of one test on loopback, all closed at its end. */
export class StreamFixture {
  readonly modules = new RecordingModules();
  readonly inbox = new Inbox();
  readonly #certificates: Certificates;
  readonly #open: Array<() => unknown> = [];

  constructor(certificates: Certificates) {
    this.#certificates = certificates;
  }

  async start(
    protocols: readonly Protocol[],
    options: Partial<SipTransportOptions> = {},
    tlsOptions: Partial<TlsOptions> = {},
  ): Promise<{ transport: SipTransport; listener: Listener; tls: TlsContexts }> {
    const tls = new TlsContexts({
      certificates: [this.#certificates.issue(["localhost", "127.0.0.1", "::1"])],
      caFile: this.#certificates.caFile,
      clientCertificate: "none",
      minVersion: "TLSv1.2",
      verifiesServers: true,
      ...tlsOptions,
    });
    const { log, metrics } = this.modules;
    const listeners = protocols.map((protocol): SipListenerOptions => {
      const place = { address: "127.0.0.1", port: 0 };
      return protocol === "udp" ? { protocol, ...place } : { protocol, ...place };
    });
    const transport = new SipTransport({ listeners, ...options }, { log, metrics, tls });
    this.#open.push(async () => transport.stop());
    await transport.start(this.inbox);
    const [listener] = transport.listeners;
    if (listener === undefined) throw new Error("no listener");
    return { transport, listener, tls };
  }

  /** Connects to a listener the way its protocol wants it. */
  async connect({ protocol, port, family }: Listener): Promise<StreamPeer> {
    const host = family === 6 ? "::1" : "127.0.0.1";
    const ca = this.#certificates.ca;
    if (protocol === "ws" || protocol === "wss") {
      const place = `${protocol}://${family === 6 ? `[${host}]` : host}:${port}`;
      return this.adoptWebSocket(new WebSocket(place, "sip", { ca }));
    }
    const socket = protocol === "tls" ? connectTls({ host, port, ca }) : connect({ host, port });
    await once(socket, protocol === "tls" ? "secureConnect" : "connect");
    return this.adopt(socket);
  }

  async adoptWebSocket(socket: WebSocket): Promise<StreamPeer> {
    await once(socket, "open");
    const peer = new StreamPeer(
      socket,
      (bytes) => socket.send(Buffer.from(bytes, "latin1"), { binary: false }),
      () => socket.terminate(),
    );
    socket.on("message", (data: Buffer) => {
      peer.heard += data.toString("latin1");
    });
    socket.on("close", () => {
      peer.isClosed = true;
    });
    socket.on("error", () => undefined);
    this.#open.push(() => socket.terminate());
    return peer;
  }

  adopt(socket: Socket): StreamPeer {
    const peer = new StreamPeer(
      socket,
      (bytes) => socket.write(bytes, "latin1"),
      () => socket.destroy(),
    );
    socket.on("data", (bytes: Buffer) => {
      peer.heard += bytes.toString("latin1");
    });
    socket.on("close", () => {
      peer.isClosed = true;
    });
    socket.on("error", () => undefined);
    this.#open.push(() => socket.destroy());
    return peer;
  }

  /** A server of the test's own, for connections that midreg opens. */
  async listen(
    server: Server = createServer(),
    event = "connection",
  ): Promise<{ port: number; peers: StreamPeer[] }> {
    const peers: StreamPeer[] = [];
    server.on(event, (socket: Socket) => peers.push(this.adopt(socket)));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    this.#open.push(() => server.close());
    return { port: (server.address() as AddressInfo).port, peers };
  }

  async received(count: number): Promise<void> {
    await waitUntil(`${count} messages`, () => this.inbox.received.length >= count, WITHIN);
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map(async (close) => close()));
  }
}
