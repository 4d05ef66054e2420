/**
 * RFC 3261 section 18.2.2 on real sockets: an answer whose connection has ended goes to the address the connection came
 * from and the port of the Via, on a new one.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { createServer as createTlsServer } from "node:tls";
import { beforeAll, expect, test, vi } from "vitest";
import { answerTo, headerLine, methodOf, statusOf } from "../support/messages.ts";
import { waitUntil } from "../support/wait-until.ts";
import { afterwards } from "./left-over.ts";
import type { StreamPhone } from "./stream-phone.ts";
import { StreamScene } from "./stream-scene.ts";

// Some seconds is what most take; the machine may be busy with other things.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const SOON = { timeoutMs: 30_000, everyMs: 10 };
const DELAY_MS = 600;

let scene: StreamScene;

beforeAll(async () => {
  scene = await StreamScene.start({});
  scene.registrar.delayMs = DELAY_MS;
});

/** Where a client listens, and what comes there. */
interface ClientPort {
  readonly port: number;
  readonly connections: number;
  readonly heard: string;
}

async function listen(protocol: "tcp" | "tls"): Promise<ClientPort> {
  const state = { port: 0, connections: 0, heard: "" };
  const hear = (socket: Socket): void => {
    state.connections += 1;
    socket.on("data", (bytes: Buffer) => {
      state.heard += bytes.toString("latin1");
    });
    socket.on("error", () => undefined);
    afterwards(() => socket.destroy());
  };
  const server = protocol === "tcp" ? createServer(hear) : secureServer(hear);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  afterwards(() => server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  state.port = address.port;
  return state;
}

function secureServer(hear: (socket: Socket) => void): Server {
  const { certFile, keyFile } = scene.certificates.issue(["127.0.0.1"]);
  const [cert, key] = [readFileSync(certFile), readFileSync(keyFile)];
  return createTlsServer({ cert, key }, hear);
}

/** A phone whose Via names another host than the one it connects from, and the port where it listens. */
function phoneAt(client: ClientPort, user: string, protocol: "tcp" | "tls"): StreamPhone {
  const phone = scene.phone(user, protocol);
  phone.sentBy = `192.0.2.200:${client.port}`;
  return phone;
}

async function isForwarded(user: string): Promise<void> {
  await waitUntil("forwarded", () => scene.registrar.countOf(`sip:${user}@sip.test`) > 0, SOON);
}

const CONTACT = "Contact: <sip:x@phone.invalid>;expires=600";

test.each(["tcp", "tls"] as const)("an answer by %s goes on a new connection", async (protocol) => {
  const client = await listen(protocol);
  const user = `lost-${protocol}`;
  const phone = phoneAt(client, user, protocol);
  phone.write("REGISTER", "sip:sip.test", [CONTACT]);
  await isForwarded(user);
  phone.close();
  await waitUntil("the answer", () => client.heard.includes("\r\n\r\n"), SOON);
  expect([statusOf(client.heard), client.connections]).toEqual([200, 1]);
  expect(headerLine(client.heard, "Via")).toContain(`192.0.2.200:${client.port}`);
  expect(headerLine(client.heard, "To")).toContain(`sip:${user}@sip.test`);
});

test("while its own connection is open it takes that one, wherever its Via points", async () => {
  const client = await listen("tcp");
  const phone = phoneAt(client, "open", "tcp");
  const cseq = phone.write("REGISTER", "sip:sip.test", [CONTACT]);
  expect(statusOf(await phone.answerTo(cseq))).toBe(200);
  expect(client.connections).toBe(0);
});

test("the answer to a phone's own request, passed on by the main registrar, finds it as well", async () => {
  const client = await listen("tcp");
  const phone = phoneAt(client, "asker", "tcp");
  const cseq = phone.write("REGISTER", "sip:sip.test", [CONTACT]);
  await phone.answerTo(cseq);
  const answering = scene.registrar.answering;
  scene.registrar.answering = async (request) =>
    methodOf(request) === "MESSAGE"
      ? pause(DELAY_MS, answerTo(request, 202, "Accepted"))
      : answering(request);
  phone.write("MESSAGE", "sip:bob@sip.test");
  const isThere = (): boolean =>
    scene.registrar.requests.some((text) => methodOf(text) === "MESSAGE");
  await waitUntil("the MESSAGE is at the main registrar", isThere, SOON);
  phone.close();
  await waitUntil("the answer", () => client.heard.includes("\r\n\r\n"), SOON);
  expect(statusOf(client.heard)).toBe(202);
});

test.each([
  ["nobody listens there any more", "tcp"],
  ["the client is a WebSocket, which is nowhere (RFC 7118 section 5)", "ws"],
] as const)("it is lost where %s, and costs nothing else", async (_, transport) => {
  const user = `nowhere-${transport}`;
  const phone = scene.phone(user, transport);
  const client = await listen("tcp");
  phone.sentBy = transport === "ws" ? `192.0.2.200:${client.port}` : "192.0.2.200:1";
  phone.write("REGISTER", "sip:sip.test", [CONTACT]);
  await isForwarded(user);
  phone.close();
  await waitUntil("registered", async () => (await scene.users()).includes(user), SOON);
  await pause(200);
  expect(client.connections).toBe(0);
  const other = scene.phone(`after-${transport}`, "tcp");
  expect(await other.register()).toBe(200);
});
