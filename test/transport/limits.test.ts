/** What peers can cost while they are no connections yet, and when they do not read. */
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import type { Listener, Protocol } from "../../src/ports.ts";
import { Certificates } from "../support/certificates.ts";
import { OPTIONS, StreamFixture, type StreamPeer } from "./stream-fixture.ts";

let certificates: Certificates;
let fixture: StreamFixture;

beforeAll(() => {
  certificates = new Certificates();
});
afterAll(() => certificates.remove());
beforeEach(() => {
  fixture = new StreamFixture(certificates);
});
afterEach(async () => fixture.close());

/** A socket that has connected and says no more than it is told to. */
async function raw({ port }: Listener, localAddress = "127.0.0.1"): Promise<Socket> {
  const socket = connectTcp({ host: "127.0.0.1", port, localAddress });
  fixture.adopt(socket);
  await once(socket, "connect");
  return socket;
}

/** The same by TLS, agreed on. */
async function secure({ port }: Listener): Promise<Socket> {
  const socket = connectTls({ host: "127.0.0.1", port, ca: certificates.ca });
  fixture.adopt(socket);
  await once(socket, "secureConnect");
  return socket;
}

/** Resolves to whether the server lets a connection from there be. */
async function isLetIn(listener: Listener, localAddress = "127.0.0.1"): Promise<boolean> {
  const socket = await raw(listener, localAddress);
  const isClosed = once(socket, "close").then(() => false);
  const stays = new Promise<boolean>((resolve) => {
    setTimeout(resolve, 150, true);
  });
  return Promise.race([isClosed, stays]);
}

const UNFINISHED = ["tls", "ws", "wss"] as const;

describe.each(UNFINISHED)("a socket on which %s has not been agreed on", (protocol) => {
  test("counts for its source", async () => {
    const { listener } = await fixture.start([protocol], { limits: { maxPerSource: 2 } });
    await raw(listener);
    await raw(listener);
    expect(await isLetIn(listener)).toBe(false);
    expect(await isLetIn(listener, "127.0.0.3")).toBe(true);
  });

  test("counts for all there may be, until it is gone", async () => {
    const { listener } = await fixture.start([protocol], { limits: { max: 2 } });
    const first = await raw(listener, "127.0.0.2");
    await raw(listener, "127.0.0.3");
    expect(await isLetIn(listener, "127.0.0.4")).toBe(false);
    first.destroy();
    await expect.poll(async () => isLetIn(listener, "127.0.0.4")).toBe(true);
  });

  test("is closed in time when it says nothing", async () => {
    const { listener } = await fixture.start([protocol], { limits: { firstMessageMs: 200 } });
    const socket = await raw(listener);
    await once(socket, "close");
    expect(fixture.inbox.received).toEqual([]);
  });

  test("is closed in time when it stops in the middle", async () => {
    const { listener } = await fixture.start([protocol], { limits: { firstMessageMs: 200 } });
    const socket = await raw(listener);
    // The beginning of a ClientHello, or of a request.
    socket.write(protocol === "ws" ? "GET / HT" : Buffer.from("16030100c8010000", "hex"));
    await once(socket, "close");
    expect(fixture.inbox.received).toEqual([]);
  });

  test("does not hold up the end of the listener", async () => {
    const { transport, listener } = await fixture.start([protocol]);
    await raw(listener);
    const startMs = performance.now();
    await transport.stop();
    expect(performance.now() - startMs).toBeLessThan(2000);
  });

  test("gives its place to the connection that it becomes, and that one gives it back", async () => {
    const { listener } = await fixture.start([protocol], { limits: { max: 1 } });
    for (let round = 0; round < 3; round += 1) {
      // One after the other: there is one place.
      // oxlint-disable-next-line no-await-in-loop
      const peer = await connected(listener);
      peer.send(OPTIONS);
      // oxlint-disable-next-line no-await-in-loop
      await fixture.received(round + 1);
      peer.close();
      // oxlint-disable-next-line no-await-in-loop
      await expect
        .poll(() => fixture.modules.gauge("sip_connections", { transport: protocol }))
        .toBe(0);
    }
  });
});

