/** How the ends of flows are told: of connections on real sockets, of UDP by keep-alives that do not come. */
import { Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { SILENT_FLOW_MS } from "../../src/transport/limits.ts";
import { UdpKeepAlives } from "../../src/transport/udp-keep-alives.ts";
import { Certificates } from "../support/certificates.ts";
import { OPTIONS, StreamFixture } from "./stream-fixture.ts";
import { UdpFixture } from "./udp-fixture.ts";

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

/** A peer that has sent one message, and its flow. */
async function registered(protocol: "tcp" | "tls" | "ws" | "wss", options = {}) {
  const { listener, transport } = await fixture.start([protocol], options);
  const peer = await fixture.connect(listener);
  peer.send(OPTIONS);
  await fixture.received(1);
  const { address = "", port = 0, connection = "" } = fixture.inbox.received[0] ?? {};
  const flow = `${listener.id}<${address}:${port}#${connection}`;
  fixture.inbox.isInUse = (one) => one === flow;
  return { listener, transport, peer, flow };
}

/** What a peer has not read turns its end into a reset, which is an error. */
function byPeer([flow, reason]: readonly [string, string]): readonly [string, string] {
  return [flow, reason === "error" ? "peer" : reason];
}

describe.each(["tcp", "tls", "ws", "wss"] as const)(
  "the end of a connection over %s",
  (protocol) => {
    test("by its peer is told once, with its flow, which is open no more", async () => {
      const { peer, flow, transport } = await registered(protocol);
      peer.close();
      await expect.poll(() => fixture.inbox.ended.map(byPeer)).toEqual([[flow, "peer"]]);
      expect(transport.isOpen(flow)).toBe(false);
    });

    test("is told when a promised keep-alive does not come, however much it is in use", async () => {
      const { flow, transport, peer } = await registered(protocol);
      transport.expectKeepAlive(flow, 100);
      await expect
        .poll(() => fixture.inbox.ended, { timeout: 4000 })
        .toEqual([[flow, "keep-alive"]]);
      await peer.isClosedByServer();
    });

    test("does not come while there are keep-alives", async () => {
      const { flow, transport, peer } = await registered(protocol);
      transport.expectKeepAlive(flow, 1500);
      const from = performance.now();
      while (performance.now() - from < 3500) {
        peer.send("\r\n\r\n");
        // oxlint-disable-next-line no-await-in-loop
        await new Promise((resolve) => {
          setTimeout(resolve, 250);
        });
      }
      expect([fixture.inbox.ended, transport.isOpen(flow)]).toEqual([[], true]);
    });
  },
);

test("a FIN is the end as much as a RST", async () => {
  const { listener } = await fixture.start(["tcp"]);
  for (const [at, end] of [
    (socket: Socket) => socket.end(),
    (socket: Socket) => socket.resetAndDestroy(),
  ].entries()) {
    const socket = new Socket();
    socket.on("error", () => undefined);
    socket.connect(listener.port, "127.0.0.1");
    socket.write(OPTIONS);
    // oxlint-disable-next-line no-await-in-loop
    await fixture.received(at + 1);
    end(socket);
    // oxlint-disable-next-line no-await-in-loop
    await expect.poll(() => fixture.inbox.ended.length).toBe(at + 1);
  }
  expect(fixture.inbox.ended.map(([, reason]) => reason)).toEqual(["peer", expect.any(String)]);
});

test("midreg's own stop is told as that", async () => {
  const { transport, flow } = await registered("tcp");
  await transport.stop();
  expect(fixture.inbox.ended).toEqual([[flow, "stopped"]]);
});

const anybody = (): boolean => true;
const nobody = (): boolean => false;

describe("a flow over UDP whose device has promised keep-alives", () => {
  const FLOW = "udp:192.0.2.1:5060<198.51.100.7:40000";
  test("has ended when none has come for as long, once, and lives again with the next", () => {
    const flows = new UdpKeepAlives();
    expect(flows.isEmpty).toBe(true);
    flows.expect(FLOW, 1000, 0);
    expect(flows.sweep(1000, anybody)).toEqual([]);
    flows.heard(FLOW, 500);
    expect(flows.sweep(1500, anybody)).toEqual([]);
    expect(flows.sweep(1501, anybody)).toEqual([FLOW]);
    expect([flows.sweep(1502, anybody), flows.isSilent(FLOW)]).toEqual([[], true]);
    flows.heard(FLOW, 2000);
    expect(flows.isSilent(FLOW)).toBe(false);
    expect(flows.sweep(3001, anybody)).toEqual([FLOW]);
  });

  test("is forgotten when nobody is registered on it, or after a long silence", () => {
    const flows = new UdpKeepAlives();
    flows.expect(FLOW, 1000, 0);
    expect([flows.sweep(2000, nobody), flows.isEmpty]).toEqual([[], true]);
    flows.expect(FLOW, 1000, 0);
    flows.sweep(2000, anybody);
    flows.sweep(2000 + SILENT_FLOW_MS + 1, anybody);
    expect(flows.isEmpty).toBe(true);
  });

  test("is heard by STUN and CRLF on the socket, and told when it falls silent", async () => {
    const datagrams = new UdpFixture();
    try {
      const { transport, listener } = await datagrams.start({ address: "127.0.0.1", port: 0 });
      const peer = await datagrams.openPeer();
      const flow = `${listener.id}<127.0.0.1:${peer.target.port}`;
      datagrams.inbox.isInUse = (one) => one === flow;
      transport.expectKeepAlive(flow, 10);
      await expect
        .poll(() => datagrams.inbox.ended, { timeout: 4000 })
        .toEqual([[flow, "keep-alive"]]);
      expect(transport.isOpen(flow)).toBe(false);
      await peer.send("\r\n\r\n", listener);
      await expect.poll(() => transport.isOpen(flow)).toBe(true);
    } finally {
      await datagrams.close();
    }
  });
});
