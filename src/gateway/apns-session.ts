import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from "node:http2";
import type { ApnsAnswer } from "./apns-answer.ts";
import { connectionFailure } from "./connection-failure.ts";
import { parseJsonObject } from "./json-object.ts";
import { MAX_ANSWER_BYTES, MAX_APNS_STREAMS, REQUEST_TIMEOUT_MS } from "./limits.ts";
import type { GatewayClock } from "./push-sender.ts";
import type { Connections } from "./reloadable-access.ts";
import { parseRetryAfter } from "./retry-after.ts";

/** What became of a request: an answer, or why there is none. */
export type SessionResult =
  | { readonly kind: "answer"; readonly answer: ApnsAnswer }
  | {
      readonly kind: "lost";
      readonly reason: string;
      readonly detail: string;
      /** Whether it is the first that the connection has lost: its end is one failure, however much it takes along. */
      readonly isFirst: boolean;
    }
  /** It has not left, and the connection takes nothing more: there is nothing against the provider in it. */
  | { readonly kind: "unsent" }
  | { readonly kind: "aborted" };

export interface SessionRequest {
  /** Asked for when the request leaves, since the token in them may be newer by then. */
  readonly headers: () => Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

interface Waiting extends SessionRequest {
  readonly resolve: (result: SessionResult) => void;
}

/** How long a connection may take to open, and an answer to come before it is asked whether anybody is there. */
const CONNECT_LIMIT_MS = 5000;
const SILENCE_MS = 2000;
const PING_LIMIT_MS = 2000;

/**
 * One HTTP/2 connection to APNs. Requests share it, one at a time until Apple has accepted a first one, since it
 * closes connections that send much with a token it does not know. Once it has ended it stays so.
 */
export class ApnsSession implements Connections {
  readonly #session: ClientHttp2Session;
  readonly #clock: GatewayClock;
  readonly #waiting: Waiting[] = [];
  #streams = 0;
  #isProven = false;
  #state: "connecting" | "open" | "closing" | "ended" = "connecting";
  /** Why it has ended, where that is known. */
  #failure: readonly [reason: string, detail: string] | undefined;
  readonly #callOffConnectLimit: () => void;
  #isPinging = false;
  #hasLost = false;

