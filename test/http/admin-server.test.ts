import { EventEmitter, once } from "node:events";
import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { AdminError } from "../../src/http/admin-error.ts";
import type { AdminModules, Readiness } from "../../src/http/admin-routes.ts";
import { AdminServer } from "../../src/http/admin-server.ts";
import { STOP_GRACE_MS } from "../../src/http/limits.ts";
import type { Log } from "../../src/ports.ts";
import { World } from "../support/world.ts";
import { credentialsOf, locationOf } from "./api.ts";

const LOOPBACK = "127.0.0.1";
const READY: Readiness = {
  isReady: true,
  checks: {
    store: { isOk: true },
    upstream: { isOk: false, isInformational: true, detail: "no answer yet" },
  },
};

/** Nobody is registered. */
const world = new World();
const servers: AdminServer[] = [];
const logged: string[] = [];

afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  logged.length = 0;
});

const log: Log = {
  isDebug: false,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (_, message) => void logged.push(message),
};

async function open(
  modules: Partial<AdminModules> = {},
  address = LOOPBACK,
): Promise<{ readonly server: AdminServer; readonly port: number }> {
  const server = new AdminServer(
    { address, port: 0 },
    {
      renderMetrics: () => Promise.resolve("midreg_build_info 1\n"),
      metricsContentType: "text/plain; version=0.0.4",
      readiness: () => READY,
      location: locationOf(world),
      credentials: credentialsOf(world),
      log,
      ...modules,
    },
  );
  servers.push(server);
  return { server, port: (await server.start()).port };
}

interface Reply {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly address?: string;
}

async function ask(port: number, path: string, given: Ask = {}): Promise<Reply> {
  const { method = "GET", headers = {}, body, address = LOOPBACK } = given;
  const sent = request({ host: address, port, path, method, headers, agent: false });
  sent.end(body);
  const [reply]: [IncomingMessage] = (await once(sent, "response")) as [IncomingMessage];
  return { status: reply.statusCode, headers: reply.headers, body: await text(reply) };
}

/** Sends bytes and gives back everything that comes until the server closes. */
function askRaw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, LOOPBACK);
  socket.write(bytes);
  return text(socket);
}

/** A renderer that tells when it was asked, and answers when told. */
function heldRendering(): Pick<AdminModules, "renderMetrics"> & {
  readonly isBegun: Promise<unknown>;
  readonly finish: (text: string) => void;
} {
  const signals = new EventEmitter();
  return {
    isBegun: once(signals, "begun"),
    finish: (body) => void signals.emit("finish", body),
    renderMetrics: async () => {
      const finished = once(signals, "finish");
      signals.emit("begun");
      return String((await finished)[0]);
    },
  };
}

