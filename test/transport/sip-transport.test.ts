import { readFileSync } from "node:fs";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Protocol, Target } from "../../src/ports.ts";
import { Certificates } from "../support/certificates.ts";
import { OPTIONS, StreamFixture } from "./stream-fixture.ts";

const PROTOCOLS = ["tcp", "tls", "ws", "wss"] as const;

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

async function failureOf(
  start: Awaited<ReturnType<StreamFixture["start"]>>,
  target: Target,
): Promise<string> {
  const { transport, listener } = start;
  return new Promise((failed) => {
    transport.send(OPTIONS, listener, target, failed);
  });
}

describe.each(PROTOCOLS)("over %s", (protocol) => {
  test("a message arrives with its listener, its source and the name of its connection", async () => {
    const { listener } = await fixture.start([protocol]);
    const peer = await fixture.connect(listener);
    peer.send(OPTIONS);
    await fixture.received(1);
    const [one] = fixture.inbox.received;
    expect(one).toMatchObject({ text: OPTIONS, address: "127.0.0.1" });
    expect(one?.listener).toBe(listener);
    expect(one?.connection).toMatch(/^[\w-]{8}\.[0-9a-z]+$/u);
    expect(listener.id).toBe(`${protocol}:127.0.0.1:${listener.port}`);
  });

  test("an answer goes back on the very connection, and on no other", async () => {
    const { transport, listener } = await fixture.start([protocol]);
    const [asking, other] = [await fixture.connect(listener), await fixture.connect(listener)];
    asking.send(OPTIONS);
    await fixture.received(1);
    const { address = "", port = 0, connection } = fixture.inbox.received[0] ?? {};
    transport.send("SIP/2.0 200 OK\r\n\r\n", listener, { protocol, address, port, connection });
    await asking.hears("SIP/2.0 200 OK\r\n\r\n");
    expect(other.heard).toBe("");
  });

  test("a flow is open until its connection ends, and what is sent on it afterwards fails", async () => {
    const start = await fixture.start([protocol]);
    const { transport, listener } = start;
    const peer = await fixture.connect(listener);
    peer.send(OPTIONS);
    await fixture.received(1);
    const { address = "", port = 0, connection = "" } = fixture.inbox.received[0] ?? {};
    const flow = `${listener.id}<${address}:${port}#${connection}`;
    expect(transport.isOpen(flow)).toBe(true);
    peer.close();
    await expect.poll(() => transport.isOpen(flow)).toBe(false);
    expect(await failureOf(start, { protocol, address, port, connection })).toBe("ECONNRESET");
  });

  test("CRLFCRLF between messages is answered with CRLF", async () => {
    const { listener } = await fixture.start([protocol]);
    const peer = await fixture.connect(listener);
    peer.send("\r\n\r\n");
    await peer.hears("\r\n");
    peer.send(OPTIONS);
    await fixture.received(1);
    expect(peer.heard).toBe("\r\n");
  });

  test("one that never says anything is closed", async () => {
    const limits = { firstMessageMs: 300 };
    const { listener } = await fixture.start([protocol], { limits });
    const peer = await fixture.connect(listener);
    await peer.isClosedByServer();
    expect(fixture.inbox.received).toEqual([]);
  });

  test("one more than there may be from an address is not let in", async () => {
    const limits = { maxPerSource: 1 };
    const { listener } = await fixture.start([protocol], { limits });
    const first = await fixture.connect(listener);
    first.send(OPTIONS);
    await fixture.received(1);
    const second = await fixture.connect(listener).then(
      async (peer) => peer.isClosedByServer().then(() => "closed"),
      () => "refused",
    );
    expect(second).toMatch(/closed|refused/u);
    expect(first.isClosed).toBe(false);
    const refused = fixture.modules.metrics.counter("sip_connections_refused_total", {
      transport: protocol,
    });
    expect(refused.n).toBeGreaterThan(0);
  });

  test("a peer that does not read is closed before it costs more than the limit", async () => {
    const start = await fixture.start([protocol]);
    const { transport, listener } = start;
    const peer = await fixture.connect(listener);
    peer.send(OPTIONS);
    await fixture.received(1);
    const { address = "", port = 0, connection } = fixture.inbox.received[0] ?? {};
    peer.pause();
    const big = `MESSAGE sip:a SIP/2.0\r\nContent-Length: 60000\r\n\r\n${"x".repeat(60_000)}`;
    const codes: string[] = [];
    for (let sent = 0; sent < 400 && codes.length === 0; sent += 1) {
      transport.send(big, listener, { protocol, address, port, connection }, (code) => {
        codes.push(code);
      });
      // The backlog is looked at between two ticks, as in life.
      // oxlint-disable-next-line no-await-in-loop
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    expect(codes[0]).toMatch(/ENOBUFS|ECONNRESET|ERR_STREAM_DESTROYED|EPIPE/u);
    expect(closedTally(protocol, "slow-reader")).toBe(1);
  });
});

function closedTally(transport: Protocol, reason: string): number {
  const labels = { transport, reason };
  return fixture.modules.metrics.counter("sip_connections_closed_total", labels).n;
}

describe.each(["tcp", "tls"] as const)("a stream over %s", (protocol) => {
  test("is cut into messages wherever its segments end", async () => {
    const { listener } = await fixture.start([protocol]);
    const peer = await fixture.connect(listener);
    for (const byte of OPTIONS + OPTIONS) peer.send(byte);
    await fixture.received(2);
    expect(fixture.inbox.received.map(({ text }) => text)).toEqual([OPTIONS, OPTIONS]);
  });

  test.each([
    ["no Content-Length", "OPTIONS sip:a SIP/2.0\r\nFrom: <sip:a>\r\n\r\n"],
    ["a Content-Length that is no number", "OPTIONS sip:a SIP/2.0\r\nContent-Length: x\r\n\r\n"],
    ["more than a message may have", `OPTIONS sip:a SIP/2.0\r\nX: ${"x".repeat(70_000)}`],
  ])("with %s is closed, since nothing after it can be read", async (_, bytes) => {
    const { listener } = await fixture.start([protocol]);
    const peer = await fixture.connect(listener);
    peer.send(bytes);
    await peer.isClosedByServer();
    expect(closedTally(protocol, "malformed")).toBe(1);
  });

  test("that begins a message and goes on drop by drop is closed in time", async () => {
    const limits = { wholeMessageMs: 500 };
    const { listener } = await fixture.start([protocol], { limits });
    const peer = await fixture.connect(listener);
    const drip = setInterval(() => peer.send("x"), 50);
    peer.send("OPTIONS sip:a SIP/2.0\r\nX: ");
    await peer.isClosedByServer().finally(() => clearInterval(drip));
    expect(closedTally(protocol, "slow-sender")).toBe(1);
  });

  test("that ends in the middle of a message loses that message and nothing else", async () => {
    const { listener } = await fixture.start([protocol]);
    const [broken, whole] = [await fixture.connect(listener), await fixture.connect(listener)];
    broken.send(OPTIONS.slice(0, 30));
    broken.close();
    whole.send(OPTIONS);
    await fixture.received(1);
    expect(fixture.inbox.received).toHaveLength(1);
  });
});

describe("a silent connection", () => {
  test("is closed when no device lives on it", async () => {
    const { listener } = await fixture.start(["tcp"], { limits: { idleMs: 200 } });
    const peer = await fixture.connect(listener);
    peer.send(OPTIONS);
    await peer.isClosedByServer();
    expect(closedTally("tcp", "idle")).toBe(1);
  });

  test("stays as long as a registered device lives on it", async () => {
    const { listener } = await fixture.start(["tcp"], { limits: { idleMs: 200 } });
    const device = await fixture.connect(listener);
    device.send(OPTIONS);
    await fixture.received(1);
    const name = fixture.inbox.received[0]?.connection ?? "";
    fixture.inbox.isInUse = (flow) => flow.endsWith(`#${name}`);
    const stranger = await fixture.connect(listener);
    stranger.send(OPTIONS);
    await stranger.isClosedByServer();
    expect(device.isClosed).toBe(false);
  });
});

async function secureServer(names: readonly string[]) {
  const { certFile, keyFile } = certificates.issue(names);
  const pem = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
  return fixture.listen(createTlsServer(pem), "secureConnection");
}

describe("a connection that midreg opens", () => {
  test("is opened once and used again, and what is heard on it comes from the listener of its transport", async () => {
    const { transport, listener } = await fixture.start(["tcp"]);
    const server = await fixture.listen();
    const target = { protocol: "tcp", address: "127.0.0.1", port: server.port } as const;
    transport.send("first\r\n", listener, target);
    transport.send("second\r\n", listener, target);
    await expect.poll(() => server.peers[0]?.heard).toBe("first\r\nsecond\r\n");
    expect(server.peers).toHaveLength(1);
    server.peers[0]?.send(OPTIONS);
    await fixture.received(1);
    expect(fixture.inbox.received[0]).toMatchObject({ listener, port: server.port });
  });

  test("fails with the system's code where nobody listens", async () => {
    const start = await fixture.start(["tcp"]);
    const target = { protocol: "tcp", address: "127.0.0.1", port: 1 } as const;
    expect(await failureOf(start, target)).toBe("ECONNREFUSED");
    expect(fixture.modules.gauge("sip_connections", { transport: "tcp" })).toBe(0);
  });

  test("is opened anew once the old one has ended", async () => {
    const { transport, listener } = await fixture.start(["tcp"]);
    const server = await fixture.listen();
    const target = { protocol: "tcp", address: "127.0.0.1", port: server.port } as const;
    transport.send("first\r\n", listener, target);
    await expect.poll(() => server.peers[0]?.heard).toBe("first\r\n");
    server.peers[0]?.close();
    await expect.poll(() => fixture.modules.gauge("sip_connections", { transport: "tcp" })).toBe(0);
    transport.send("second\r\n", listener, target);
    await expect.poll(() => server.peers[1]?.heard).toBe("second\r\n");
  });

  test.each([
    ["its name", ["registrar.test"], "registrar.test"],
    ["its address", ["127.0.0.1"], undefined],
    ["a SIP URI of its name (RFC 5922 section 7.1)", ["sip:Registrar.test"], "registrar.test"],
    [
      "several, one of them its own",
      ["sip:a.test", "b.test", "sip:registrar.test"],
      "registrar.test",
    ],
  ])("by TLS is used when the certificate is for %s", async (_, names, domain) => {
    const { transport, listener } = await fixture.start(["tls"]);
    const { port, peers } = await secureServer(names);
    transport.send("hello", listener, { protocol: "tls", address: "127.0.0.1", port, domain });
    await expect.poll(() => peers[0]?.heard).toBe("hello");
  });

  test.each([
    ["another name", ["other.test"]],
    ["a SIP URI of another name", ["sip:other.test"]],
    ["a user's SIP URI", ["sip:registrar.test@other.test", "sip:x@registrar.test"]],
    ["a SIP URI that only begins alike", ["sip:registrar.test.other.test"]],
  ])("by TLS fails when the certificate is for %s", async (_, names) => {
    const start = await fixture.start(["tls"]);
    const { port } = await secureServer(names);
    const target = {
      protocol: "tls",
      address: "127.0.0.1",
      port,
      domain: "registrar.test",
    } as const;
    expect(await failureOf(start, target)).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
  });

  test("shows its own certificate to a main registrar that asks for one", async () => {
    const { transport, listener } = await fixture.start(["tls"]);
    const { certFile, keyFile } = certificates.issue(["127.0.0.1"]);
    const pem = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
    const asking = { ...pem, ca: certificates.ca, requestCert: true, rejectUnauthorized: true };
    const server = await fixture.listen(createTlsServer(asking), "secureConnection");
    const target = { protocol: "tls", address: "127.0.0.1", port: server.port } as const;
    transport.send("hello", listener, target);
    await expect.poll(() => server.peers[0]?.heard).toBe("hello");
  });

  test("is never one to a WebSocket client, which cannot be connected to", async () => {
    const start = await fixture.start(["ws"]);
    const target = { protocol: "ws", address: "127.0.0.1", port: 9 } as const;
    expect(await failureOf(start, target)).toBe("ENOTCONN");
  });
});