/** Connects as soon as there is room. */
async function connected(listener: Listener): Promise<StreamPeer> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    // oxlint-disable-next-line no-await-in-loop
    const peer = await fixture.connect(listener).catch(() => undefined);
    if (peer !== undefined) return peer;
  }
  throw new Error("never let in");
}

describe.each([
  ["tls", "no TLS at all\r\n\r\n"],
  ["tls", "\x16\x03\x01\xff\xff\x01garbage"],
  ["ws", "OPTIONS sip:a.test SIP/2.0\r\n\r\n"],
  ["ws", "\0\x01\x02\x03"],
  ["ws", `GET / HTTP/1.1\r\n${"X: y\r\n".repeat(20_000)}`],
  ["wss", "GET / HTTP/1.1\r\n\r\n"],
] as const)("garbage on %s", (protocol, bytes) => {
  test(`(${JSON.stringify(bytes.slice(0, 20))}) ends that socket and no other`, async () => {
    const { listener } = await fixture.start([protocol]);
    const good = await fixture.connect(listener);
    const socket = await raw(listener);
    socket.write(Buffer.from(bytes, "latin1"));
    socket.resume();
    await once(socket, "close");
    good.send(OPTIONS);
    await fixture.received(1);
    expect(good.isClosed).toBe(false);
  });
});

describe("a full house", () => {
  test("still lets midreg connect to its main registrar", async () => {
    const { transport, listener } = await fixture.start(["tcp"], { limits: { max: 1 } });
    const peer = await fixture.connect(listener);
    peer.send(OPTIONS);
    await fixture.received(1);
    expect(await isLetIn(listener, "127.0.0.3")).toBe(false);
    const server = await fixture.listen();
    const target = { protocol: "tcp", address: "127.0.0.1", port: server.port } as const;
    transport.send("to upstream", listener, target);
    await expect.poll(() => server.peers[0]?.heard).toBe("to upstream");
  });
});

describe("a peer that does not read", () => {
  test.each(["tcp", "tls"] as const)(
    "is let go of by %s, and its socket freed",
    async (protocol) => {
      const { transport, listener } = await fixture.start([protocol]);
      const peer = await fixture.connect(listener);
      peer.send(OPTIONS);
      await fixture.received(1);
      const { address = "", port = 0, connection } = fixture.inbox.received[0] ?? {};
      peer.pause();
      const before = openSockets();
      const big = "x".repeat(500_000);
      for (let sent = 0; sent < 40; sent += 1) {
        transport.send(big, listener, { protocol, address, port, connection });
        // oxlint-disable-next-line no-await-in-loop
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
      }
      expect(closed(protocol, "slow-reader")).toBe(1);
      await expect.poll(() => openSockets(), { timeout: 5000 }).toBeLessThan(before);
    },
  );
});

