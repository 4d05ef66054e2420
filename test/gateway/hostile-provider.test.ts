/** Providers that are broken or mean harm: every push ends, once and in time, and midreg goes on. */
import { once } from "node:events";
import { createServer as createHttp, type ServerResponse } from "node:http";
import { constants, createServer as createHttp2, type ServerHttp2Stream } from "node:http2";
import { createServer as createTcp, type Server, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import type { PushDevice } from "../../src/location/push-device.ts";
import type { PushOutcome } from "../../src/ports.ts";
import { devices, PushWorld, REAL_CLOCK } from "./fixtures.ts";

/** Where it listens; it stops when the test is over. */
async function listen(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("it does not listen");
  return `http://127.0.0.1:${bound.port}`;
}

async function open(origin: string): Promise<PushWorld> {
  return PushWorld.open((yaml) =>
    yaml
      .replace(/^ {8}endpoint: .*$/mu, `        endpoint: ${origin}`)
      .replace(/^ {8}url: .*$/mu, `        url: ${origin}/hook`),
  );
}

/** Pushes to many devices at once, which are of no use after a second. */
async function pushAll(
  world: PushWorld,
  device: (beginning: string) => PushDevice,
): Promise<PushOutcome[]> {
  const deadlineMs = REAL_CLOCK.nowMs() + 1000;
  const beginnings = ["aa", "bb", "cc", "dd", "ee"];
  return Promise.all(beginnings.map(async (one) => world.push(device(one), { deadlineMs })));
}

function tcpServer(onConnection: (socket: Socket) => void): Server {
  return createTcp((socket) => {
    socket.on("error", () => undefined);
    onConnection(socket);
  });
}

function http2Server(onStream: (stream: ServerHttp2Stream, count: number) => void): Server {
  const server = createHttp2();
  let count = 0;
  server.on("session", (session) => session.on("error", () => undefined));
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    count += 1;
    onStream(stream, count);
  });
  return server;
}

/** A frame of HTTP/2 (RFC 9113 section 4.1). */
function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

const SETTINGS = frame(4, 0, 0, Buffer.alloc(0));

describe("an APNs that", () => {
  const broken: ReadonlyArray<readonly [string, () => Server]> = [
    ["closes each connection at once", () => tcpServer((socket) => socket.destroy())],
    [
      "breaks off as soon as it is asked something",
      () => http2Server(({ session }) => session?.destroy()),
    ],
    [
      "speaks HTTP/1.1",
      () => tcpServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
    ],
    [
      "sends frames that are none",
      () => tcpServer((socket) => socket.write(Buffer.concat([SETTINGS, Buffer.alloc(64, 255)]))),
    ],
    [
      "answers streams that were never opened",
      () =>
        tcpServer((socket) =>
          socket.write(Buffer.concat([SETTINGS, frame(1, 4, 7, Buffer.from([0x88]))])),
        ),
    ],
    [
      "resets every stream",
      () => http2Server((stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR)),
    ],
    [
      "goes away with an error",
      () => http2Server(({ session }) => session?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM)),
    ],
    [
      "goes away without having looked at anything",
      () =>
        http2Server(({ session }) => {
          session?.goaway(constants.NGHTTP2_NO_ERROR, 0);
          session?.close();
        }),
    ],
    [
      "allows no streams",
      () => tcpServer((socket) => socket.write(frame(4, 0, 0, Buffer.from([0, 3, 0, 0, 0, 0])))),
    ],
    [
      "begins an answer and breaks off",
      () =>
        tcpServer((socket) => {
          const status400 = frame(1, 4, 1, Buffer.from([0x8c]));
          const half = frame(0, 0, 1, Buffer.from('{"reason":"BadDev'));
          socket.once("data", () => socket.end(Buffer.concat([SETTINGS, status400, half])));
        }),
    ],
    ["says nothing", () => http2Server(() => undefined)],
  ];

  test.each(broken)("%s has every push end in time as a failure of its own", async (_, build) => {
    const world = await open(await listen(build()));
    const startedMs = Date.now();
    const outcomes = await pushAll(world, devices.apns);
    expect(Date.now() - startedMs).toBeLessThan(2500);
    expect(outcomes).toHaveLength(5);
    for (const { result } of outcomes) expect(["unavailable", "timeout"]).toContain(result);
    expect(await world.metrics.render()).toContain('midreg_push_queued{provider="apns"} 0');
    expect(world.log.lines.join("\n")).not.toContain("push sender failed");
  });

  test("breaks off with one push under way and others waiting loses none of them", async () => {
    const server = http2Server((stream, count) => {
      if (count === 1) return stream.session?.destroy();
      stream.respond({ ":status": 200 });
      return stream.end();
    });
    const world = await open(await listen(server));
    const outcomes = await pushAll(world, devices.apns);
    expect(outcomes.map(({ result }) => result)).toEqual(outcomes.map(() => "accepted"));
  });

  test("has taken a push and breaks off then is not pushed to twice", async () => {
    let streams = 0;
    const server = http2Server((stream, count) => {
      streams = count;
      stream.respond({ ":status": 200 });
      stream.write(" ", () => stream.session?.destroy());
    });
    const world = await open(await listen(server));
    expect(await world.push(devices.apns("aa"))).toMatchObject({ result: "accepted" });
    expect(streams).toBe(1);
  });
});

