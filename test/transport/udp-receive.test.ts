import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RecordingModules } from "./recording-modules.ts";
import type { Inbox } from "./udp-fixture.ts";
import { LOOPBACK, OPTIONS, UdpFixture } from "./udp-fixture.ts";
import { HAS_IPV6 } from "./udp-peer.ts";

let fixture: UdpFixture;
let modules: RecordingModules;
let inbox: Inbox;

beforeEach(() => {
  fixture = new UdpFixture();
  ({ modules, inbox } = fixture);
});

afterEach(async () => {
  await fixture.close();
});

describe("receiving", () => {
  test("a message comes with its listener and source, and a reply goes back there", async () => {
    const { transport, listener } = await fixture.start(LOOPBACK);
    const peer = await fixture.openPeer();
    const received = once(inbox, "received");
    await peer.send(OPTIONS, listener);
    await received;
    const { address, port } = peer.target;
    expect(inbox.received).toEqual([{ text: OPTIONS, listener, address, port }]);
    const reply = peer.hear();
    transport.send("SIP/2.0 200 OK\r\n\r\n", listener, peer.target);
    expect(await reply).toEqual({
      bytes: Buffer.from("SIP/2.0 200 OK\r\n\r\n"),
      address: "127.0.0.1",
      port: listener.port,
    });
  });

  test.skipIf(!HAS_IPV6)("IPv6 works the same way", async () => {
    const { transport, listener } = await fixture.start({ address: "::1", port: 0 });
    expect(listener).toMatchObject({ family: 6, sentBy: `[::1]:${listener.port}` });
    const peer = await fixture.openPeer(6);
    const received = once(inbox, "received");
    await peer.send(OPTIONS, listener);
    await received;
    expect(inbox.received[0]).toMatchObject({ address: "::1", port: peer.target.port });
    const reply = peer.hear();
    transport.send(OPTIONS, listener, peer.target);
    expect((await reply).address).toBe("::1");
  });

  test("all octets survive both ways", async () => {
    const { transport, listener } = await fixture.start(LOOPBACK);
    const peer = await fixture.openPeer();
    const octets = Buffer.from(Array.from({ length: 512 }, (_, index) => (index + 65) & 255));
    const received = once(inbox, "received");
    await peer.send(octets, listener);
    await received;
    const reply = peer.hear();
    transport.send(inbox.received[0]?.text ?? "", listener, peer.target);
    expect((await reply).bytes.equals(octets)).toBe(true);
  });

  test("the largest datagram, 65,507 bytes, arrives whole and leaves whole", async () => {
    const { transport, listener } = await fixture.start(LOOPBACK);
    const peer = await fixture.openPeer();
    const text = OPTIONS.padEnd(65_507, "x");
    const received = once(inbox, "received");
    await peer.send(text, listener);
    await received;
    expect(inbox.received[0]?.text === text).toBe(true);
    const reply = peer.hear();
    transport.send(text, listener, peer.target);
    expect((await reply).bytes.toString("latin1") === text).toBe(true);
  });

  test.each([
    ["an empty datagram", ""],
    ["CRLF CRLF", "\r\n\r\n"],
    ["CRLF", "\r\n"],
    ["a NUL", "\0"],
    ["four NULs", "\0\0\0\0"],
    ["many CRLFs", "\r\n".repeat(50)],
    ["blanks", " \t \r\n"],
    ["a short text", "jaK"],
  ])("%s is a keep-alive: counted, and nobody else hears of it", async (_what, ping) => {
    const { listener } = await fixture.start(LOOPBACK);
    const peer = await fixture.openPeer();
    const received = once(inbox, "received");
    await peer.send(ping, listener);
    await peer.send(OPTIONS, listener);
    await received;
    expect(inbox.received.map(({ text }) => text)).toEqual([OPTIONS]);
    expect(modules.dropped("keepalive")).toBe(1);
  });

  test.each([
    ["CRLF before a message", `\r\n\r\n${OPTIONS}`],
    ["garbage", "\u0000\u0001\u00ff\u00fe\u0080garbage"],
    ["a STUN header without the cookie", "\u0000\u0001\u0000\u0000aaaaaaaaaaaaaaaa"],
    ["a text that is not SIP", "GET / HTTP/1.1\r\n\r\n"],
  ])("%s is for the parser to judge", async (_what, text) => {
    const { listener } = await fixture.start(LOOPBACK);
    const peer = await fixture.openPeer();
    const received = once(inbox, "received");
    await peer.send(text, listener);
    await received;
    expect(inbox.received[0]?.text).toBe(text);
  });

  test("a STUN Binding request is answered with the source it came from", async () => {
    const { listener } = await fixture.start(LOOPBACK);
    const peer = await fixture.openPeer();
    const reply = peer.hear();
    await peer.send(Buffer.from("000100002112a442b7e7a701bc34d686fa87dfae", "hex"), listener);
    const port = (peer.target.port ^ 0x2112).toString(16).padStart(4, "0");
    expect((await reply).bytes.toString("hex")).toBe(
      `0101000c2112a442b7e7a701bc34d686fa87dfae002000080001${port}5e12a443`,
    );
    expect(inbox.received).toEqual([]);
  });

  test("other STUN messages are dropped and counted", async () => {
    const { listener } = await fixture.start(LOOPBACK);
    const peer = await fixture.openPeer();
    const received = once(inbox, "received");
    await peer.send(Buffer.from("010100002112a442b7e7a701bc34d686fa87dfae", "hex"), listener);
    await peer.send(OPTIONS, listener);
    await received;
    expect(inbox.received).toHaveLength(1);
    expect(modules.dropped("stun")).toBe(1);
  });
});
