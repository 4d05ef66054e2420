/** Pings on real connections: who is asked over which, what is answered, and who is found dead. */
import { beforeAll, describe, expect, test, vi } from "vitest";
import { answerTo, methodOf, statusOf } from "../support/messages.ts";
import { waitUntil } from "../support/wait-until.ts";
import type { StreamPhone, StreamTransport } from "./stream-phone.ts";
import { StreamScene } from "./stream-scene.ts";

// Some seconds is what most take; the machine may be busy with other things.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const SOON = { timeoutMs: 60_000, everyMs: 20 };
const TRANSPORTS: readonly StreamTransport[] = ["tcp", "tls", "ws", "wss"];
const PINGS = {
  natping_interval: 1,
  ping: "always",
  natping_tcp: true,
  ping_threshold: 1,
  max_pings_lost: 2,
  remove_on_timeout: true,
  mass_loss: 100,
};
const SLOW_MS = 60;

let scene: StreamScene;

async function registered(user: string, transport: StreamTransport): Promise<StreamPhone> {
  const phone = scene.phone(user, transport);
  expect(await phone.register()).toBe(200);
  return phone;
}

interface Contact {
  readonly keepalive: number;
  readonly ka_roundtrip: number;
  readonly ping: { readonly state: string; readonly latency_ms: number | null } | null;
}

async function contactOf(user: string): Promise<Contact | undefined> {
  const view = (await scene.ask(`/api/v1/aors/${user}@sip.test`)) as { contacts?: Contact[] };
  return view.contacts?.[0];
}

describe("with nathelper.natping_tcp", () => {
  beforeAll(async () => {
    scene = await StreamScene.start({ nathelper: PINGS });
  });

  test.concurrent.each(TRANSPORTS)(
    "a device on %s is asked over its own connection, its latency kept, and found dead when it is silent",
    async (transport) => {
      const user = `device-${transport}`;
      const phone = await registered(user, transport);
      // Another connection of the same place hears nothing of it.
      const other = scene.phone("nobody", transport);
      phone.answering = (request) => {
        setTimeout(() => phone.send(answerTo(request, 200, "OK")), SLOW_MS);
        return undefined;
      };
      await waitUntil("three pings", () => phone.count("OPTIONS") >= 3, SOON);
      const known = await contactOf(user);
      expect(known?.keepalive).toBe(1);
      // Microseconds.
      expect(known?.ka_roundtrip).toBeGreaterThanOrEqual(SLOW_MS * 1000 * 0.9);
      expect(phone.requests.every((text) => methodOf(text) === "OPTIONS")).toBe(true);
      expect(phone.requests[0]).toContain(`Via: SIP/2.0/${transport.toUpperCase()} 127.0.0.1:`);
      expect(other.heard).toEqual([]);
      // A double CRLF is answered by a single one, on TCP and as a message of a WebSocket.
      const before = phone.heard.filter((text) => text === "\r\n").length;
      phone.send("\r\n\r\n");
      const pongs = (): number => phone.heard.filter((text) => text === "\r\n").length - before;
      await waitUntil("a pong", () => pongs() === 1, SOON);
      // What the device asks by itself is answered on its connection, too.
      const cseq = phone.write("OPTIONS", `sip:127.0.0.1:${scene.portOf(transport)}`);
      expect(statusOf(await phone.answerTo(cseq))).toBe(200);
      phone.answering = () => undefined;
      await waitUntil("it is found dead", async () => (await contactOf(user)) === undefined, SOON);
      const to = `sip:${user}@sip.test`;
      await waitUntil("the main registrar has heard", () => !scene.registrar.isBound(to), SOON);
      // Its connection is not to blame, and stays.
      expect([phone.isClosed, pongs()]).toEqual([false, 1]);
    },
  );

  test("a device whose connection has ended is found dead without being asked", async () => {
    const phone = await registered("gone", "tcp");
    phone.close();
    await waitUntil("it is found dead", async () => (await contactOf("gone")) === undefined, SOON);
    const lines = scene.run.log.filter(({ msg }) => msg === "device answers no pings");
    expect(lines.some(({ aor }) => aor === "gone@sip.test")).toBe(true);
  });
});

test("without natping_tcp, devices on connections are left alone; with CRLF they are sent a ping", async () => {
  const pings = { ...PINGS, ping: "auto", natping_tcp: false };
  scene = await StreamScene.start({ nathelper: pings });
  const spared = await registered("spared", "tcp");
  const crlf = await StreamScene.start({ nathelper: { ...PINGS, sipping_method: "CRLF" } });
  const phones = TRANSPORTS.map((transport) => crlf.phone(`crlf-${transport}`, transport));
  await Promise.all(phones.map(async (phone) => phone.register()));
  await waitUntil(
    "each has a ping",
    () => phones.every(({ heard }) => heard.some((text) => text.startsWith("\r\n"))),
    SOON,
  );
  // RFC 5626 section 3.5.1: two CRLFs; a WebSocket has them in one message.
  const whole = phones.filter(({ transport }) => transport === "ws" || transport === "wss");
  const streamed = phones.filter(({ transport }) => transport === "tcp" || transport === "tls");
  for (const { heard } of whole) expect(heard).toContain("\r\n\r\n");
  const crlfs = (): number[] =>
    streamed.map(({ heard }) => heard.filter((text) => text === "\r\n").length);
  await waitUntil("both CRLFs", () => crlfs().every((count) => count >= 2), SOON);
  expect(spared.requests).toEqual([]);
});
