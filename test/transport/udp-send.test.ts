import { once } from "node:events";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Listener, Target } from "../../src/ports.ts";
import type { RecordingModules } from "./recording-modules.ts";
import type { Inbox } from "./udp-fixture.ts";
import { LOOPBACK, local, OPTIONS, sendFailing, UdpFixture } from "./udp-fixture.ts";
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

function isRealPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536;
}

describe("sending", () => {
  test.each([
    ["port 0", local(0)],
    ["a port over 65535", local(70_000)],
    ["a negative port", local(-1)],
    ["half a port", local(5060.5)],
    ["no number", local(Number.NaN)],
    ["another family", { ...local(5060), address: "::1" }],
    ["a name", { ...local(5060), address: "localhost" }],
    ["brackets", { ...local(5060), address: "[::1]" }],
    ["an empty address", { ...local(5060), address: "" }],
    ["an address with too large parts", { ...local(5060), address: "127.0.0.256" }],
    ["a very long address", { ...local(5060), address: "1".repeat(5000) }],
  ])("%s is EINVAL, once, and later", async (_what, target) => {
    const { transport, listener } = await fixture.start(LOOPBACK);
    const codes: string[] = [];
    const failed = once(inbox, "failed");
    transport.send(OPTIONS, listener, target, (code) => {
      codes.push(code);
      inbox.emit("failed");
    });
    expect(codes).toEqual([]);
    await failed;
    transport.send(OPTIONS, listener, target);
    expect(await sendFailing(transport, listener, target)).toBe("EINVAL");
    expect(codes).toEqual(["EINVAL"]);
    expect(modules.dropped("send-error")).toBe(1);
  });

  test.skipIf(!HAS_IPV6)("an IPv4 target of an IPv6 listener is EINVAL", async () => {
    const { transport, listener } = await fixture.start({ address: "::1", port: 0 });
    expect(await sendFailing(transport, listener, local(5060))).toBe("EINVAL");
  });

  test("over 65,507 bytes is EMSGSIZE", async () => {
    const { transport, listener } = await fixture.start(LOOPBACK);
    const text = "x".repeat(65_508);
    expect(await sendFailing(transport, listener, local(5060), text)).toBe("EMSGSIZE");
    transport.send(text, listener, local(5060));
    expect(modules.dropped("send-error")).toBe(1);
  });

  test("what the system refuses comes back as its code", async () => {
    const { transport, listener } = await fixture.start({
      address: "0.0.0.0",
      port: 0,
      advertised: { host: "192.0.2.1" },
    });
    // Broadcasting needs a permission that the socket does not ask for.
    const target = { ...local(5060), address: "255.255.255.255" };
    expect(await sendFailing(transport, listener, target)).toMatch(/^E(ACCES|NETUNREACH|PERM)$/u);
    transport.send(OPTIONS, listener, target);
    await sendFailing(transport, listener, local(0));
    expect(modules.dropped("send-error")).toBe(1);
  });

  test("a message that leaves is no failure", async () => {
    const { transport, listener } = await fixture.start(LOOPBACK);
    const peer = await fixture.openPeer();
    const codes: string[] = [];
    const heard = peer.hear();
    transport.send(OPTIONS, listener, peer.target, (code) => codes.push(code));
    await heard;
    await transport.stop();
    expect(codes).toEqual([]);
    expect(modules.dropped("send-error")).toBe(0);
  });

  test("a burst of messages in one go leaves complete and in order", async () => {
    const { transport, listener } = await fixture.start(LOOPBACK);
    const other = await fixture.start(LOOPBACK);
    const done = new Promise<void>((resolve) => {
      inbox.on("received", () => {
        if (inbox.received.length === 300) resolve();
      });
    });
    for (let count = 0; count < 300; count += 1) {
      transport.send(`OPTIONS sip:${count}`, listener, local(other.listener.port));
    }
    await done;
    expect(inbox.received.map(({ text }) => text)).toEqual(
      Array.from({ length: 300 }, (_, count) => `OPTIONS sip:${count}`),
    );
  });

  test("thousands of messages in one go are not taken for a backlog", async () => {
    const { transport, listener } = await fixture.start(LOOPBACK);
    const peer = await fixture.openPeer();
    for (let count = 0; count < 6000; count += 1) transport.send(OPTIONS, listener, peer.target);
    await sendFailing(transport, listener, local(0));
    expect(modules.dropped("send-error")).toBe(0);
  });

  test("a listener that is not one of ours is EINVAL", async () => {
    const { transport } = await fixture.start(LOOPBACK);
    const stranger: Listener = {
      id: "udp:192.0.2.1:5060",
      protocol: "udp",
      family: 4,
      address: "192.0.2.1",
      port: 5060,
      sentBy: "192.0.2.1:5060",
    };
    expect(await sendFailing(transport, stranger, local(5060))).toBe("EINVAL");
  });

  test("whatever the target, nothing is thrown and nothing is left unsaid", async () => {
    const { transport, listener } = await fixture.start(LOOPBACK);
    const addresses = fc.oneof(
      fc.string({ maxLength: 20 }).filter((text) => !/^\d/u.test(text)),
      fc.ipV6(),
      fc.constant("127.0.0.1"),
    );
    const ports = fc.oneof(fc.integer(), fc.double(), fc.integer({ min: 0, max: 65_536 }));
    const unreal = fc
      .tuple(addresses, ports)
      .filter(([address, port]) => address !== "127.0.0.1" || !isRealPort(port));
    await fc.assert(
      fc.asyncProperty(unreal, async ([address, port]) => {
        const target: Target = { protocol: "udp", address, port };
        transport.send(OPTIONS, listener, target);
        expect(await sendFailing(transport, listener, target)).toBe("EINVAL");
      }),
    );
  });
});
