/** The PROXY protocol, version 2, from load balancers that are listed. */
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import type { Listener, Protocol } from "../../src/ports.ts";
import { readProxyHeader } from "../../src/transport/proxy-header.ts";
import { Certificates } from "../support/certificates.ts";
import { OPTIONS, StreamFixture, type StreamPeer } from "./stream-fixture.ts";

const SIGNATURE = Buffer.from("0d0a0d0a000d0a515549540a", "hex");
const V4 = Buffer.from("c6336407c00002019c4013c4", "hex");
const V6 = Buffer.from(
  "20010db800000000000000000000000720010db80000000000000000000000019c4013c4",
  "hex",
);
/** PP2_TYPE_UNIQUE_ID with four bytes. */
const TLV = Buffer.from("0500041a2b3c4d", "hex");

/** A header with that command and family, and the bytes after it. */
function header(command: number, family: number, ...blocks: readonly Buffer[]): Buffer {
  const block = Buffer.concat(blocks);
  const fixed = Buffer.alloc(4);
  fixed.writeUInt8(command, 0);
  fixed.writeUInt8(family, 1);
  fixed.writeUInt16BE(block.length, 2);
  return Buffer.concat([SIGNATURE, fixed, block]);
}

const PROXY_V4 = header(0x21, 0x11, V4);

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

describe("a header", () => {
  test.each([
    ["of IPv4", PROXY_V4, { address: "198.51.100.7", port: 40_000 }],
    ["of IPv6", header(0x21, 0x21, V6), { address: "2001:db8::7", port: 40_000 }],
    [
      "of IPv4 with more behind the addresses",
      header(0x21, 0x11, V4, TLV),
      { address: "198.51.100.7", port: 40_000 },
    ],
    [
      "of IPv6 with more behind the addresses",
      header(0x21, 0x21, V6, TLV),
      { address: "2001:db8::7", port: 40_000 },
    ],
    ["of the balancer's own", header(0x20, 0x00), { address: undefined, port: 0 }],
    [
      "of the balancer's own, with something to skip",
      header(0x20, 0x11, V4, TLV),
      { address: undefined, port: 0 },
    ],
  ])("%s is read, and where it ends", (_, bytes, source) => {
    const read = readProxyHeader(Buffer.concat([bytes, Buffer.from("OPTIONS")]));
    expect(read).toEqual({ ...source, size: bytes.length });
  });

  test("that has not come whole is waited for, at every byte of it", () => {
    const whole = header(0x21, 0x11, V4, TLV);
    const kinds = Array.from({ length: whole.length }, (_, length) =>
      readProxyHeader(whole.subarray(0, length)),
    );
    expect(new Set(kinds)).toEqual(new Set(["more"]));
  });

  test.each([
    ["of version 1", Buffer.from("PROXY TCP4 198.51.100.7 192.0.2.1 40000 5060\r\n")],
    ["that is a SIP message", Buffer.from(OPTIONS)],
    [
      "with a wrong signature",
      Buffer.concat([Buffer.from("\r\n\r\n\0\r\nQUIT\r"), Buffer.alloc(4)]),
    ],
    ["with version 3", header(0x31, 0x11, V4)],
    ["with a command there is not", header(0x22, 0x11, V4)],
    ["of UDP", header(0x21, 0x12, V4)],
    ["of a UNIX socket", header(0x21, 0x31, Buffer.alloc(216))],
    ["of an unknown family", header(0x21, 0x00, V4)],
    ["with half an address", header(0x21, 0x11, V4.subarray(0, 11))],
    ["with IPv4 for IPv6", header(0x21, 0x21, V4)],
    ["longer than there is reason for", header(0x21, 0x11, V4, Buffer.alloc(2000))],
  ])("%s is none", (_, bytes) => {
    expect(readProxyHeader(bytes)).toBeUndefined();
  });
});

const PROTOCOLS = ["tcp", "tls", "ws", "wss"] as const;

const isBalancer = (address: string): boolean => address === "127.0.0.1";

/** Starts a listener that a balancer on the loopback may front. */
async function fronted(protocol: Protocol, limits = {}): Promise<Listener> {
  return (await fixture.start([protocol], { isBalancer, limits })).listener;
}

