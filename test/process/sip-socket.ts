import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

/** Takes a datagram as a byte string, and the port of 127.0.0.1 it came from. */
export type Hearing = (text: string, port: number) => void;

const ADDRESS = "127.0.0.1";
/** Holds what arrives while the test is busy elsewhere; the kernel grants what it may. */
const RECEIVE_BUFFER_BYTES = 1 << 20;
const MARK = "mark ";

/** A plain UDP socket on the loopback: nothing is parsed, retransmitted or refused for the one who sends. */
export class SipSocket {
  readonly port: number;
  /** Called for every datagram. */
  hear: Hearing = () => undefined;
  readonly #socket: Socket;
  #marks = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.port = socket.address().port;
    socket.on("message", (bytes, { port }) => {
      if (port !== this.port) this.hear(bytes.toString("latin1"), port);
    });
  }

  static async open(): Promise<SipSocket> {
    const socket = createSocket("udp4");
    socket.bind(0, ADDRESS);
    await once(socket, "listening");
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
    return new SipSocket(socket);
  }

  /** Sends a byte string or bytes; resolves when the kernel has them. */
  async send(message: string | Buffer, port: number): Promise<void> {
    const bytes = typeof message === "string" ? Buffer.from(message, "latin1") : message;
    await new Promise<void>((sent, failed) => {
      this.#socket.send(bytes, port, ADDRESS, (error) => {
        if (error === null) sent();
        else failed(error);
      });
    });
  }

  /** Resolves when everything has been heard that had arrived: what a dead sender has left is known then. */
  async drain(): Promise<void> {
    this.#marks += 1;
    const mark = `${MARK}${this.#marks}`;
    const heard = new Promise<void>((resolve) => {
      const look = (bytes: Buffer): void => {
        if (bytes.toString("latin1") !== mark) return;
        this.#socket.off("message", look);
        resolve();
      };
      this.#socket.on("message", look);
    });
    await this.send(mark, this.port);
    await heard;
  }

  async close(): Promise<void> {
    this.#socket.close();
    await once(this.#socket, "close");
  }
}
