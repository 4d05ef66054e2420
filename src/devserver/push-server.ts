import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { takeApns } from "./apns-endpoint.ts";
import { control } from "./control-endpoint.ts";
import type { Received, ReceivedPush, Reply, Taken } from "./endpoint.ts";
import { type FailingPart, FailureList } from "./failures.ts";
import { FcmEndpoint } from "./fcm-endpoint.ts";
import { type KeyMaterial, openKeyMaterial } from "./key-material.ts";
import { configSnippet, exampleContacts } from "./snippet.ts";
import { takeWebPush } from "./web-push-endpoint.ts";
import { takeWebhook } from "./webhook-endpoint.ts";

export interface PushServerOptions {
  /** A loopback address, and a port; 0 for any. */
  readonly address: string;
  readonly port: number;
  /** Where the keys are that midreg pushes with; made when they are not there. */
  readonly directory: string;
  /** Called with every good push, after it was answered. */
  readonly onPush?: (push: ReceivedPush) => void;
  /** Called with what is to be printed about every push, good or not. */
  readonly onLine?: (line: object) => void;
}

const MAX_BODY_BYTES = 65_536;
/** Lines that the control endpoint gives back. */
const MAX_LINES = 1000;

/**
 * APNs, FCM with its token endpoint, a push service of Web Push and the receiver of a webhook in one server on
 * loopback. It checks what the real ones check, and refuses as they do.
 */
export class PushServer {
  readonly failures = new FailureList();
  readonly #options: PushServerOptions;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #sockets = new Set<Socket>();
  #lines: object[] = [];
  #server: Http2SecureServer | undefined;
  #running: Running | undefined;

  constructor(options: PushServerOptions) {
    this.#options = options;
  }

  /** HTTP/2 connections that are open. */
  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** Connections that are open. */
  get connectionCount(): number {
    return this.#sockets.size;
  }

  get keys(): KeyMaterial {
    return this.#needRunning().keys;
  }

  /** Scheme, host and port. */
  get origin(): string {
    return this.#needRunning().origin;
  }

  /** What midreg.yaml has to say to push here. */
  get snippet(): string {
    return configSnippet(this.keys, this.origin);
  }

  /** Contacts of phones that can be pushed to here, as comments. */
  get examples(): string {
    return exampleContacts(this.keys, this.origin);
  }

  get fcm(): FcmEndpoint {
    return this.#needRunning().fcm;
  }

  async start(): Promise<void> {
    const { address, port, directory } = this.#options;
    // The certificate does not name the port, so the keys can be there before it is known.
    const { tls } = openKeyMaterial(directory, "", Date.now());
    const server = createSecureServer({ ...tls, allowHTTP1: true });
    server.on("request", (request, response) => void this.#serve(request, response));
    server.on("session", (session) => remember(this.#sessions, session));
    server.on("secureConnection", (socket) => remember(this.#sockets, socket));
    server.on("sessionError", () => undefined);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, address, resolve);
    });
    this.#server = server;
    const bound = server.address();
    const host = address.includes(":") ? `[${address}]` : address;
    const origin = `https://${host}:${isAddressInfo(bound) ? bound.port : port}`;
    const keys = openKeyMaterial(directory, origin, Date.now());
    this.#running = { origin, keys, fcm: new FcmEndpoint(keys.fcm, `${origin}/token`) };
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    this.dropConnections();
    await closed;
  }

  /** Breaks all connections off. */
  dropConnections(): void {
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  #needRunning(): Running {
    if (this.#running === undefined) throw new Error("the push server does not run");
    return this.#running;
  }

  async #serve(request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
    const received = await read(request).catch(() => undefined);
    if (received === undefined) {
      response.stream?.close();
      return;
    }
    const { reply, push } = this.#decide(received);
    send(reply, request, response);
    if (push !== undefined) this.#options.onPush?.(push);
  }

  #decide(received: Received): { readonly reply: Reply; readonly push?: ReceivedPush } {
    const { fcm } = this.#needRunning();
    const nowMs = Date.now();
    if (received.path.startsWith("/control/")) {
      const revokeTokens = (): void => fcm.revoke();
      const lines = this.#lines;
      return { reply: control(received, { failures: this.failures, lines, revokeTokens }) };
    }
    if (received.path === "/token") {
      const granted = fcm.takeGrant(received, Math.floor(nowMs / 1000));
      return { reply: this.failures.take("token", "", nowMs) ?? granted };
    }
    const [provider, taken] = this.#take(received, nowMs);
    if (!("push" in taken)) {
      this.#print({ provider, status: statusOf(taken) });
      return { reply: taken };
    }
    const failure = this.failures.take(provider, taken.push.token, nowMs);
    this.#print(lineOf(taken.push, failure ?? taken.reply));
    return failure === undefined ? taken : { reply: failure };
  }

  #take(received: Received, nowMs: number): readonly [FailingPart, Reply | Taken] {
    const { keys, origin, fcm } = this.#needRunning();
    const nowSec = Math.floor(nowMs / 1000);
    const { path } = received;
    if (path.startsWith("/v1/")) return ["fcm", fcm.takeSend(received, nowSec)];
    if (path.startsWith("/push/")) {
      return ["webpush", takeWebPush(received, { ...keys, origin }, nowSec)];
    }
    if (path.startsWith("/webhook")) {
      return ["http", takeWebhook(received, keys.webhookSecret, nowSec)];
    }
    return ["apns", takeApns(received, keys, nowSec)];
  }

