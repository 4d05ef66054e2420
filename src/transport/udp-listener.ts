import type { RemoteInfo, Socket } from "node:dgram";
import { serializeFlow } from "../location/flow.ts";
import type { Listener, Log, Metrics, Receiver, Tally, Target } from "../ports.ts";
import { bracketHost } from "./ip-literal.ts";
import {
  MAX_DATAGRAM_BYTES,
  MAX_PING_BYTES,
  MAX_SEND_BACKLOG_BYTES,
  SENDS_UNCHECKED,
} from "./limits.ts";
import type { ListenOptions } from "./listen-options.ts";
import { openUdpSocket } from "./open-udp-socket.ts";
import { answerBinding, isStun } from "./stun.ts";
import { systemCode } from "./transport-error.ts";
import type { UdpKeepAlives } from "./udp-keep-alives.ts";

export interface UdpModules {
  readonly log: Log;
  readonly metrics: Metrics;
}

const PING_OCTETS = new Set([0x00, 0x09, 0x0a, 0x0d, 0x20]);
const SPACE = 0x20;

/** One UDP socket: what it hears goes to a receiver, pings and STUN are dealt with here. */
export class UdpListener implements Listener {
  readonly protocol = "udp";
  readonly family: 4 | 6;
  readonly address: string;
  // These three change once, when a listener with port 0 has got its port.
  id: string;
  port: number;
  sentBy: string;
  readonly #options: ListenOptions;
  readonly #modules: UdpModules;
  readonly #expected: UdpKeepAlives;
  readonly #keepAlives: Tally;
  readonly #badStun: Tally;
  readonly #receiveErrors: Tally;
  readonly #sendErrors: Tally;
  #socket: Socket | undefined;
  #receiveBufferBytes = 0;
  /** Sends whose end has not been reported. */
  #unfinished = 0;

  constructor(options: ListenOptions, modules: UdpModules, expected: UdpKeepAlives) {
    this.#expected = expected;
    this.#options = options;
    this.#modules = modules;
    this.family = options.address.includes(":") ? 6 : 4;
    this.address = options.address;
    this.port = options.port;
    this.id = this.#buildId();
    this.sentBy = this.#buildSentBy();
    const dropped = (reason: string): Tally =>
      modules.metrics.counter("sip_dropped_total", { reason });
    this.#keepAlives = dropped("keepalive");
    this.#badStun = dropped("stun");
    this.#receiveErrors = dropped("receive-error");
    this.#sendErrors = dropped("send-error");
  }

