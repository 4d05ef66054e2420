/** Why a provider cannot be asked, in words that help: by real connections of both kinds. */
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer as createTcp, type Server } from "node:net";
import { createServer as createTls } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { makeSelfSigned } from "../../src/devserver/self-signed.ts";
import { ApnsSession } from "../../src/gateway/apns-session.ts";
import { HttpsClient } from "../../src/gateway/https-client.ts";
import type { GatewayClock } from "../../src/gateway/push-sender.ts";

const DAY_MS = 86_400_000;
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const certFor = (aheadMs: number): string => makeSelfSigned(privateKey, Date.now() + aheadMs);
const GOOD = certFor(0);

const CLOCK: GatewayClock = {
  nowMs: () => Date.now(),
  wallMs: () => Date.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

async function listen(server: Server, host: string): Promise<string> {
  server.on("connection", (socket) => {
    socket.on("error", () => undefined);
    onTestFinished(() => {
      socket.destroy();
    });
  });
  server.on("tlsClientError", () => undefined);
  server.listen(0, host);
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
  });
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("it does not listen");
  return `https://${host}:${bound.port}`;
}

interface Row {
  readonly name: string;
  readonly server: () => Server;
  readonly ca: string;
  readonly host?: string;
  readonly expected: readonly [reason: string, detail: RegExp];
}

const tls = (cert: string) => (): Server =>
  createTls({ key, cert, ALPNProtocols: ["h2", "http/1.1"] }, (socket) => {
    socket.on("error", () => undefined);
    socket.write("220 mail.example.com ESMTP\r\n");
  });
const EXPIRED = certFor(-400 * DAY_MS);
const EARLY = certFor(10 * DAY_MS);

const ROWS: readonly Row[] = [
  {
    name: "a certificate that has expired",
    server: tls(EXPIRED),
    ca: EXPIRED,
    expected: ["certificate", /has expired; is the clock right/u],
  },
  {
    name: "a certificate of the future, as on a machine whose clock is behind",
    server: tls(EARLY),
    ca: EARLY,
    expected: ["certificate", /not valid yet; is the clock right/u],
  },
  {
    name: "a certificate of nobody we know",
    server: tls(certFor(0)),
    ca: EARLY,
    expected: ["certificate", /not trusted; is ca right/u],
  },
  {
    name: "a certificate for another name",
    server: tls(GOOD),
    ca: GOOD,
    host: "127.0.0.2",
    expected: ["certificate", /for another name/u],
  },
  {
    name: "no TLS",
    server: () =>
      createTcp((socket) => {
        socket.on("error", () => undefined);
        socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
      }),
    ca: GOOD,
    expected: ["no-tls", /does not speak TLS/u],
  },
  {
    name: "another protocol",
    server: tls(GOOD),
    ca: GOOD,
    expected: ["no-http", /does not speak the provider's protocol/u],
  },
];

const LOST = { kind: "lost" };

test.each(ROWS)(
  "$name is told by HTTP/1.1",
  async ({ server, ca, host = "127.0.0.1", expected }) => {
    const url = await listen(server(), host);
    const client = new HttpsClient({ ca });
    onTestFinished(() => client.stop());
    const { signal } = new AbortController();
    const [reason, detail] = expected;
    const result = await client.post({ url, headers: {}, body: "x", signal });
    expect(result).toMatchObject({ ...LOST, reason, detail: expect.stringMatching(detail) });
  },
);

test.each(ROWS)("$name is told by HTTP/2", async ({ server, ca, host = "127.0.0.1", expected }) => {
  const url = await listen(server(), host);
  const session = new ApnsSession(url, ca, CLOCK);
  onTestFinished(() => session.stop());
  const { signal } = new AbortController();
  const [reason, detail] = expected;
  const result = await session.request({
    headers: () => ({ ":method": "POST", ":path": "/" }),
    body: "x",
    signal,
  });
  expect(result).toMatchObject({ ...LOST, reason, detail: expect.stringMatching(detail) });
});
