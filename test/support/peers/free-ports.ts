import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

// Below the range from which the system gives out ports by itself (32768 up), so that a port found
// free here stays free until the peer that shall have it binds it.
const RANGES = {
  any: { first: 15_000, last: 32_000 },
  "four digits": { first: 5100, last: 9999 },
};

/** Ports of the ranges that fetch() refuses to connect to, whatever listens there (X11, IRC). */
const REFUSED = new Set([6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697]);

/** Finds ports on 127.0.0.1 that are free for UDP and TCP. Throws when too few of those probed are. */
export async function freePorts(
  count: number,
  range: keyof typeof RANGES = "any",
): Promise<number[]> {
  const { first, last } = RANGES[range];
  const size = last - first;
  const start = Math.floor(Math.random() * size);
  const probed = Array.from({ length: 2 * count + 20 }, (_, i) => first + ((start + i) % size));
  const verdicts = await Promise.all(probed.map(isFree));
  const free = probed.filter((_, index) => verdicts[index] === true).slice(0, count);
  if (free.length < count) throw new Error(`only ${free.length} of ${count} ports are free`);
  return free;
}

async function isFree(port: number): Promise<boolean> {
  if (REFUSED.has(port)) return false;
  return (await isFreeForUdp(port)) && (await isFreeForTcp(port));
}

async function isFreeForUdp(port: number): Promise<boolean> {
  const socket = createSocket("udp4");
  try {
    socket.bind(port, "127.0.0.1");
    await once(socket, "listening");
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}

async function isFreeForTcp(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