test("a main registrar that stands still while phones register has 16 MiB waiting, and gets all of it", async () => {
  const { transport, listener } = await fixture.start(["tcp"]);
  const server = await fixture.listen();
  const target = { protocol: "tcp", address: "127.0.0.1", port: server.port } as const;
  transport.send("first", listener, target);
  await expect.poll(() => server.peers[0]?.heard).toBe("first");
  const [main] = server.peers;
  main?.pause();
  const codes: string[] = [];
  const sent: string[] = [];
  while (transport.backlogBytes < 15_000_000) {
    sent.push(`${sent.length} `.padEnd(60_000, "x"));
    transport.send(sent.at(-1) ?? "", listener, target, (code) => codes.push(code));
    // What the system takes is not waiting.
    // oxlint-disable-next-line no-await-in-loop
    if (sent.length % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(codes).toEqual([]);
  main?.resume();
  await expect.poll(() => main?.heard.length, { timeout: 10_000 }).toBe(5 + sent.length * 60_000);
  expect(main?.heard === `first${sent.join("")}`).toBe(true);
  main?.pause();
  while (codes.length === 0) {
    transport.send(sent[0] ?? "", listener, target, (code) => codes.push(code));
    // oxlint-disable-next-line no-await-in-loop
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(closed("tcp", "slow-reader")).toBe(1);
});

describe("many peers that do not read", () => {
  test("have no more waiting for them together than there may be; who reads is served", async () => {
    const limits = { backlogBytes: 1_000_000 };
    const { transport, listener } = await fixture.start(["tcp"], { limits });
    const peers = [];
    for (let n = 0; n < 9; n += 1) {
      // One after the other, so that the order in the inbox is theirs.
      // oxlint-disable-next-line no-await-in-loop
      const peer = await fixture.connect(listener);
      peer.send(OPTIONS);
      // oxlint-disable-next-line no-await-in-loop
      await fixture.received(n + 1);
      peers.push(peer);
    }
    const reader = peers.pop();
    for (const peer of peers) peer.pause();
    const way = (at: number) => {
      const { address = "", port = 0, connection } = fixture.inbox.received[at] ?? {};
      return { protocol: "tcp", address, port, connection } as const;
    };
    const big = "x".repeat(60_000);
    for (let sent = 0; sent < 200; sent += 1) {
      for (let at = 0; at < 8; at += 1) transport.send(big, listener, way(at));
      // oxlint-disable-next-line no-await-in-loop
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      expect(transport.backlogBytes).toBeLessThan(1_000_000 + 8 * 60_000 + 1);
    }
    expect(closed("tcp", "slow-reader")).toBe(8);
    transport.send("still here", listener, way(8));
    await reader?.hears("still here");
    await expect.poll(() => transport.backlogBytes, { timeout: 5000 }).toBe(0);
  });
});

/** Sockets of this process, both ends of each connection. */
function openSockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length;
}

function closed(transport: Protocol, reason: string): number {
  return fixture.modules.metrics.counter("sip_connections_closed_total", { transport, reason }).n;
}

async function open(): Promise<WebSocket> {
  const { listener } = await fixture.start(["ws"]);
  return openAt(listener);
}

async function openAt(listener: Listener): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${listener.port}`, "sip");
  await fixture.adoptWebSocket(socket);
  return socket;
}

describe("WebSocket frames", () => {
  test("that make up one message are one message, however they are split", async () => {
    const socket = await open();
    const bytes = Buffer.from(OPTIONS);
    for (let at = 0; at < bytes.length; at += 7) {
      const isLast = at + 7 >= bytes.length;
      socket.send(bytes.subarray(at, at + 7), { binary: false, fin: isLast });
    }
    await fixture.received(1);
    expect(fixture.inbox.received[0]?.text).toBe(OPTIONS);
  });

  test("with pings between the parts of a message are answered, and the message is whole", async () => {
    const socket = await open();
    const pong = once(socket, "pong");
    socket.send(OPTIONS.slice(0, 20), { fin: false });
    socket.ping("are you there");
    socket.send(OPTIONS.slice(20), { fin: true });
    expect(String((await pong)[0])).toBe("are you there");
    await fixture.received(1);
    expect(fixture.inbox.received[0]?.text).toBe(OPTIONS);
  });

  test.each([
    ["one frame", 1],
    ["many parts", 100],
  ])("beyond what a message may have, in %s, close the connection", async (_, parts) => {
    const socket = await open();
    const part = Buffer.alloc(Math.ceil(80_000 / parts), "x");
    for (let sent = 1; sent <= parts; sent += 1) socket.send(part, { fin: sent === parts });
    const [code] = await once(socket, "close");
    expect([1006, 1009]).toContain(code);
    expect(closed("ws", "malformed")).toBe(1);
    expect(fixture.inbox.received).toEqual([]);
  });

  test("of a client that is no SIP client are not taken", async () => {
    const { listener } = await fixture.start(["ws"]);
    const socket = new WebSocket(`ws://127.0.0.1:${listener.port}`, "chat");
    const [error] = await once(socket, "error");
    expect(String(error)).toMatch(/400/u);
  });
});

