import type { RemoteInfo, Socket } from "node:dgram";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import type { Target } from "../../src/ports.ts";

/** Whether this machine has ::1; tests that need it are skipped where it has not. */
export const HAS_IPV6 = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .some(({ address }) => address === "::1");

export interface Heard {
  readonly bytes: Buffer;
  readonly address: string;
  readonly port: number;
}

/** A plain UDP socket on loopback that plays the other side. */
export class UdpPeer {
  readonly target: Target;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    const { address, port } = socket.address();
    this.target = { protocol: "udp", address, port };
    this.#socket = socket;
  }

  static async open(family: 4 | 6 = 4): Promise<UdpPeer> {
    const socket = createSocket(family === 4 ? "udp4" : "udp6");
    socket.bind(0, family === 4 ? "127.0.0.1" : "::1");
    await once(socket, "listening");
    socket.setRecvBufferSize(1 << 20);
    return new UdpPeer(socket);
  }

  async send(bytes: Buffer | string, to: { address: string; port: number }): Promise<void> {
    await new Promise<void>((sent, failed) => {
      const data = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
      this.#socket.send(data, to.port, to.address, (error) => {
        if (error === null) sent();
        else failed(error);
      });
    });
  }

  /** The next datagram; ask before it can arrive. */
  async hear(): Promise<Heard> {
    const [bytes, { address, port }] = (await once(this.#socket, "message")) as [
      Buffer,
      RemoteInfo,
    ];
    return { bytes, address, port };
  }

  async close(): Promise<void> {
    this.#socket.close();
    await once(this.#socket, "close");
  }
}
