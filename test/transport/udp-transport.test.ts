import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ListenOptions } from "../../src/transport/listen-options.ts";
import { TransportError } from "../../src/transport/transport-error.ts";
import { UdpTransport } from "../../src/transport/udp-transport.ts";
import type { RecordingModules } from "./recording-modules.ts";
import type { Inbox } from "./udp-fixture.ts";
import { LOOPBACK, local, OPTIONS, sendFailing, UdpFixture } from "./udp-fixture.ts";
import { HAS_IPV6 } from "./udp-peer.ts";

/** For tests that need one particular port twice: another process may take it in between. */
const PORT_MAY_BE_TAKEN = { retry: 3 };

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

async function startError(listener: ListenOptions): Promise<unknown> {
  return fixture.start(listener).then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe("listening", () => {
  test("a listener with port 0 shows its real port in id and sent-by", async () => {
    const { listener } = await fixture.start(LOOPBACK);
    expect(listener.port).toBeGreaterThan(0);
    expect(listener.id).toBe(`udp:127.0.0.1:${listener.port}`);
    expect(listener.sentBy).toBe(`127.0.0.1:${listener.port}`);
    expect(listener).toMatchObject({ protocol: "udp", family: 4, address: "127.0.0.1" });
  });

  test("listeners are known before the start, and stay the same objects", async () => {
    const transport = new UdpTransport({ listeners: [LOOPBACK] }, modules);
    const before = [...transport.listeners];
    expect(before[0]?.id).toBe("udp:127.0.0.1:0");
    await transport.start(inbox);
    expect(transport.listeners[0]).toBe(before[0]);
    await transport.stop();
  });

  test.each([
    [{ host: "sip.example.test", port: 5070 }, "sip.example.test:5070"],
    [{ host: "203.0.113.1" }, "203.0.113.1:PORT"],
    [{ host: "2001:db8::1", port: 5060 }, "[2001:db8::1]:5060"],
    [{ host: "[2001:db8::1]", port: 5060 }, "[2001:db8::1]:5060"],
  ])("advertised as %o the sent-by is %s", async (advertised, expected) => {
    const { listener } = await fixture.start({ address: "0.0.0.0", port: 0, advertised });
    expect(listener.sentBy).toBe(expected.replace("PORT", String(listener.port)));
    expect(listener.id).toBe(`udp:0.0.0.0:${listener.port}`);
  });

  test.skipIf(!HAS_IPV6)(
    "IPv4 and IPv6 listen on the same port, each on its own",
    PORT_MAY_BE_TAKEN,
    async () => {
      const { transport, listener } = await fixture.start({
        ...LOOPBACK,
        advertised: { host: "a.test" },
      });
      const both = new UdpTransport(
        { listeners: [{ address: "::", port: listener.port, advertised: { host: "a.test" } }] },
        modules,
      );
      await both.start(inbox);
      expect(both.listeners[0]).toMatchObject({ family: 6, id: `udp:[::]:${listener.port}` });
      await both.stop();
      await transport.stop();
    },
  );

  test("the receive buffer granted is logged once and measured", async () => {
    const { listener } = await fixture.start(LOOPBACK);
    const grantedBytes = modules.gauge("udp_receive_buffer_bytes", { listener: listener.id });
    expect(grantedBytes).toBeGreaterThan(0);
    expect(grantedBytes).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect(modules.lines.filter(({ level }) => level === "info")).toEqual([
      {
        level: "info",
        fields: {
          listener: listener.id,
          sentBy: listener.sentBy,
          receiveBufferBytes: grantedBytes,
        },
        text: "listening",
      },
    ]);
  });

  test.skipIf(process.platform !== "linux")(
    "a receive buffer smaller than asked for is warned about with the setting to change",
    async () => {
      const requestedBytes = 1_000_000_000;
      const transport = new UdpTransport(
        { listeners: [LOOPBACK], receiveBufferBytes: requestedBytes },
        modules,
      );
      await transport.start(inbox);
      await transport.stop();
      const warnings = modules.lines.filter(({ level }) => level === "warn");
      expect(warnings).toHaveLength(1);
      expect(warnings[0]?.text).toContain("net.core.rmem_max");
      expect(warnings[0]?.fields).toMatchObject({ requestedBytes });
      expect(warnings[0]?.fields["grantedBytes"]).toBeLessThan(requestedBytes);
    },
  );

  test(
    "a port in use stops the start, and what was opened is closed",
    PORT_MAY_BE_TAKEN,
    async () => {
      const { listener } = await fixture.start(LOOPBACK);
      const other = new UdpTransport(
        { listeners: [LOOPBACK, { address: "127.0.0.1", port: listener.port }] },
        modules,
      );
      await expect(other.start(inbox)).rejects.toMatchObject({
        name: "TransportError",
        code: "LISTEN_IN_USE",
        message: `cannot listen on udp:127.0.0.1:${listener.port}: the port is in use; stop the other process or choose another port`,
      });
      const [opened] = other.listeners;
      if (opened === undefined) throw new Error("no listener");
      const freed = await fixture.start({ address: "127.0.0.1", port: opened.port });
      expect(freed.listener.port).toBe(opened.port);
    },
  );

  test.each([
    ["an address of another machine", { address: "203.0.113.77", port: 0 }, "LISTEN_NOT_LOCAL"],
    ["a name", { address: "localhost", port: 0 }, "LISTEN_BAD_ADDRESS"],
    ["brackets", { address: "[::1]", port: 0 }, "LISTEN_BAD_ADDRESS"],
    ["nothing", { address: "", port: 0 }, "LISTEN_BAD_ADDRESS"],
    ["a port over 65535", { address: "127.0.0.1", port: 65_536 }, "LISTEN_BAD_ADDRESS"],
    ["a negative port", { address: "127.0.0.1", port: -1 }, "LISTEN_BAD_ADDRESS"],
    ["half a port", { address: "127.0.0.1", port: 0.5 }, "LISTEN_BAD_ADDRESS"],
    ["a bare wildcard", { address: "0.0.0.0", port: 0 }, "LISTEN_NOT_ADVERTISED"],
    ["a bare IPv6 wildcard", { address: "::0", port: 0 }, "LISTEN_NOT_ADVERTISED"],
    ["a zone", { address: "fe80::1%lo", port: 0 }, "LISTEN_NOT_ADVERTISED"],
  ])("%s cannot be listened on: %o is %s", async (_what, listener, code) => {
    const error = await startError(listener);
    expect(error).toBeInstanceOf(TransportError);
    expect(error).toMatchObject({ code });
    expect(String(error)).toMatch(/^TransportError: cannot listen on udp:[^\n]+: [^\n]+$/u);
  });
});

describe("stopping", () => {
  test("frees the port, and later messages are dropped", PORT_MAY_BE_TAKEN, async () => {
    const { transport, listener } = await fixture.start(LOOPBACK);
    await transport.stop();
    transport.send(OPTIONS, listener, local(5060));
    expect(modules.dropped("send-error")).toBe(1);
    expect(await sendFailing(transport, listener, local(5060))).toBe("ESHUTDOWN");
    const again = await fixture.start({ address: "127.0.0.1", port: listener.port });
    expect(again.listener.port).toBe(listener.port);
  });

  test("twice, or before the start, is no fault", async () => {
    const transport = new UdpTransport({ listeners: [LOOPBACK] }, modules);
    await transport.stop();
    await transport.start(inbox);
    await transport.stop();
    await transport.stop();
    expect(transport.listeners).toHaveLength(1);
  });
});
