import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { acceptRegister } from "./accept-register.ts";
import { LoadGenerator, type Phase } from "./load-generator.ts";

const open: { close(): unknown }[] = [];

afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

/** A server that answers each datagram with what `reply` makes of it, and a fleet that talks to it. */
async function startFleet(
  devices: number,
  reply: (request: string, copy: number, port: number) => string[],
  realm?: string,
) {
  const socket: Socket = createSocket("udp4");
  const copies = new Map<string, number>();
  socket.on("message", (message, { port, address }) => {
    const request = message.toString("latin1");
    const copy = (copies.get(request) ?? 0) + 1;
    copies.set(request, copy);
    for (const answer of reply(request, copy, port)) {
      socket.send(Buffer.from(answer, "latin1"), port, address);
    }
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const generator = await LoadGenerator.open({
    targetPort: socket.address().port,
    devices,
    devicesPerAor: 1,
    sources: 3,
    domain: "bench.example.com",
    runId: "0123456789ab",
    expiresSec: 600,
    ...(realm === undefined ? {} : { realm }),
  });
  open.push(socket, generator);
  return { generator, copies };
}

const ONCE: Phase = { first: 0, end: 100, isOnce: true, seconds: 5, window: 8, verifyEvery: 1 };

function accept(request: string): string {
  return acceptRegister(request) ?? "";
}

test("each device sends one REGISTER, and each answer is counted once", async () => {
  const { generator, copies } = await startFleet(100, (request) => {
    return [accept(request), accept(request)];
  });
  const result = await generator.run(ONCE);
  expect(result).toMatchObject({
    sent: 100,
    completed: 100,
    statuses: { 200: 100 },
    verified: 100,
    contactMissing: 0,
    retransmissions: 0,
    lost: 0,
  });
  expect(result.late).toBeGreaterThan(0);
  expect(copies.size).toBe(100);
});

test("the next phase goes on with the next CSeq of the same devices", async () => {
  const { generator, copies } = await startFleet(100, (request) => [accept(request)]);
  await generator.run(ONCE);
  await generator.run({ ...ONCE, first: 90 });
  const cseqs = [...copies.keys()].map((request) => /CSeq: (\d+)/u.exec(request)?.[1]);
  expect(cseqs.filter((cseq) => cseq === "100000001")).toHaveLength(100);
  expect(cseqs.filter((cseq) => cseq === "100000002")).toHaveLength(10);
});

test("devices that move send the same contact from another source, and stay there", async () => {
  const places = new Map<string, Set<number>>();
  const { generator } = await startFleet(10, (request, _copy, port) => {
    const contact = /\r\nContact: (\S+)/u.exec(request)?.[1] ?? "";
    places.set(contact, (places.get(contact) ?? new Set()).add(port));
    return [accept(request)];
  });
  await generator.run({ ...ONCE, end: 10 });
  expect([...places.values()].map(({ size }) => size)).toEqual(Array(10).fill(1));
  const moved = await generator.run({ ...ONCE, end: 10, isMoving: true });
  expect(moved).toMatchObject({ statuses: { 200: 10 }, contactMissing: 0 });
  await generator.run({ ...ONCE, end: 10 });
  expect([...places.values()].map(({ size }) => size)).toEqual(Array(10).fill(2));
});

test("an unanswered REGISTER is sent again, the same, after T1 (RFC 3261 timer E)", async () => {
  const { generator, copies } = await startFleet(8, (request, copy) => {
    return copy === 2 ? [accept(request)] : [];
  });
  const result = await generator.run({ ...ONCE, end: 8 });
  expect(result).toMatchObject({ sent: 8, completed: 8, retransmissions: 8, lost: 0 });
  expect([...copies.values()]).toEqual(Array(8).fill(2));
  expect(result.latencyUs.p50).toBeGreaterThanOrEqual(500_000);
});

test("a 200 without the own contact, and any other status, is noticed", async () => {
  const { generator } = await startFleet(10, (request) => {
    const answer = accept(request);
    const isOdd = /line=0000000[13579]/u.test(request);
    return [isOdd ? answer.replace("200 OK", "403 No") : answer.replace(/line=\w+/u, "")];
  });
  const result = await generator.run({ ...ONCE, end: 10 });
  expect(result).toMatchObject({ statuses: { 200: 5, 403: 5 }, verified: 5, contactMissing: 5 });
});

test("in an open loop the schedule decides, and echoed requests count as answers", async () => {
  const { generator } = await startFleet(100, (request) => [request]);
  const rate = 500;
  const result = await generator.run({ ...ONCE, isOnce: false, seconds: 0.4, rate });
  expect(result).toMatchObject({ lost: 0, overrun: 0, statuses: { 0: result.sent } });
  expect(result.sent).toBeGreaterThanOrEqual(190);
  expect(result.sent).toBeLessThanOrEqual(201);
});

test("a phone that is challenged answers once, and uses its nonce on without being asked", async () => {
  const nonces = new Map<string, number>();
  const counts: number[] = [];
  const { generator } = await startFleet(
    20,
    (request) => {
      const [, nonce = "", nc = ""] = /nonce="([^"]+)".*nc=([0-9a-f]{8})/u.exec(request) ?? [];
      counts.push(Number.parseInt(nc, 16));
      if (nonces.has(nonce)) return [accept(request)];
      const fresh = `nonce-${nonces.size}`;
      nonces.set(fresh, 0);
      const challenge = `WWW-Authenticate: Digest realm="r", nonce="${fresh}", algorithm=MD5, qop="auth"`;
      return [
        accept(request)
          .replace("200 OK", "401 Unauthorized")
          .replace("\r\nContact", `\r\n${challenge}\r\nContact`),
      ];
    },
    "r",
  );
  const phase = { ...ONCE, end: 20 };
  expect(await generator.run(phase)).toMatchObject({
    completed: 20,
    challenged: 20,
    statuses: { 200: 20 },
  });
  expect(await generator.run(phase)).toMatchObject({
    completed: 20,
    challenged: 0,
    statuses: { 200: 20 },
  });
  expect(counts.filter((nc) => nc === 1)).toHaveLength(20);
  expect(counts.filter((nc) => nc === 2)).toHaveLength(20);
});
