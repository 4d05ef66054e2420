import type { Socket } from "node:net";
import { Duplex, PassThrough } from "node:stream";
import { afterEach, expect, test } from "vitest";
import type { WebSocket } from "ws";
import { adoptSocket } from "../../src/transport/adopt-socket.ts";
import { adoptWebSocket } from "../../src/transport/adopt-web-socket.ts";
import { CONNECTION_LIMITS, ConnectionTable } from "../../src/transport/connection-table.ts";
import { memoryListener } from "../support/memory-network.ts";
import { RecordingModules } from "./recording-modules.ts";
import { Inbox } from "./udp-fixture.ts";

const PINGS = 10_000;
const { log, metrics } = new RecordingModules();
const table = new ConnectionTable(CONNECTION_LIMITS, { log, metrics });
const ends = { address: "198.51.100.7", port: 40_000, isOutgoing: false };

afterEach(() => table.stop());

/** A socket whose peer reads when it is told to. */
class DeafSocket extends Duplex {
  readonly waiting: Array<() => void> = [];
  written = 0;

  override _read(): void {}

  override _write(_: Buffer, __: string, done: () => void): void {
    this.written += 1;
    this.waiting.push(done);
  }

  setNoDelay(): this {
    return this;
  }

  destroySoon(): void {
    this.destroy();
  }
}

test("keep-alives of a peer that reads no answer have a few answers waiting, and no more", async () => {
  const socket = new DeafSocket();
  const keepAlives = { n: 0 };
  const listener = memoryListener("192.0.2.1", 5060, "tcp");
  const modules = { table, receiver: new Inbox(), keepAlives };
  adoptSocket(socket as unknown as Socket, { ...ends, listener }, modules);
  for (let sent = 0; sent < PINGS; sent += 1) socket.push("\r\n\r\n");
  await expect.poll(() => keepAlives.n).toBe(2 * PINGS);
  // One is being written, the others wait in the stream.
  expect(socket.writableLength).toBeLessThanOrEqual(16 * 2);
  const before = socket.written;
  socket.waiting.shift()?.();
  await expect.poll(() => socket.written).toBe(before + 1);
  socket.push("\r\n\r\n");
  await expect.poll(() => keepAlives.n).toBe(2 * PINGS + 2);
  expect(socket.writableLength).toBeLessThanOrEqual(16 * 2);
  expect(socket.destroyed).toBe(false);
});

test("neither have those of a WebSocket, be they frames or messages", () => {
  const heard = new Map<string, (data: Buffer) => void>();
  let sent = 0;
  const socket = {
    bufferedAmount: 0,
    on: (event: string, hear: (data: Buffer) => void) => heard.set(event, hear),
    once: () => undefined,
    send: () => {
      sent += 1;
    },
    pong: () => {
      sent += 1;
    },
    terminate: () => undefined,
  };
  const listener = memoryListener("192.0.2.1", 80, "ws");
  const modules = { table, receiver: new Inbox(), keepAlives: { n: 0 } };
  adoptWebSocket(socket as unknown as WebSocket, new PassThrough(), { ...ends, listener }, modules);
  for (let ping = 0; ping < PINGS; ping += 1) {
    heard.get("ping")?.(Buffer.alloc(0));
    heard.get("message")?.(Buffer.from("\r\n\r\n"));
  }
  expect(sent).toBe(16);
});
