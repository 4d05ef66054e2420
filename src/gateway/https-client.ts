import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import type { LookupFunction } from "node:net";
import { connectionFailure } from "./connection-failure.ts";
import { MAX_ANSWER_BYTES, MAX_HTTP_REQUESTS, REQUEST_TIMEOUT_MS } from "./limits.ts";
import type { Connections } from "./reloadable-access.ts";

export interface HttpAnswer {
  readonly kind: "answer";
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: string;
}

export type HttpResult =
  | HttpAnswer
  | { readonly kind: "lost"; readonly reason: string; readonly detail: string }
  | { readonly kind: "aborted" };

export interface HttpRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

export interface HttpClientOptions {
  /** Authorities in PEM; the system's when left out. */
  readonly ca: string | undefined;
  /** Looks up names in a way of its own, such as one that refuses some addresses. */
  readonly lookup?: LookupFunction;
}

/** How long an idle connection is kept; less than what servers in front of providers keep it. */
const IDLE_MS = 30_000;

/** Posts over HTTP/1.1, by connections that it keeps. It follows no redirects, and reads no more than it has to. */
export class HttpsClient implements Connections {
  readonly #https: HttpsAgent;
  readonly #http: HttpAgent;
  #underWay = 0;
  #isRetired = false;

  constructor({ ca, lookup }: HttpClientOptions) {
    const options = {
      keepAlive: true,
      maxSockets: MAX_HTTP_REQUESTS,
      timeout: IDLE_MS,
      ...(lookup === undefined ? {} : { lookup }),
    };
    this.#https = new HttpsAgent({ ...options, ...(ca === undefined ? {} : { ca }) });
    this.#http = new HttpAgent(options);
  }

  /** Resolves in any case. */
  async post(request: HttpRequest): Promise<HttpResult> {
    this.#underWay += 1;
    return this.#post(request).finally(() => {
      this.#underWay -= 1;
      if (this.#isRetired) this.retire();
    });
  }

  /** A request that comes all the same, such as the second half of an attempt, is sent and closes what it has opened. */
  retire(): void {
    this.#isRetired = true;
    if (this.#underWay === 0) this.stop();
  }

  /** Closes the connections. */
  stop(): void {
    this.#https.destroy();
    this.#http.destroy();
  }

  async #post(asked: HttpRequest): Promise<HttpResult> {
    const { url, headers, body, signal } = asked;
    const isTls = url.startsWith("https:");
    const agent = isTls ? this.#https : this.#http;
    const limit = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    return new Promise((resolve) => {
      const fail = (error: unknown): void => {
        if (signal.aborted) resolve({ kind: "aborted" });
        else resolve(lost(limit.aborted ? TIMED_OUT : error));
      };
      const request = (isTls ? requestHttps : requestHttp)(url, {
        method: "POST",
        headers: { ...headers, "content-length": Buffer.byteLength(body) },
        agent,
        signal: AbortSignal.any([signal, limit]),
      });
      request.on("error", (error) => {
        // A connection that was kept and that the server has closed meanwhile says nothing of the server (RFC 9112
        // section 9.3.1). Each such error uses up one of them.
        const isStale = request.reusedSocket && !signal.aborted && !limit.aborted;
        if (isStale) resolve(this.#post(asked));
        else fail(error);
      });
      request.on("response", (response) => read(response, resolve, fail));
      request.end(body);
    });
  }
}

const TIMED_OUT = Object.assign(new Error("no answer"), { code: "ETIMEDOUT" });

function lost(error: unknown): HttpResult {
  const [reason, detail] = connectionFailure(error);
  return { kind: "lost", reason, detail };
}

function read(
  response: IncomingMessage,
  resolve: (result: HttpResult) => void,
  fail: (error: unknown) => void,
): void {
  let body = "";
  response.setEncoding("utf8");
  response.on("data", (text: string) => {
    body += text;
    // What is longer is no error text; the connection is not worth reading it to its end.
    if (body.length > MAX_ANSWER_BYTES) response.destroy();
  });
  const { statusCode: status = 0, headers } = response;
  const answer = (): void => {
    const retryAfter = headers["retry-after"];
    resolve({ kind: "answer", status, retryAfter, body: body.slice(0, MAX_ANSWER_BYTES) });
  };
  // What has been taken is not sent again because the rest of the answer is missing: that would be to push twice.
  response.on("error", (error) => (status >= 200 && status < 300 ? answer() : fail(error)));
  response.on("close", answer);
}
