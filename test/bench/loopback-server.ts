import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";

const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/**
 * Opens a UDP socket on 127.0.0.1; port 0 takes any. Addresses to send to are literals always, so they
 * are not looked up: `dns.lookup` would cost every send one more turn of the event loop.
 */
export async function openLoopbackServer(
  port: number,
  onMessage: (socket: Socket, message: Buffer, peer: RemoteInfo) => void,
): Promise<number> {
  const socket = createSocket({
    type: "udp4",
    recvBufferSize: RECEIVE_BUFFER_BYTES,
    lookup: (hostname, _options, done) => done(null, hostname, 4),
  });
  socket.on("message", (message, peer) => onMessage(socket, message, peer));
  // Without a look-up the socket listens before `bind` returns.
  const listening = once(socket, "listening");
  socket.bind(port, "127.0.0.1");
  await listening;
  return socket.address().port;
}
