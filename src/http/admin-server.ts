import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Log } from "../ports.ts";
import { AdminError } from "./admin-error.ts";
import { type AdminModules, adminRoutes } from "./admin-routes.ts";
import { type Answer, problem } from "./answer.ts";
import { isOwnHost, isOwnOrigin } from "./host-check.ts";
import {
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_MS,
  MAX_CONNECTIONS,
  MAX_HEADER_BYTES,
  REQUEST_TIMEOUT_MS,
  SOCKET_TIMEOUT_MS,
  STOP_GRACE_MS,
  TIMEOUT_CHECK_MS,
} from "./limits.ts";
import { readBody } from "./read-body.ts";
import { allowedMethods, findRoute, handlerOf, type Route } from "./routes.ts";

export interface AdminServerOptions {
  /** IP literal without brackets. */
  readonly address: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/**
 * Metrics, health and the operators' API over HTTP/1.1, for the machine it runs on: requests whose Host is not
 * this listener's own are refused, and so are changes that a page of somebody else's asks for. It has no
 * authentication, so it belongs on a loopback address.
 */
export class AdminServer {
  readonly #options: AdminServerOptions;
  readonly #log: Log;
  readonly #routes: readonly Route[];
  readonly #server: Server;
  #isStopping = false;

  constructor(options: AdminServerOptions, modules: AdminModules & { readonly log: Log }) {
    this.#options = options;
    this.#log = modules.log;
    this.#routes = adminRoutes(modules);
    this.#server = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        connectionsCheckingInterval: TIMEOUT_CHECK_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
      },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.timeout = SOCKET_TIMEOUT_MS;
  }

  /** Opens the listener and tells where it is. Throws AdminError when that is not possible. */
  async start(): Promise<{ readonly address: string; readonly port: number }> {
    const { address: host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const refuse = (error: Error): void => reject(this.#listenError(error));
      this.#server.once("error", refuse);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", refuse);
        this.#server.on("error", (err) => this.#log.error({ err }, "admin listener"));
        resolve();
      });
    });
    return boundAddress(this.#server.address());
  }

  /** Takes no new requests, lets those under way end for a moment, and closes every connection. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#isStopping = true;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeIdleConnections();
    const grace = setTimeout(() => this.#server.closeAllConnections(), STOP_GRACE_MS);
    await closed;
    clearTimeout(grace);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer;
    try {
      answer = await this.#answer(request);
    } catch (error) {
      this.#log.error({ err: error, url: request.url }, "admin request");
      answer = problem(500, "The request could not be answered; the log says why.");
    }
    response.writeHead(answer.status, {
      ...answer.headers,
      "Content-Type": answer.contentType,
      "Content-Length": Buffer.byteLength(answer.body),
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
      ...(this.#isStopping || hasBody(request) ? { Connection: "close" } : {}),
    });
    response.end(answer.body);
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const [path = "", query = ""] = (request.url ?? "").split(/\?([^]*)/u, 2);
    const found = findRoute(this.#routes, path);
    const takesBody = isBodyTaken(request.method, found?.route);
    const refusal = this.#refusal(request, takesBody);
    if (refusal !== undefined) return refusal;
    if (found === undefined) return problem(404, "There is nothing at this path.");
    const handler = handlerOf(found.route, request.method);
    if (handler === undefined) {
      const allow = { Allow: allowedMethods(found.route) };
      return problem(405, "The method is not for this path; see Allow.", allow);
    }
    const body = takesBody ? await readBody(request, found.route.maxBodyBytes) : NO_BODY;
    if ("refusal" in body) return body.refusal;
    const asked = { params: found.params, query: new URLSearchParams(query), body: body.document };
    return handler(asked);
  }

  /** Why a request is refused, whatever it asks for. */
  #refusal(request: IncomingMessage, takesBody: boolean): Answer | undefined {
    const { headers, method } = request;
    const { address } = this.#options;
    if (!isOwnHost(headers.host, address)) {
      return problem(421, "The Host header does not name this listener.");
    }
    if (hasBody(request) && !takesBody) return problem(413, "Such requests have no body here.");
    const isRead = method === "GET" || method === "HEAD";
    return isRead || isOwnOrigin(headers.origin, address)
      ? undefined
      : problem(403, "The Origin header names another place.");
  }

  #listenError(error: Error): AdminError {
    const { address, port } = this.#options;
    const code = "code" in error ? String(error.code) : error.message;
    const place = `admin listener ${address.includes(":") ? `[${address}]` : address}:${port}`;
    return code === "EADDRINUSE"
      ? new AdminError(
          "ADMIN_PORT_IN_USE",
          `${place}: the port is in use; choose another with --admin, or --admin off`,
          error,
        )
      : new AdminError("ADMIN_LISTEN_FAILED", `${place}: cannot listen: ${code}`, error);
  }
}

const NO_BODY = { document: undefined };

/** Whether a request of that method has to bring a document. */
function isBodyTaken(method: string | undefined, route: Route | undefined): boolean {
  return (method === "POST" || method === "PUT") && route?.handlers[method] !== undefined;
}

/** Whether the request brings a body. What is left of it is not read: the connection is closed after the answer. */
function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers["content-length"] ?? "0";
  return length !== "0" || headers["transfer-encoding"] !== undefined;
}

function boundAddress(bound: AddressInfo | string | null): AddressInfo {
  if (bound === null || typeof bound === "string") throw new TypeError("not a TCP listener");
  return bound;
}
