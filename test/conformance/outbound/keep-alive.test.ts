import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Certificates } from "../../support/certificates.ts";
import { OPTIONS, StreamFixture } from "../../transport/stream-fixture.ts";
import { UdpFixture } from "../../transport/udp-fixture.ts";

const STUN = Buffer.from("000100002112a442b7e7a701bc34d686fa87dfae", "hex");

let certificates: Certificates;
let fixture: StreamFixture;
let datagrams: UdpFixture;

beforeAll(() => {
  certificates = new Certificates();
});
afterAll(() => certificates.remove());
beforeEach(() => {
  fixture = new StreamFixture(certificates);
  datagrams = new UdpFixture();
});
afterEach(async () => {
  await fixture.close();
  await datagrams.close();
});

describe.each(["tcp", "tls", "ws", "wss"] as const)("rule 21: over %s", (protocol) => {
  test("a double CRLF between messages is answered with one at once", async () => {
    const { listener } = await fixture.start([protocol]);
    const peer = await fixture.connect(listener);
    peer.send("\r\n\r\n");
    await peer.hears("\r\n");
    peer.send(OPTIONS);
    await fixture.received(1);
    peer.send("\r\n\r\n");
    await peer.hears("\r\n\r\n");
    expect(fixture.inbox.received).toHaveLength(1);
  });
});

test("rule 21: CRLFs inside of a message are none of it", async () => {
  const { listener } = await fixture.start(["tcp"]);
  const peer = await fixture.connect(listener);
  const body = "\r\n\r\n\r\n\r\n";
  const text = `OPTIONS sip:example.test SIP/2.0\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  peer.send(text);
  await fixture.received(1);
  expect([fixture.inbox.received[0]?.text, peer.heard]).toEqual([text, ""]);
});

test("rule 22: STUN on the SIP port is told from SIP by its first octet, and answered with the mapped address", async () => {
  const { listener } = await datagrams.start({ address: "127.0.0.1", port: 0 });
  const peer = await datagrams.openPeer();
  const heard = peer.hear();
  await peer.send(STUN, listener);
  const { bytes: answer } = await heard;
  expect(answer.subarray(0, 2).toString("hex")).toBe("0101");
  // XOR-MAPPED-ADDRESS: the port and address the request came from, masked with the magic cookie (RFC 5389).
  const at = answer.indexOf(Buffer.from("00200008", "hex"));
  expect(answer.readUInt16BE(at + 6) ^ 0x2112).toBe(peer.target.port);
  expect((answer.readUInt32BE(at + 8) ^ 0x2112a442) >>> 0).toBe(0x7f000001);
  expect(datagrams.inbox.received).toEqual([]);
});

test("rule 22: no other STUN method is answered, and SIP goes its way", async () => {
  const { listener } = await datagrams.start({ address: "127.0.0.1", port: 0 });
  const peer = await datagrams.openPeer();
  const allocate = Buffer.from(STUN);
  allocate[1] = 3;
  await peer.send(allocate, listener);
  await peer.send(OPTIONS, listener);
  await expect.poll(() => datagrams.inbox.received.length).toBe(1);
  const heard = peer.hear();
  await peer.send(STUN, listener);
  expect((await heard).bytes.subarray(0, 2).toString("hex")).toBe("0101");
});