  #print(line: object): void {
    const dated = { time: new Date().toISOString(), ...line };
    this.#lines = [...this.#lines.slice(1 - MAX_LINES), dated];
    this.#options.onLine?.(dated);
  }
}

interface Running {
  readonly origin: string;
  readonly keys: KeyMaterial;
  readonly fcm: FcmEndpoint;
}

function remember<T extends { once(event: "close", gone: () => void): unknown }>(
  all: Set<T>,
  one: T,
): void {
  all.add(one);
  one.once("close", () => all.delete(one));
}

function isAddressInfo(bound: AddressInfo | string | null): bound is AddressInfo {
  return typeof bound === "object" && bound !== null;
}

/** Reads a request as a whole. Rejects when it is too large or breaks off. */
async function read(request: Http2ServerRequest): Promise<Received> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    if (!Buffer.isBuffer(part)) throw new Error("no bytes");
    size += part.length;
    if (size > MAX_BODY_BYTES) throw new Error("too large");
    parts.push(part);
  }
  const headers = Object.entries(request.headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(", ") : value] as const],
  );
  const [path = ""] = request.url.split("?");
  return {
    method: request.method,
    path,
    headers: Object.fromEntries<string>(headers),
    body: Buffer.concat(parts).toString("utf8"),
  };
}

function send(reply: Reply, request: Http2ServerRequest, response: Http2ServerResponse): void {
  switch (reply.kind) {
    case "silence":
      return;
    case "reset":
      request.socket.destroy();
      return;
    case "goaway":
      goAway(request);
      return;
    case "answer": {
      const body = reply.body === undefined ? "" : JSON.stringify(reply.body);
      const type = body === "" ? {} : { "content-type": "application/json" };
      response.writeHead(reply.status, { ...type, ...reply.headers });
      response.end(body);
      return;
    }
    default:
      reply satisfies never;
  }
}

/** Refuses the request's stream and all after it, and lets those before it end (RFC 9113 section 6.8). */
function goAway(request: Http2ServerRequest): void {
  const session = request.httpVersionMajor === 2 ? request.stream.session : undefined;
  if (session === undefined) {
    request.socket.destroy();
    return;
  }
  session.goaway(0, Math.max(0, (request.stream.id ?? 2) - 2));
  session.close();
}

function statusOf(reply: Reply): number | string {
  return reply.kind === "answer" ? reply.status : reply.kind;
}

/** What is printed about a push. Who knows a token can wake the device, so that it is masked even here. */
function lineOf(push: ReceivedPush, reply: Reply): object {
  const { provider, token, topic, type, priority, purpose, callId, from } = push;
  const reason = reply.kind === "answer" && reply.body !== undefined ? reply.body : undefined;
  const status = statusOf(reply);
  const isGood = typeof status === "number" && status < 300;
  return {
    provider,
    token: maskToken(token),
    topic,
    type,
    priority,
    purpose,
    callId,
    from,
    status,
    ...(isGood || reason === undefined ? {} : { answer: reason }),
  };
}

function maskToken(token: string): string {
  return `${token.slice(0, 4)}***(${token.length})`;
}