describe("what is there", () => {
  test("/metrics, as the renderer gives it", async () => {
    const { port } = await open();
    const { status, headers, body } = await ask(port, "/metrics");
    expect(status).toBe(200);
    expect(headers["content-type"]).toBe("text/plain; version=0.0.4");
    expect(headers["cache-control"]).toBe("no-store");
    expect(body).toBe("midreg_build_info 1\n");
  });

  test("/livez says that the process runs", async () => {
    const { port } = await open({ readiness: () => ({ isReady: false, checks: {} }) });
    expect(await ask(port, "/livez")).toMatchObject({ status: 200, body: '{"status":"alive"}\n' });
  });

  test.each(["/readyz", "/healthz", "/readyz?verbose=1"])("%s lists the checks", async (path) => {
    const { port } = await open();
    const { status, headers, body } = await ask(port, path);
    expect(status).toBe(200);
    expect(headers["content-type"]).toBe("application/json");
    expect(JSON.parse(body)).toEqual({
      status: "ready",
      checks: {
        store: { ok: true, informational: false, detail: "" },
        upstream: { ok: false, informational: true, detail: "no answer yet" },
      },
    });
  });

  test("/readyz is 503 while not ready", async () => {
    const checks = { store: { isOk: false, detail: "disk full" } };
    const { port } = await open({ readiness: () => ({ isReady: false, checks }) });
    const { status, body } = await ask(port, "/readyz");
    expect(status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({
      status: "not ready",
      checks: { store: { ok: false, detail: "disk full" } },
    });
  });

  test("HEAD gets the headers of GET and no body", async () => {
    const { port } = await open();
    const { status, headers, body } = await ask(port, "/metrics", { method: "HEAD" });
    expect({ status, body }).toEqual({ status: 200, body: "" });
    expect(headers["content-length"]).toBe("20");
  });

  test("IPv6 works too", async () => {
    const { port } = await open({}, "::1");
    expect(await ask(port, "/livez", { address: "::1" })).toMatchObject({ status: 200 });
  });
});

describe("what is refused", () => {
  test.each(["/", "/metrics/", "/constructor", "/..", "//metrics", "/%6detrics"])(
    "%s is not there",
    async (path) => {
      const { port } = await open();
      const { status, headers, body } = await ask(port, path);
      expect(status).toBe(404);
      expect(headers["content-type"]).toBe("application/problem+json");
      expect(JSON.parse(body)).toEqual({
        type: "about:blank",
        title: "Not Found",
        status: 404,
        detail: "There is nothing at this path.",
      });
    },
  );

  test.each(["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"])(
    "%s is not for /metrics",
    async (method) => {
      const { port } = await open();
      const { status, headers, body } = await ask(port, "/metrics", { method });
      expect(status).toBe(405);
      expect(headers["allow"]).toBe("GET, HEAD");
      expect(JSON.parse(body)).toMatchObject({ status: 405, title: "Method Not Allowed" });
    },
  );

  test.each([
    ["evil.example", 421],
    ["evil.example:8080", 421],
    ["127.0.0.1.evil.example", 421],
    ["localhost.evil.example", 421],
    ["192.0.2.1", 421],
    ["[::2]", 421],
    ["localhost", 200],
    ["LOCALHOST.:8080", 200],
    ["127.0.0.1:9", 200],
    ["127.1.2.3", 200],
    ["[::1]:8080", 200],
  ])("Host: %s gives %i, so that no web page reaches in by DNS rebinding", async (host, status) => {
    const { port } = await open();
    expect(await ask(port, "/metrics", { headers: { host } })).toMatchObject({ status });
  });

  test.each([
    ["an empty Host", "GET /livez HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n"],
    ["HTTP/1.0 without Host", "GET /livez HTTP/1.0\r\n\r\n"],
    ["a Host that is no host", "GET /livez HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n"],
  ])("%s", async (_, bytes) => {
    const { port } = await open();
    expect(await askRaw(port, bytes)).toMatch(/^HTTP\/1\.1 421 /u);
  });

  test("a body, and the connection ends with it", async () => {
    const { port } = await open();
    const { status, headers } = await ask(port, "/metrics", {
      method: "POST",
      body: "x".repeat(100_000),
    });
    expect(status).toBe(413);
    expect(headers["connection"]).toBe("close");
    const chunked =
      "GET /livez HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    expect(await askRaw(port, chunked)).toMatch(/^HTTP\/1\.1 413 /u);
  });

  test.each([
    [
      "a header section without end",
      `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${"a".repeat(9000)}`,
      431,
    ],
    ["no HTTP", "REGISTER sip:h SIP/2.0\r\n\r\n", 400],
    ["no Host", "GET /livez HTTP/1.1\r\n\r\n", 400],
    [
      "two ideas of the length",
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      400,
    ],
  ])("%s", async (_, bytes, status) => {
    const { port } = await open();
    expect(await askRaw(port, bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `, "u"));
  });

  test("a renderer that fails gives 500 without the reason, which is logged", async () => {
    const { port } = await open({ renderMetrics: () => Promise.reject(new Error("hunter2")) });
    const { status, body } = await ask(port, "/metrics");
    expect(status).toBe(500);
    expect(body).not.toContain("hunter2");
    expect(logged).toEqual(["admin request"]);
    expect(await ask(port, "/livez")).toMatchObject({ status: 200 });
  });
});

describe("requests that change something", () => {
  const type = { "content-type": "application/json" };

  test.each<[string, Ask, number]>([
    ["a JSON document", { headers: type, body: "{}" }, 202],
    [
      "JSON with a charset",
      { headers: { "content-type": "Application/JSON; charset=utf-8" }, body: "{}" },
      202,
    ],
    [
      "what a form of a web page sends",
      { headers: { "content-type": "text/plain" }, body: "{}" },
      415,
    ],
    ["no type at all", { body: "{}" }, 415],
    ["no JSON", { headers: type, body: "{" }, 400],
    ["nothing", { headers: type, body: "" }, 400],
    ["too much", { headers: type, body: `"${"x".repeat(20_000)}"` }, 413],
    [
      "too much, of unknown length",
      { headers: { ...type, "transfer-encoding": "chunked" }, body: `"${"x".repeat(20_000)}"` },
      413,
    ],
    [
      "a page of this listener's own",
      { headers: { ...type, origin: "http://localhost:8080" }, body: "{}" },
      202,
    ],
    [
      "somebody else's page",
      { headers: { ...type, origin: "http://evil.example" }, body: "{}" },
      403,
    ],
    ["a page without a place", { headers: { ...type, origin: "null" }, body: "{}" }, 403],
  ])("%s", async (_, given, status) => {
    world.server.admin.stopResync();
    const { port } = await open();
    const reply = await ask(port, "/api/v1/resync", { method: "POST", ...given });
    expect(reply.status).toBe(status);
    expect(reply.headers["content-type"]).toMatch(/json$/u);
  });

  test("DELETE needs no body, and is refused to somebody else's page", async () => {
    const { port } = await open();
    const method = "DELETE";
    expect(await ask(port, "/api/v1/resync", { method })).toMatchObject({ status: 200 });
    const headers = { origin: "https://evil.example" };
    expect(await ask(port, "/api/v1/resync", { method, headers })).toMatchObject({ status: 403 });
  });

  test("a method that is not for the path is told which are", async () => {
    const { port } = await open();
    const { status, headers } = await ask(port, "/api/v1/resync", { method: "PUT" });
    expect({ status, allow: headers["allow"] }).toEqual({
      status: 405,
      allow: "GET, HEAD, POST, DELETE",
    });
  });
});

describe("opening and closing", () => {
  test("a port in use is one line that says what to do", async () => {
    const { port } = await open();
    const second = new AdminServer(
      { address: LOOPBACK, port },
      {
        renderMetrics: () => Promise.resolve(""),
        metricsContentType: "",
        readiness: () => READY,
        location: locationOf(world),
        credentials: credentialsOf(world),
        log,
      },
    );
    const failure = await second.start().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(AdminError);
    expect(failure).toMatchObject({
      code: "ADMIN_PORT_IN_USE",
      message: `admin listener 127.0.0.1:${port}: the port is in use; choose another with --admin, or --admin off`,
    });
    await second.stop();
  });

  test("an address that is not of this machine is one line too", async () => {
    const failure = await open({}, "2001:db8::1").catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: "ADMIN_LISTEN_FAILED",
      message: expect.stringMatching(/^admin listener \[2001:db8::1\]:0: cannot listen: E\w+$/u),
    });
  });

  test("stopping closes idle connections at once and refuses new ones", async () => {
    const { server, port } = await open();
    const socket = connect(port, LOOPBACK);
    const received = text(socket);
    socket.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await once(socket, "readable");
    await server.stop();
    expect(await received).toMatch(/^HTTP\/1\.1 200 /u);
    await expect(ask(port, "/livez")).rejects.toThrow("ECONNREFUSED");
  });

  test("stopping lets a request under way end, and its connection with it", async () => {
    const rendering = heldRendering();
    const { server, port } = await open(rendering);
    const reply = askRaw(port, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await rendering.isBegun;
    const stopped = server.stop();
    rendering.finish("last words\n");
    expect(await reply).toMatch(/connection: close\r\n[^]*last words\n$/iu);
    await stopped;
  });

  test("a request that never ends holds the stop for a moment only", async () => {
    const rendering = heldRendering();
    const { server, port } = await open(rendering);
    const reply = askRaw(port, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").catch(
      () => "reset",
    );
    await rendering.isBegun;
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    const stopped = server.stop();
    vi.advanceTimersByTime(STOP_GRACE_MS);
    await stopped;
    expect(await reply).toMatch(/^(reset)?$/u);
  });

  test("stopping twice, or before the start, is fine", async () => {
    const { server } = await open();
    await server.stop();
    await expect(server.stop()).resolves.toBeUndefined();
  });
});
