import type { Socket } from "node:net";
import type { ConnectionTable } from "./connection-table.ts";

/** Who is at the other end of a socket. */
export interface Peer {
  readonly address: string;
  readonly port: number;
}

interface Guest {
  readonly peer: Peer;
  readonly socket: Socket;
  readonly timer: NodeJS.Timeout;
}

/**
 * Sockets that have been let in and are no connections yet, while TLS or WebSocket is agreed on. They count as
 * connections, so that nobody gets more of them by not going on, and are closed when they take too long.
 */
export class Lobby {
  readonly #table: ConnectionTable;
  readonly #guests = new Map<string, Guest>();

  constructor(table: ConnectionTable) {
    this.#table = table;
  }

  /** Lets a socket wait; its peer is the one behind a load balancer, if there is one. */
  enter(socket: Socket, peer: Peer): void {
    const key = endsOf(socket);
    // An old socket of the same ends may not have said yet that it is closed.
    this.#remove(key);
    const timer = setTimeout(() => socket.destroy(), this.#table.limits.firstMessageMs);
    this.#guests.set(key, { peer, socket, timer });
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
    clearTimeout(guest.timer);
    this.#table.release(guest.peer.address);
    return guest;
  }
}

function endsOf({ remoteAddress = "", remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
