import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import {
  createServer as createTlsServer,
  type TLSSocket,
  type Server as TlsServer,
} from "node:tls";
import { type WebSocket, WebSocketServer } from "ws";
import type { Listener, Log, Metrics, Protocol, Receiver, Tally } from "../ports.ts";
import { MAX_MESSAGE_BYTES } from "../sip/limits.ts";
import { adoptSocket, type ConnectionModules } from "./adopt-socket.ts";
import { adoptWebSocket } from "./adopt-web-socket.ts";
import type { ConnectionTable } from "./connection-table.ts";
import { bracketHost } from "./ip-literal.ts";
import { FIRST_MESSAGE_MS, MAX_PROXY_HEADER_BYTES } from "./limits.ts";
import { checkListenOptions, type ListenOptions, listenFailure } from "./listen-options.ts";
import { Lobby, type Peer } from "./lobby.ts";
import { readProxyHeader } from "./proxy-header.ts";
import type { TlsContexts, TlsOptions } from "./tls-contexts.ts";
import type { TlsFaults } from "./tls-faults.ts";
import { systemCode, TransportError } from "./transport-error.ts";

export type StreamProtocol = Exclude<Protocol, "udp">;

export interface StreamListenerOptions extends ListenOptions {
  readonly protocol: StreamProtocol;
  /** Takes the place of what the options of TLS say for all listeners. */
  readonly clientCertificate?: TlsOptions["clientCertificate"] | undefined;
}

export interface StreamModules {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly table: ConnectionTable;
  /** Needed by tls and wss. */
  readonly tls: TlsContexts | undefined;
  readonly faults: TlsFaults;
  /** Whether a load balancer at that address says by the PROXY protocol who connects through it. */
  readonly isBalancer: (address: string) => boolean;
}

/** One place where peers connect: TCP, TLS, WebSocket, secure WebSocket. */
export class StreamListener implements Listener {
  readonly protocol: StreamProtocol;
  readonly family: 4 | 6;
  readonly address: string;
  // These three change once, when a listener with port 0 has got its port.
  id: string;
  port: number;
  sentBy: string;
  readonly #options: StreamListenerOptions;
  readonly #modules: StreamModules;
  readonly #refused: Tally;
  readonly #keepAlives: Tally;
  #front: Server | undefined;
  #tls: TlsServer | undefined;
  #webSockets: WebSocketServer | undefined;
  readonly #lobby: Lobby;
  /** Sockets of load balancers that have not said who connects. */
  readonly #unnamed = new Set<Socket>();

  constructor(options: StreamListenerOptions, modules: StreamModules) {
    this.#options = options;
    this.#modules = modules;
    this.#lobby = new Lobby(options.protocol, modules.table);
    this.protocol = options.protocol;
    this.family = options.address.includes(":") ? 6 : 4;
    this.address = options.address;
    this.port = options.port;
    this.id = this.#buildId();
    this.sentBy = this.#buildSentBy();
    const { metrics } = modules;
    const transport = options.protocol;
    this.#refused = metrics.counter("sip_connections_refused_total", { transport });
    this.#keepAlives = metrics.counter("sip_dropped_total", { transport, reason: "keepalive" });
  }

  /** Starts to listen; nobody is let in before `hear`. Rejects with a `TransportError`. */
  async open(): Promise<void> {
    checkListenOptions(this.protocol, this.#options);
    const front = createServer({ pauseOnConnect: true });
    await new Promise<void>((resolve, reject) => {
      front.once("error", (cause) => reject(listenFailure(this.protocol, this.#options, cause)));
      const { address: host, port } = this.#options;
      front.listen({ host, port, ipv6Only: this.family === 6, exclusive: true }, resolve);
    });
    this.#front = front;
    const bound = front.address();
    if (bound !== null && typeof bound !== "string") this.port = bound.port;
    this.id = this.#buildId();
    this.sentBy = this.#buildSentBy();
    this.#modules.log.info({ listener: this.id, sentBy: this.sentBy }, "listening");
  }

  /** Lets peers in; call it once, after `open`. */
  hear(receiver: Receiver): void {
    const modules = { table: this.#modules.table, receiver, keepAlives: this.#keepAlives };
    const accept = this.#buildAccept(modules);
    this.#front?.on("connection", (socket) => {
      socket.on("error", () => socket.destroy());
      const { remoteAddress = "", remotePort = 0 } = socket;
      if (this.#modules.isBalancer(remoteAddress)) {
        this.#unwrap(socket, accept);
        return;
      }
      this.#admit(socket, { address: remoteAddress, port: remotePort }, accept);
    });
  }

  /** What the modules of a connection that is opened from here are. */
  connectionModules(receiver: Receiver): ConnectionModules {
    return { table: this.#modules.table, receiver, keepAlives: this.#keepAlives };
  }

  /** Takes the certificates as they are now; connections that are open go on. */
  reload(): void {
    const contexts = this.#modules.tls;
    if (contexts === undefined) return;
    // Anything that is not said again falls back to Node's default.
    const { minVersion } = contexts.options;
    this.#tls?.setSecureContext({ ...contexts.defaultPem, minVersion });
  }

  /** Stops to listen. The table ends the connections. */
  async close(): Promise<void> {
    this.#webSockets?.close();
    this.#lobby.clear();
    for (const socket of this.#unnamed) socket.destroy();
    const front = this.#front;
    this.#front = undefined;
    if (front === undefined) return;
    await new Promise<void>((resolve) => {
      front.close(() => resolve());
    });
  }

  #buildId(): string {
    return `${this.protocol}:${bracketHost(this.address)}:${this.port}`;
  }

  #buildSentBy(): string {
    const { advertised } = this.#options;
    return `${bracketHost(advertised?.host ?? this.address)}:${advertised?.port ?? this.port}`;
  }

  #admit(socket: Socket, peer: Peer, accept: (socket: Socket, peer: Peer) => void): void {
    if (!this.#modules.table.hasRoomFor(peer.address)) {
      this.#refused.n += 1;
      socket.destroy();
      return;
    }
    accept(socket, peer);
    // TLS reads by itself, what came in one piece with the header of a balancer first; resumed, that would be lost.
    if (this.protocol !== "tls" && this.protocol !== "wss") socket.resume();
  }

  /** Waits for the header of the PROXY protocol; a balancer that does not send one is not served. */
  #unwrap(socket: Socket, accept: (socket: Socket, peer: Peer) => void): void {
    let bytes = Buffer.alloc(0);
    const timer = setTimeout(() => socket.destroy(), FIRST_MESSAGE_MS);
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      const source = readProxyHeader(bytes);
      if (source === "more" && bytes.length <= MAX_PROXY_HEADER_BYTES) return;
      clearTimeout(timer);
      socket.off("data", onData);
      this.#unnamed.delete(socket);
      if (source === undefined || source === "more") {
        this.#refused.n += 1;
        socket.destroy();
        return;
      }
      socket.pause();
      if (bytes.length > source.size) socket.unshift(bytes.subarray(source.size));
      const { remoteAddress = "", remotePort = 0 } = socket;
      const { address = remoteAddress, port } = source;
      this.#admit(socket, { address, port: port === 0 ? remotePort : port }, accept);
    };
    socket.on("data", onData);
    this.#unnamed.add(socket);
    socket.once("close", () => {
      clearTimeout(timer);
      this.#unnamed.delete(socket);
    });
    socket.resume();
  }