/** Connects through a balancer that sends a header first, in such pieces. */
async function throughBalancer(
  { protocol, port }: Listener,
  pieces: readonly Buffer[],
): Promise<StreamPeer> {
  const raw = connectTcp({ host: "127.0.0.1", port });
  await once(raw, "connect");
  raw.setNoDelay(true);
  for (const piece of pieces) {
    raw.write(piece);
    // Each piece is to arrive by itself.
    // oxlint-disable-next-line no-await-in-loop
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
  const secure = protocol === "tls" || protocol === "wss" ? await secured(raw) : raw;
  if (protocol === "tcp" || protocol === "tls") return fixture.adopt(secure);
  return fixture.adoptWebSocket(
    new WebSocket("ws://127.0.0.1", "sip", { createConnection: () => secure }),
  );
}

/** Waits until a balancer that begins like this is hung up on. */
async function refused({ port }: Listener, bytes: Buffer): Promise<void> {
  const raw = connectTcp({ host: "127.0.0.1", port });
  const peer = fixture.adopt(raw);
  await once(raw, "connect");
  raw.write(bytes);
  await peer.isClosedByServer();
}

async function secured(socket: Socket): Promise<Socket> {
  const secure = connectTls({ socket, ca: certificates.ca, servername: "localhost" });
  await once(secure, "secureConnect");
  return secure;
}

describe.each(PROTOCOLS)("behind a load balancer, %s", (protocol) => {
  test("who has connected is whom the balancer names", async () => {
    const peer = await throughBalancer(await fronted(protocol), [PROXY_V4]);
    peer.send(OPTIONS);
    await fixture.received(1);
    expect(fixture.inbox.received[0]).toMatchObject({
      text: OPTIONS,
      address: "198.51.100.7",
      port: 40_000,
    });
  });

  test("a header may come byte by byte", async () => {
    const pieces = Array.from(header(0x21, 0x21, V6, TLV), (byte) => Buffer.from([byte]));
    const peer = await throughBalancer(await fronted(protocol), pieces);
    peer.send(OPTIONS);
    await fixture.received(1);
    expect(fixture.inbox.received[0]?.address).toBe("2001:db8::7");
  });

  test("a connection of the balancer's own is the balancer's", async () => {
    const peer = await throughBalancer(await fronted(protocol), [header(0x20, 0x00)]);
    peer.send(OPTIONS);
    await fixture.received(1);
    expect(fixture.inbox.received[0]?.address).toBe("127.0.0.1");
  });

  test("the limit per source counts whom the balancer names", async () => {
    const listener = await fronted(protocol, { maxPerSource: 1 });
    const [first, other] = [
      await throughBalancer(listener, [PROXY_V4]),
      await throughBalancer(listener, [header(0x21, 0x21, V6)]),
    ];
    first.send(OPTIONS);
    other.send(OPTIONS);
    await fixture.received(2);
    await refused(listener, PROXY_V4);
    expect([first.isClosed, other.isClosed]).toEqual([false, false]);
  });
});

describe("on TCP", () => {
  test("what comes in one piece with the header is not lost", async () => {
    const bytes = Buffer.concat([PROXY_V4, Buffer.from(OPTIONS)]);
    await throughBalancer(await fronted("tcp"), [bytes]);
    await fixture.received(1);
    expect(fixture.inbox.received[0]).toMatchObject({ text: OPTIONS, address: "198.51.100.7" });
  });

  test.each([
    ["no header", Buffer.from(OPTIONS)],
    ["a header that is none", header(0x21, 0x12, V4)],
  ])("a balancer that sends %s is not served", async (_, bytes) => {
    await refused(await fronted("tcp"), bytes);
    expect(fixture.inbox.received).toEqual([]);
  });

  test("a header from anybody else is not believed", async () => {
    const { listener } = await fixture.start(["tcp"], { isBalancer: () => false });
    const peer = await fixture.connect(listener);
    peer.send(Buffer.concat([PROXY_V4, Buffer.from(OPTIONS)]).toString("latin1"));
    peer.send("\r\n\r\n");
    await Promise.race([peer.isClosedByServer(), fixture.received(1)]);
    expect(fixture.inbox.received.filter(({ address }) => address !== "127.0.0.1")).toEqual([]);
  });
});

test.each(["tls", "wss"] as const)(
  "on %s, a ClientHello may come in one piece with the header",
  async (protocol) => {
    const { port } = await fronted(protocol);
    const socket = connectTcp({ host: "127.0.0.1", port });
    await once(socket, "connect");
    socket.cork();
    socket.write(PROXY_V4);
    const secure = connectTls({ socket, ca: certificates.ca, servername: "localhost" });
    process.nextTick(() => socket.uncork());
    await once(secure, "secureConnect");
    fixture.adopt(secure);
    expect(secure.authorized).toBe(true);
  },
);

test("on ws, a request may come in one piece with the header", async () => {
  const listener = await fronted("ws");
  const raw = connectTcp({ host: "127.0.0.1", port: listener.port });
  await once(raw, "connect");
  const peer = fixture.adopt(raw);
  const upgrade = [
    "GET / HTTP/1.1",
    "Host: midreg.test",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Protocol: sip",
    "\r\n",
  ].join("\r\n");
  peer.send(Buffer.concat([PROXY_V4, Buffer.from(upgrade)]).toString("latin1"));
  await peer.hears("101 Switching Protocols");
  expect(peer.isClosed).toBe(false);
});
