import { readFileSync } from "node:fs";
import { endianness } from "node:os";
import type { Listener } from "../ports.ts";
import { ipOctets } from "./ip-literal.ts";

/**
 * How many datagrams the kernel has thrown away for each UDP listener since it was opened, by listener
 * id: its receive buffer was full. Best effort: a listener that is not found is left out, and where
 * there is no /proc/net/udp the map is empty.
 */
export function readUdpDrops(
  listeners: readonly Listener[],
  read: (path: string) => string = readProcFile,
): ReadonlyMap<string, number> {
  const table = new Map(
    ["/proc/net/udp", "/proc/net/udp6"].flatMap((path) => [...parseUdpDrops(read(path))]),
  );
  const drops = new Map<string, number>();
  for (const listener of listeners) {
    const count = table.get(procAddress(listener.address, listener.port));
    if (count !== undefined) drops.set(listener.id, count);
  }
  return drops;
}

function readProcFile(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // Not Linux, no IPv6, or /proc is hidden: there is nothing to count, which is no fault.
    return "";
  }
}

/** The last column, drops, by the second, local address and port, of a table in /proc/net. */
function parseUdpDrops(text: string): Map<string, number> {
  const drops = new Map<string, number>();
  for (const line of text.split("\n").slice(1)) {
    const columns = line.trim().split(/\s+/u);
    const [, local] = columns;
    const count = Number(columns[12]);
    if (local !== undefined && Number.isSafeInteger(count)) drops.set(local, count);
  }
  return drops;
}

/** Address and port as the kernel prints them: 32-bit words in the machine's own byte order. */
function procAddress(address: string, port: number): string {
  const octets = ipOctets(address) ?? Buffer.alloc(0);
  const words = endianness() === "LE" ? octets.swap32() : octets;
  const hex = `${words.toString("hex")}:${port.toString(16).padStart(4, "0")}`;
  return hex.toUpperCase();
}