  #buildId(): string {
    return `udp:${bracketHost(this.address)}:${this.port}`;
  }

  #buildSentBy(): string {
    const { advertised } = this.#options;
    return `${bracketHost(advertised?.host ?? this.address)}:${advertised?.port ?? this.port}`;
  }

  /** Binds the socket and asks for the receive buffer. Rejects with a `TransportError`. */
  async open(receiveBufferBytes: number): Promise<void> {
    const socket = await openUdpSocket(this.#options);
    this.#socket = socket;
    this.port = socket.address().port;
    this.id = this.#buildId();
    this.sentBy = this.#buildSentBy();
    socket.on("error", (error) => {
      this.#hearError(error);
    });
    this.#sizeReceiveBuffer(socket, receiveBufferBytes);
  }

  #sizeReceiveBuffer(socket: Socket, requestedBytes: number): void {
    const { log, metrics } = this.#modules;
    const listener = this.id;
    try {
      socket.setRecvBufferSize(requestedBytes);
    } catch (error) {
      log.warn({ listener, requestedBytes, code: systemCode(error) }, "receive buffer refused");
    }
    const reportedBytes = socket.getRecvBufferSize();
    // Linux doubles what is asked for, to allow for its own bookkeeping, and reports the double.
    const grantedBytes = process.platform === "linux" ? reportedBytes / 2 : reportedBytes;
    this.#receiveBufferBytes = grantedBytes;
    metrics.gauge("udp_receive_buffer_bytes", { listener }, () => this.#receiveBufferBytes);
    log.info({ listener, sentBy: this.sentBy, receiveBufferBytes: grantedBytes }, "listening");
    if (grantedBytes < requestedBytes) {
      log.warn(
        { listener, requestedBytes, grantedBytes },
        "receive buffer smaller than asked for: raise net.core.rmem_max, or bursts will be lost",
      );
    }
  }

  /** Passes on what arrives from now on; call it once, after `open`. */
  hear(receiver: Receiver): void {
    this.#socket?.on("message", (packet, peer) => {
      // SIP starts with a visible character. All pings and STUN start below, or are very short.
      const first = packet[0];
      if (first === undefined || first <= SPACE || packet.length <= MAX_PING_BYTES) {
        this.#hearOther(packet, peer, receiver);
        return;
      }
      receiver.receive(packet.toString("latin1"), this, peer);
    });
  }

  #hearOther(packet: Buffer, peer: RemoteInfo, receiver: Receiver): void {
    if (isPing(packet)) {
      this.#keepAlives.n += 1;
      this.#hearKeepAlive(peer);
      return;
    }
    if (!isStun(packet)) {
      receiver.receive(packet.toString("latin1"), this, peer);
      return;
    }
    const answer = answerBinding(packet, peer.address, peer.port);
    if (answer === undefined) {
      this.#badStun.n += 1;
      return;
    }
    this.#hearKeepAlive(peer);
    this.#transmit(answer, peer, undefined);
  }

  #hearKeepAlive({ address, port }: RemoteInfo): void {
    if (this.#expected.isEmpty) return;
    this.#expected.heard(serializeFlow(this.id, address, port), performance.now());
  }

  #hearError(error: Error): void {
    this.#receiveErrors.n += 1;
    if (this.#receiveErrors.n > 1) return;
    this.#modules.log.warn({ listener: this.id, code: systemCode(error) }, "receive failed");
  }

  /** As `Transport.send`. */
  send(text: string, target: Target, failed: ((code: string) => void) | undefined): void {
    this.#transmit(Buffer.from(text, "latin1"), target, failed);
  }

  #transmit(
    bytes: Buffer,
    to: Pick<Target, "address" | "port">,
    failed: ((code: string) => void) | undefined,
  ): void {
    const socket = this.#socket;
    const refusal = this.#findRefusal(bytes, to);
    if (socket === undefined || refusal !== undefined) {
      this.refuse(refusal ?? "ESHUTDOWN", failed);
      return;
    }
    this.#unfinished += 1;
    socket.send(
      bytes,
      to.port,
      to.address,
      failed === undefined
        ? this.#sent
        : (error) => {
            this.#unfinished -= 1;
            if (error !== null) failed(systemCode(error));
          },
    );
  }

  readonly #sent = (error: Error | null): void => {
    this.#unfinished -= 1;
    if (error !== null) this.#sendErrors.n += 1;
  };

  /** Why a datagram must not reach the socket, which would throw, guess, or queue without end. */
  #findRefusal(bytes: Buffer, to: Pick<Target, "address" | "port">): string | undefined {
    if (!(to.port >= 1 && to.port <= 65_535) || !Number.isInteger(to.port)) return "EINVAL";
    // Node takes an empty address for the loopback address.
    if (to.address === "") return "EINVAL";
    if (bytes.length > MAX_DATAGRAM_BYTES) return "EMSGSIZE";
    if (this.#unfinished < SENDS_UNCHECKED) return undefined;
    const backlogBytes = this.#socket?.getSendQueueSize() ?? 0;
    return backlogBytes > MAX_SEND_BACKLOG_BYTES ? "ENOBUFS" : undefined;
  }

  /** Reports a message that was not sent: later, so that no caller is called back while it sends. */
  refuse(code: string, failed: ((code: string) => void) | undefined): void {
    if (failed === undefined) this.#sendErrors.n += 1;
    else process.nextTick(failed, code);
  }

  /** Closes the socket, if it is open. */
  async close(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#socket = undefined;
    await new Promise<void>((resolve) => {
      socket.close(resolve);
    });
  }
}

/** Empty, CRLF, NUL or blank datagrams, and those too short to be anything else (RFC 5626 section 4.4). */
function isPing(packet: Buffer): boolean {
  return packet.length <= MAX_PING_BYTES || packet.every((octet) => PING_OCTETS.has(octet));
}