  constructor(endpoint: string, ca: string | undefined, clock: GatewayClock) {
    this.#clock = clock;
    this.#session = connect(endpoint, {
      ...(ca === undefined ? {} : { ca }),
      settings: { enablePush: false },
    });
    this.#callOffConnectLimit = clock.after(CONNECT_LIMIT_MS, () => this.#lose("no-answer"));
    this.#session.on("connect", () => {
      this.#callOffConnectLimit();
      if (this.#state === "connecting") this.#state = "open";
      this.#pump();
    });
    this.#session.on("error", (error) => {
      this.#failure = connectionFailure(error);
    });
    // Streams up to the last one named in it are still answered; those after it, and waiting ones, go elsewhere.
    this.#session.on("goaway", () => this.retire());
    this.#session.on("close", () => this.#end());
  }

  /** Whether it can be given requests. */
  get isUsable(): boolean {
    if (this.#session.destroyed || this.#session.closed) return false;
    return this.#state === "connecting" || this.#state === "open";
  }

  async request(request: SessionRequest): Promise<SessionResult> {
    return new Promise((resolve) => {
      const waiting = { ...request, resolve };
      request.signal.addEventListener("abort", () => this.#drop(waiting), { once: true });
      this.#waiting.push(waiting);
      this.#pump();
    });
  }

  /** Takes no further request, and ends when those under way have. */
  retire(): void {
    if (this.#state === "closing" || this.#state === "ended") return;
    this.#state = "closing";
    for (const { resolve } of this.#waiting.splice(0)) resolve({ kind: "unsent" });
    if (!this.#session.closed) this.#session.close();
  }

  stop(): void {
    this.#session.destroy();
  }

  #lose(reason: string): void {
    this.#failure = [reason, "the provider does not answer"];
    this.#session.destroy();
  }

  #end(): void {
    this.#callOffConnectLimit();
    this.#state = "ended";
    this.#failWaiting();
  }

  #failWaiting(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve(this.#lost());
  }

  /** A stream may say why before the connection does. */
  #lost(streamError?: unknown): SessionResult {
    const isFirst = !this.#hasLost;
    this.#hasLost = true;
    const [reason, detail] = this.#failure ?? connectionFailure(streamError);
    return { kind: "lost", reason, detail, isFirst };
  }

  #drop(waiting: Waiting): void {
    const at = this.#waiting.indexOf(waiting);
    if (at >= 0) this.#waiting.splice(at, 1);
    waiting.resolve({ kind: "aborted" });
  }

  get #maxStreams(): number {
    if (!this.#isProven) return 1;
    const granted = this.#session.remoteSettings.maxConcurrentStreams ?? MAX_APNS_STREAMS;
    return Math.min(granted, MAX_APNS_STREAMS);
  }

  #pump(): void {
    if (this.#state === "ended") this.#failWaiting();
    else if (this.#session.closed && !this.#session.destroyed) this.retire();
    // A connection that has broken off ends its streams before it says so; then those that wait hear of it.
    else if (this.#state === "open" && !this.#session.destroyed) this.#startWaiting();
  }

  #startWaiting(): void {
    while (this.#streams < this.#maxStreams) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (!next.signal.aborted) this.#start(next);
    }
  }

  #start({ headers, body, signal, resolve }: Waiting): void {
    const stream = this.#session.request({ ...headers() }, { signal });
    this.#streams += 1;
    const callOffSilence = this.#clock.after(SILENCE_MS, () => this.#ping());
    const callOffLimit = this.#clock.after(REQUEST_TIMEOUT_MS, () => {
      stream.close(constants.NGHTTP2_CANCEL);
    });
    readAnswer(stream, this.#clock, (answer, error) => {
      callOffSilence();
      callOffLimit();
      this.#streams -= 1;
      if (answer?.status === 200 || answer?.status === 410) this.#isProven = true;
      const isAborted = answer === undefined && signal.aborted;
      if (isAborted) resolve({ kind: "aborted" });
      else resolve(answer === undefined ? this.#lost(error) : { kind: "answer", answer });
      this.#pump();
    });
    stream.end(body);
  }

  /** A connection that a middlebox has forgotten is found out here, and not by the deadline of every push. */
  #ping(): void {
    if (this.#isPinging || this.#session.destroyed) return;
    this.#isPinging = true;
    const callOff = this.#clock.after(PING_LIMIT_MS, () => this.#lose("no-answer"));
    this.#session.ping(() => {
      this.#isPinging = false;
      callOff();
    });
  }
}

type ResponseHeaders = IncomingHttpHeaders & IncomingHttpStatusHeader;

/** Reads the answer; undefined, and perhaps why, when the stream ends without one. `done` is called once. */
function readAnswer(
  stream: ClientHttp2Stream,
  clock: GatewayClock,
  done: (answer: ApnsAnswer | undefined, error?: unknown) => void,
): void {
  let headers: ResponseHeaders | undefined;
  let body = "";
  stream.setEncoding("utf8");
  stream.on("response", (received) => {
    headers = received;
  });
  stream.on("data", (text: string) => {
    body = (body + text).slice(0, MAX_ANSWER_BYTES);
  });
  let failure: unknown;
  // An error is followed by "close" always.
  stream.on("error", (error) => {
    failure = error;
  });
  stream.on("close", () => {
    const status = headers?.[":status"];
    // These say all by themselves, whatever has become of the connection since; to send again would be to push twice.
    const isClear = status === 200 || status === 410;
    const hasEnded = stream.readableEnded && stream.rstCode === constants.NGHTTP2_NO_ERROR;
    const isWhole = isClear || hasEnded;
    if (headers === undefined || status === undefined || !isWhole) done(undefined, failure);
    else done({ status, ...readBody(body), retryAfterMs: retryAfterOf(headers, clock) });
  });
}

function retryAfterOf(headers: ResponseHeaders, clock: GatewayClock): number | undefined {
  return parseRetryAfter(headers["retry-after"], clock.wallMs());
}

function readBody(text: string): Pick<ApnsAnswer, "reason" | "timestampMs"> {
  const parsed = parseJsonObject(text);
  const reason = parsed["reason"];
  const timestamp = parsed["timestamp"];
  return {
    reason: typeof reason === "string" ? reason : "",
    timestampMs:
      typeof timestamp === "number" && Number.isFinite(timestamp) ? timestamp : undefined,
  };
}