  #buildAccept(modules: ConnectionModules): (socket: Socket, peer: Peer) => void {
    switch (this.protocol) {
      case "tcp":
        return (socket, peer) => {
          adoptSocket(socket, { ...peer, listener: this, isOutgoing: false }, modules);
        };
      case "tls":
        return this.#behindTls((socket) => {
          const peer = this.#lobby.leave(socket);
          adoptSocket(socket, { ...peer, listener: this, isOutgoing: false }, modules);
        });
      case "ws":
        return this.#afterLobby(this.#behindHttp(modules));
      case "wss":
        return this.#behindTls(this.#behindHttp(modules));
      default:
        return this.protocol satisfies never;
    }
  }

  #afterLobby(accept: (socket: Socket) => void): (socket: Socket, peer: Peer) => void {
    return (socket, peer) => {
      this.#lobby.enter(socket, peer);
      accept(socket);
    };
  }

  /** Has the sockets of TLS handled once they are secure. */
  #behindTls(accept: (socket: Socket) => void): (socket: Socket, peer: Peer) => void {
    const contexts = this.#modules.tls;
    if (contexts === undefined) throw new TransportError("TLS_BAD_CERTIFICATE", "no certificate");
    const { minVersion } = contexts.options;
    const clientCertificate = this.#options.clientCertificate ?? contexts.options.clientCertificate;
    const server = createTlsServer({
      // For clients that name no server.
      ...contexts.defaultPem,
      minVersion,
      handshakeTimeout: FIRST_MESSAGE_MS,
      requestCert: clientCertificate !== "none",
      rejectUnauthorized: clientCertificate === "require",
      // Asked for every handshake, so that a certificate read anew counts from the next one on.
      SNICallback: (name, done) => done(null, contexts.contextFor(name)),
    });
    this.#tls = server;
    server.on("secureConnection", accept);
    server.on("tlsClientError", (error, socket) => this.#onTlsError(error, socket));
    return this.#afterLobby((socket) => server.emit("connection", socket));
  }

  /** Most are from scanners and of no interest; those about certificates are. */
  #onTlsError(error: Error, socket: TLSSocket): void {
    this.#refused.n += 1;
    const { authorizationError: found } = socket;
    const { remoteAddress: address = "", remotePort: port = 0 } = socket;
    const code = found === undefined || found === null ? systemCode(error) : String(found);
    const isCertificate = code !== systemCode(error) || code.includes("CERTIFICATE");
    const { faults, log } = this.#modules;
    if (isCertificate) faults.incoming({ address, port }, this.id, code);
    else if (log.isDebug) log.debug({ listener: this.id, address, port, code }, "no TLS");
  }

  #behindHttp(modules: ConnectionModules): (socket: Socket) => void {
    const http = createHttpServer((_request, response) => {
      response.writeHead(426, { Connection: "close", Upgrade: "websocket" });
      response.end("This port speaks SIP over WebSocket.\n");
    });
    const webSockets = new WebSocketServer({
      server: http,
      maxPayload: MAX_MESSAGE_BYTES,
      perMessageDeflate: false,
      // adoptWebSocket answers pings itself, in bounded number.
      autoPong: false,
      // RFC 7118 section 5: without the subprotocol it is no SIP client.
      verifyClient: ({ req }: { req: IncomingMessage }, done: Verified) => {
        const offered = req.headers["sec-websocket-protocol"]?.split(/\s*,\s*/u);
        done(offered?.includes("sip") === true, 400, "subprotocol sip is missing");
      },
      handleProtocols: () => "sip",
    });
    webSockets.on("connection", (webSocket: WebSocket, request) => {
      const ends = { ...this.#lobby.leave(request.socket), listener: this, isOutgoing: false };
      adoptWebSocket(webSocket, request.socket, ends, modules);
    });
    this.#webSockets = webSockets;
    return (socket) => http.emit("connection", socket);
  }
}

type Verified = (isFine: boolean, code: number, message: string) => void;
