import { existsSync } from "node:fs";
import { endianness } from "node:os";
import { expect, test } from "vitest";
import type { Listener } from "../../src/ports.ts";
import { readUdpDrops } from "../../src/transport/udp-drops.ts";
import { UdpTransport } from "../../src/transport/udp-transport.ts";
import { RecordingModules } from "./recording-modules.ts";

const HEADER =
  "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops";
const UDP = `${HEADER}
  101: 0100007F:13C4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4242 2 00000000 17
  102: 0100007F:13C5 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4243 2 00000000 3
  103: 020200C0:13C4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4244 2 00000000 0
`;
const UDP6 = `${HEADER}
  104: B80D0120000000000000000001000000:13C4 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4245 2 00000000 9
`;

function listener(address: string, port: number): Listener {
  const family = address.includes(":") ? 6 : 4;
  return { id: `udp:${address}:${port}`, protocol: "udp", family, address, port, sentBy: "" };
}

test.skipIf(endianness() !== "LE")("drops are read per listener, by exact address and port", () => {
  const drops = readUdpDrops(
    [listener("127.0.0.1", 5060), listener("192.0.2.2", 5060), listener("2001:db8::1", 5060)],
    (path) => (path === "/proc/net/udp" ? UDP : UDP6),
  );
  expect([...drops]).toEqual([
    ["udp:127.0.0.1:5060", 17],
    ["udp:192.0.2.2:5060", 0],
    ["udp:2001:db8::1:5060", 9],
  ]);
});

test.each([
  ["an empty file", ""],
  ["a file without that column", `${HEADER}\n 1: 0100007F:13C4 00000000:0000 07\n`],
  ["something else", "<html>\n<p>127.0.0.1</p>\n"],
])("%s gives nothing", (_what, text) => {
  expect(readUdpDrops([listener("127.0.0.1", 5060)], () => text).size).toBe(0);
});

test.skipIf(!existsSync("/proc/net/udp"))(
  "an open listener is found in the kernel's table",
  async () => {
    const transport = new UdpTransport(
      { listeners: [{ address: "127.0.0.1", port: 0 }] },
      new RecordingModules(),
    );
    await transport.start({
      receive: () => undefined,
      isInUse: () => false,
      closed: () => undefined,
    });
    const drops = readUdpDrops(transport.listeners);
    await transport.stop();
    expect([...drops.values()]).toEqual([0]);
  },
);
