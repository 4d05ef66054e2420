import type { Socket } from "node:net";
import type { Listener, Receiver, Tally } from "../ports.ts";
import { StreamFramer } from "../sip/stream-framer.ts";
import type { Connection, Wire } from "./connection.ts";
import type { ConnectionTable } from "./connection-table.ts";
import { LINGER_MS, MAX_UNREAD_PONGS } from "./limits.ts";

/** What a connection needs around it. */
export interface ConnectionModules {
  readonly table: ConnectionTable;
  readonly receiver: Receiver;
  readonly keepAlives: Tally;
}

/** Whom a connection is with. */
export interface ConnectionEnds {
  readonly listener: Listener;
  readonly address: string;
  readonly port: number;
  /** Given for one that midreg opens. */
  readonly domain?: string | undefined;
  readonly isOutgoing: boolean;
}

/** The record of a connection that carries bytes by a wire. */
export function buildConnection(
  wire: Wire,
  { domain, ...ends }: ConnectionEnds,
  table: ConnectionTable,
): Connection {
  const nowMs = performance.now();
  return {
    ...ends,
    domain,
    connection: table.takeName(),
    wire,
    openedAtMs: nowMs,
    heardAtMs: nowMs,
    partialSinceMs: undefined,
    unreadPongs: 0,
    keepAliveMs: Number.POSITIVE_INFINITY,
    isProven: ends.isOutgoing,
  };
}

/**
 * Makes a connection of a TCP or TLS socket: what comes on it is cut into messages, keep-alives are answered (RFC
 * 5626 section 4.4.1), and what cannot be cut closes it (RFC 3261 section 18.3).
 */
export function adoptSocket(
  socket: Socket,
  ends: ConnectionEnds,
  modules: ConnectionModules,
): Connection {
  const { table } = modules;
  const connection = buildConnection(socketWire(socket), ends, table);
  const framer = new StreamFramer();
  table.add(connection);
  socket.setNoDelay(true);
  socket.on("data", (bytes: Buffer) => {
    connection.heardAtMs = performance.now();
    hear(framer, bytes.toString("latin1"), connection, modules);
  });
  socket.once("end", () => table.close(connection, "peer"));
  socket.once("close", () => table.close(connection, "peer"));
  socket.on("error", () => table.close(connection, ends.isOutgoing ? "refused" : "error"));
  return connection;
}

function hear(
  framer: StreamFramer,
  bytes: string,
  connection: Connection,
  { table, receiver, keepAlives }: ConnectionModules,
): void {
  for (const event of framer.push(bytes)) {
    switch (event.kind) {
      case "message":
        connection.isProven = true;
        // What has begun behind it has a time of its own.
        connection.partialSinceMs = undefined;
        receiver.receive(event.text, connection.listener, connection);
        break;
      case "pong":
        keepAlives.n += 1;
        connection.isProven = true;
        break;
      case "ping":
        keepAlives.n += 1;
        answerPing(connection, "\r\n");
        break;
      case "broken":
        table.close(connection, "malformed");
        return;
      default:
        event satisfies never;
    }
    // The receiver may have had it closed.
    if (table.get(connection.connection) !== connection) return;
  }
  if (framer.pendingBytes === 0) connection.partialSinceMs = undefined;
  else connection.partialSinceMs ??= connection.heardAtMs;
}

/**
 * Answers a keep-alive. A peer that sends them and reads nothing would have its answers pile up here without end, each
 * costing a hundred times its size.
 */
export function answerPing(connection: Connection, pong: string): void {
  if (connection.unreadPongs >= MAX_UNREAD_PONGS) return;
  connection.unreadPongs += 1;
  connection.wire.write(pong, () => {
    connection.unreadPongs -= 1;
  });
}

type Done = (error: Error | undefined) => void;

/** Each write ends once: when it has left, or when the socket ends before that. */
function socketWire(socket: Socket): Wire {
  const underWay = new Set<Done>();
  const fail = (error: Error): void => {
    const left = [...underWay];
    underWay.clear();
    for (const done of left) done(error);
  };
  socket.once("error", fail);
  socket.once("close", () => fail(new Error("closed")));
  return {
    get backlogBytes() {
      return socket.writableLength;
    },
    write: (bytes, done) => {
      underWay.add(done);
      socket.write(bytes, "latin1", (error) => {
        // A socket that could not be opened says why by its own error, not by that of the write.
        if ((error === undefined || error === null) && underWay.delete(done)) done(undefined);
      });
    },
    destroy: () => {
      if (socket.writableLength === 0 || socket.connecting) {
        socket.destroy();
        return;
      }
      // What has been written already may still leave, but a peer that does not read is not waited for.
      socket.destroySoon();
      const limit = setTimeout(() => socket.destroy(), LINGER_MS);
      socket.once("close", () => clearTimeout(limit));
    },
  };
}
