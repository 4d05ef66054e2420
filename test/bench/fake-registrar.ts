/**
 * A main registrar that says yes to every REGISTER and keeps nothing, so that it costs as little as
 * possible. Also runs alone: `tsx test/bench/fake-registrar.ts PORT`.
 */
import { acceptRegister } from "./accept-register.ts";
import { serve } from "./child.ts";
import { openLoopbackServer } from "./loopback-server.ts";

const counts = { registers: 0, others: 0 };

async function start(port: number): Promise<number> {
  return openLoopbackServer(port, (socket, message, peer) => {
    const answer = acceptRegister(message.toString("latin1"));
    if (answer === undefined) counts.others += 1;
    else {
      counts.registers += 1;
      socket.send(Buffer.from(answer, "latin1"), peer.port, peer.address);
    }
  });
}

if (process.send === undefined) await start(Number(process.argv[2]));
else serve({ start, counts: () => counts });