/** A server by HTTP/1.1 that takes everything, and its connections so far. */
async function idleServer(): Promise<{
  readonly server: Server;
  readonly sockets: Socket[];
  readonly origin: string;
}> {
  const sockets: Socket[] = [];
  const server = createHttp((request, response) => {
    request.resume();
    request.on("end", () => response.writeHead(202).end());
  });
  server.on("connection", (socket) => sockets.push(socket));
  return { server, sockets, origin: await listen(server) };
}

/** The webhook stands for all that is sent by HTTP/1.1. */
describe("a provider by HTTP/1.1 that", () => {
  const broken: ReadonlyArray<readonly [string, () => Server]> = [
    ["closes each connection at once", () => tcpServer((socket) => socket.destroy())],
    ["sends no HTTP", () => tcpServer((socket) => socket.write(Buffer.alloc(64, 255)))],
    [
      "has endless headers",
      () =>
        tcpServer((socket) => {
          socket.write("HTTP/1.1 200 OK\r\n");
          const more = (): unknown =>
            socket.destroyed || socket.write(`X-More: ${"x".repeat(1000)}\r\n`, more);
          more();
        }),
    ],
    [
      "sends its answer a byte at a time",
      () =>
        tcpServer((socket) => {
          const timer = setInterval(() => socket.write("H"), 100);
          socket.on("close", () => clearInterval(timer));
        }),
    ],
    ["says nothing", () => tcpServer(() => undefined)],
  ];

  test.each(broken)("%s has every push end in time as a failure of its own", async (_, build) => {
    const world = await open(await listen(build()));
    const startedMs = Date.now();
    const outcomes = await pushAll(world, devices.http);
    expect(Date.now() - startedMs).toBeLessThan(2500);
    for (const { result } of outcomes) expect(["unavailable", "timeout"]).toContain(result);
    expect(await world.metrics.render()).toContain('midreg_push_queued{provider="webhook"} 0');
    expect(world.log.lines.join("\n")).not.toContain("push sender failed");
  });

  test("has closed idle connections costs the pushes that find out nothing", async () => {
    const { server, sockets, origin } = await idleServer();
    const world = await open(origin);
    for (const count of [8, 8]) {
      // oxlint-disable-next-line no-await-in-loop -- The second time on the connections of the first.
      const outcomes = await Promise.all(
        Array.from({ length: count }, async (_, at) => world.push(devices.http(`a${at}`))),
      );
      expect(new Set(outcomes.map(({ result }) => result))).toEqual(new Set(["accepted"]));
      // From now on each connection breaks off when it is used again.
      for (const socket of sockets) socket.on("data", () => socket.resetAndDestroy());
    }
    expect(await world.metrics.render()).toContain(
      'midreg_push_retries_total{provider="webhook"} 0',
    );
    server.close();
  });

  test("takes a push with an answer without end is read no further than errors are long", async () => {
    let sentBytes = 0;
    const flood = (response: ServerResponse): void => {
      sentBytes += 65_536;
      if (!response.destroyed) response.write(Buffer.alloc(65_536, 32), () => flood(response));
    };
    const server = createHttp((request, response) => {
      request.resume();
      response.writeHead(202);
      flood(response);
    });
    const world = await open(await listen(server));
    const startedMs = Date.now();
    expect(await world.push(devices.http("aa"))).toMatchObject({ result: "accepted" });
    expect(Date.now() - startedMs).toBeLessThan(2000);
    // What the sockets hold by themselves.
    expect(sentBytes).toBeLessThan(20_000_000);
  });

  test("has taken a push and breaks off then is not pushed to twice", async () => {
    let requests = 0;
    const server = createHttp((request, response) => {
      request.resume();
      requests += 1;
      response.writeHead(202, { "content-length": "100" });
      response.write("{", () => response.destroy());
    });
    const world = await open(await listen(server));
    expect(await world.push(devices.http("aa"))).toMatchObject({ result: "accepted" });
    expect(requests).toBe(1);
  });
});

test("a provider that fails keeps midreg from no other", async () => {
  const world = await PushWorld.open();
  world.fail("apns:*:InternalServerError");
  const deadlineMs = REAL_CLOCK.nowMs() + 300;
  const beginnings = ["aa", "bb", "cc", "dd", "ee", "ff"];
  await Promise.all(beginnings.map(async (one) => world.push(devices.apns(one), { deadlineMs })));
  expect(
    await world.push(devices.apns("aa"), { deadlineMs: REAL_CLOCK.nowMs() + 300 }),
  ).toMatchObject({
    result: "unavailable",
    reason: "breaker-open",
  });
  const others = [
    devices.fcm("aa"),
    devices.webpush("aa", world.server.origin),
    devices.http("aa"),
  ];
  const sandbox = { ...devices.apns("aa"), provider: "apns.dev" };
  for (const device of others) {
    // oxlint-disable-next-line no-await-in-loop
    expect(await world.push(device)).toMatchObject({ result: "accepted" });
  }
  const text = await world.metrics.render();
  expect(text).toContain('midreg_push_provider_failing{provider="apns"} 1');
  expect(text).toContain('midreg_push_provider_failing{provider="fcm"} 0');
  world.server.failures.clear();
  expect(await world.push(sandbox)).toMatchObject({ result: "accepted" });
});
