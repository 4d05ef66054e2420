/**
 * Sends every datagram back: what Node itself costs for receiving and sending. Also runs alone:
 * `tsx test/bench/echo.ts PORT`.
 */
import { serve } from "./child.ts";
import { openLoopbackServer } from "./loopback-server.ts";

async function start(port: number): Promise<number> {
  return openLoopbackServer(port, (socket, message, peer) => {
    socket.send(message, peer.port, peer.address);
  });
}

if (process.send === undefined) await start(Number(process.argv[2]));
else serve({ start });
