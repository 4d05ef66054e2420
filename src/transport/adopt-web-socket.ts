import { isUtf8 } from "node:buffer";
import type { Readable } from "node:stream";
import type { RawData, WebSocket } from "ws";
import {
  answerPing,
  buildConnection,
  type ConnectionEnds,
  type ConnectionModules,
} from "./adopt-socket.ts";
import type { Connection, Wire } from "./connection.ts";
import { FrameProgress } from "./frame-progress.ts";
import { MAX_UNREAD_PONGS } from "./limits.ts";

const PING = "\r\n\r\n";
const PONG = "\r\n";

/**
 * Makes a connection of a WebSocket (RFC 7118): each WebSocket message is one SIP message, text or binary, or a
 * keep-alive. `stream` is what its frames come on.
 */
export function adoptWebSocket(
  socket: WebSocket,
  stream: Readable,
  ends: ConnectionEnds,
  modules: ConnectionModules,
): Connection {
  const { table, receiver, keepAlives } = modules;
  const connection = buildConnection(webSocketWire(socket), ends, table);
  table.add(connection);
  watchFrames(stream, connection);
  socket.on("message", (data) => {
    connection.isProven = true;
    const text = textOf(data);
    if (text === PING || text === PONG) {
      keepAlives.n += 1;
      if (text === PING) answerPing(connection, PONG);
    } else if (text !== "") receiver.receive(text, connection.listener, connection);
  });
  socket.on("ping", (data) => {
    keepAlives.n += 1;
    connection.isProven = true;
    if (connection.unreadPongs >= MAX_UNREAD_PONGS) return;
    connection.unreadPongs += 1;
    socket.pong(data, false, () => {
      connection.unreadPongs -= 1;
    });
  });
  socket.once("close", () => table.close(connection, "peer"));
  // Frames that are no WebSocket's, or are too large.
  socket.on("error", () => table.close(connection, "malformed"));
  return connection;
}

/** Half a frame, or a message without its last one, has to go on in time like half a message on TCP. */
function watchFrames(stream: Readable, connection: Connection): void {
  const progress = new FrameProgress();
  stream.on("data", (bytes: Buffer) => {
    connection.heardAtMs = performance.now();
    if (progress.push(bytes)) connection.partialSinceMs = undefined;
    if (progress.isPartial) connection.partialSinceMs ??= connection.heardAtMs;
  });
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString("latin1");
  return (data instanceof ArrayBuffer ? Buffer.from(data) : data).toString("latin1");
}

function webSocketWire(socket: WebSocket): Wire {
  return {
    get backlogBytes() {
      return socket.bufferedAmount;
    },
    write: (bytes, done) => {
      const data = Buffer.from(bytes, "latin1");
      // RFC 7118 section 4.2: text frames hold UTF-8, and SIP bodies may hold anything.
      socket.send(data, { binary: !isUtf8(data) }, (error) => done(error ?? undefined));
    },
    destroy: () => socket.terminate(),
  };
}