const UPGRADE = [
  "GET / HTTP/1.1",
  "Host: midreg.test",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Protocol: sip",
  "",
  "",
].join("\r\n");

/** A masked text frame without FIN, of which a part of the payload has come. */
const FIRST_OF_MESSAGE = Buffer.from([0x01, 0x83, 0, 0, 0, 0, 0x4f, 0x50, 0x54]);
const HALF_A_FRAME = Buffer.from([0x81, 0xfe, 0x01, 0x00, 0, 0, 0, 0, 0x4f, 0x50]);
const WHOLE_PING = Buffer.from([0x89, 0x80, 0, 0, 0, 0]);
const WHOLE_KEEP_ALIVE = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x0d, 0x0a]);

describe("a WebSocket on which something begins and does not end", () => {
  const limits = { wholeMessageMs: 300 };

  test.each([
    ["half a frame", HALF_A_FRAME],
    ["a message without its last frame", FIRST_OF_MESSAGE],
    ["one byte of a frame", HALF_A_FRAME.subarray(0, 1)],
    ["a keep-alive and half a frame", Buffer.concat([WHOLE_KEEP_ALIVE, HALF_A_FRAME])],
  ])("is closed in time, as on TCP: %s", async (_, bytes) => {
    const { listener } = await fixture.start(["ws"], { limits });
    const socket = await raw(listener);
    // In one piece with the upgrade, as a client may send it.
    socket.write(Buffer.concat([Buffer.from(UPGRADE), bytes]));
    socket.resume();
    await once(socket, "close");
    expect(closed("ws", "slow-sender")).toBe(1);
    expect(fixture.inbox.received).toEqual([]);
  });

  test("is closed though pings come between the frames", async () => {
    const { listener } = await fixture.start(["ws"], { limits });
    const socket = await raw(listener);
    socket.resume();
    socket.write(Buffer.concat([Buffer.from(UPGRADE), FIRST_OF_MESSAGE]));
    const pinging = setInterval(() => socket.write(WHOLE_PING), 50);
    await once(socket, "close").finally(() => clearInterval(pinging));
    expect(closed("ws", "slow-sender")).toBe(1);
  });

  test.each(["ws", "wss"] as const)(
    "is closed half-way through its upgrade, by %s",
    async (protocol) => {
      const { listener } = await fixture.start([protocol], { limits });
      const socket = protocol === "ws" ? await raw(listener) : await secure(listener);
      socket.write(UPGRADE.slice(0, 60));
      socket.resume();
      await once(socket, "close");
      expect(closed(protocol, "slow-sender")).toBe(1);
    },
  );

  test("is left alone when nothing is owed, and when parts come in time", async () => {
    const { listener } = await fixture.start(["ws"], { limits });
    const peer = await fixture.connect(listener);
    const socket = await openAt(listener);
    for (let sent = 0; sent < 8; sent += 1) {
      peer.send(OPTIONS);
      socket.send(OPTIONS.slice(0, 20), { fin: false });
      // oxlint-disable-next-line no-await-in-loop
      await new Promise((resolve) => {
        setTimeout(resolve, 200);
      });
      socket.send(OPTIONS.slice(20), { fin: true });
    }
    await fixture.received(16);
    expect(closed("ws", "slow-sender")).toBe(0);
  });
});

test("a stream on which messages follow each other closely is no slow sender, wherever its segments end", async () => {
  const { listener } = await fixture.start(["tcp"], { limits: { wholeMessageMs: 300 } });
  const peer = await fixture.connect(listener);
  peer.send(OPTIONS.slice(0, 20));
  for (let sent = 0; sent < 16; sent += 1) {
    // oxlint-disable-next-line no-await-in-loop
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
    // The end of one and the beginning of the next.
    peer.send(OPTIONS.slice(20) + OPTIONS.slice(0, 20));
  }
  await fixture.received(16);
  expect(closed("tcp", "slow-sender")).toBe(0);
});
