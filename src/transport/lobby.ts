import type { Socket } from "node:net";
import type { Protocol } from "../ports.ts";
import type { ConnectionTable } from "./connection-table.ts";
import { CONNECTION_SWEEP_MS } from "./limits.ts";

/** Who is at the other end of a socket. */
export interface Peer {
  readonly address: string;
  readonly port: number;
}

interface Guest {
  readonly peer: Peer;
  readonly socket: Socket;
  readonly enteredAtMs: number;
  /** What had been read of it then: the header of a load balancer. */
  readonly bytesBefore: number;
  /** Since when it is known to have begun. */
  begunAtMs: number | undefined;
}

/**
 * Sockets that have been let in and are no connections yet, while TLS or WebSocket is agreed on. They count as
 * connections, so that nobody gets more of them by not going on, and are closed when they take too long: as long as the
 * first message may take where nothing comes, and as long as a whole message may take once they have begun.
 */
export class Lobby {
  readonly #protocol: Protocol;
  readonly #table: ConnectionTable;
  readonly #guests = new Map<string, Guest>();
  #timer: NodeJS.Timeout | undefined;

  constructor(protocol: Protocol, table: ConnectionTable) {
    this.#protocol = protocol;
    this.#table = table;
  }

  /** Lets a socket wait; its peer is the one behind a load balancer, if there is one. */
  enter(socket: Socket, peer: Peer): void {
    const key = endsOf(socket);
    // An old socket of the same ends may not have said yet that it is closed.
    this.#remove(key);
    const enteredAtMs = performance.now();
    const bytesBefore = socket.bytesRead;
    this.#guests.set(key, { peer, socket, enteredAtMs, bytesBefore, begunAtMs: undefined });
    this.#timer ??= setInterval(() => this.#sweep(performance.now()), CONNECTION_SWEEP_MS).unref();
    this.#table.reserve(peer.address);
    socket.once("close", () => {
      if (this.#guests.get(key)?.socket === socket) this.#remove(key);
    });
  }

  /** Takes out what becomes a connection: the socket that has entered, or what was built upon it. */
  leave(socket: Socket): Peer {
    const { remoteAddress: address = "", remotePort: port = 0 } = socket;
    return this.#remove(endsOf(socket))?.peer ?? { address, port };
  }

  /** Closes all that wait. */
  clear(): void {
    for (const { socket } of this.#guests.values()) socket.destroy();
  }

  #remove(key: string): Guest | undefined {
    const guest = this.#guests.get(key);
    if (guest === undefined) return undefined;
    this.#guests.delete(key);
    this.#table.release(guest.peer.address);
    if (this.#guests.size > 0) return guest;
    clearInterval(this.#timer);
    this.#timer = undefined;
    return guest;
  }

  #sweep(nowMs: number): void {
    const { firstMessageMs, wholeMessageMs } = this.#table.limits;
    for (const guest of this.#guests.values()) {
      const { socket, enteredAtMs, bytesBefore } = guest;
      if (socket.bytesRead > bytesBefore) guest.begunAtMs ??= nowMs;
      const { begunAtMs = nowMs } = guest;
      const isLate = nowMs - enteredAtMs > firstMessageMs || nowMs - begunAtMs > wholeMessageMs;
      if (!isLate) continue;
      const reason = guest.begunAtMs === undefined ? "silent" : "slow-sender";
      this.#table.countClosed(this.#protocol, reason);
      socket.destroy();
    }
  }
}

function endsOf({ remoteAddress = "", remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
