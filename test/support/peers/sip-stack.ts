/**
 * One SIP user agent's socket and transactions: a stack of the npm package `sip`, with its traps closed.
 */
import { createHash, randomBytes } from "node:crypto";
import sip, { type Extension, type Request, type Response, type Stack } from "sip";

export type SipRequest = Request;
export type SipResponse = Response;
type SipMessage = SipRequest | SipResponse;

export interface SipStackOptions {
  readonly port: number;
  /** Goes into Via instead of an address; see the constructor. */
  readonly hostname: string;
  readonly onRequest: (request: SipRequest) => void;
  /** Told of exceptions in `onRequest` and of messages that could not be handled. */
  readonly onError: (error: Error) => void;
}

const ADDRESS = "127.0.0.1";

/** A UDP endpoint on loopback. The port must be free: the package cannot report that it is not. */
export class SipStack {
  readonly address = ADDRESS;
  readonly port: number;
  readonly #stack: Stack;

  constructor(options: SipStackOptions) {
    this.port = options.port;
    // The package takes every URI whose host is its own host name for itself and ignores the port, so
    // on loopback its name must not be the address. Peers answer to the source (RFC 3581).
    this.#stack = sip.create(
      {
        address: ADDRESS,
        port: options.port,
        publicAddress: options.hostname,
        hostname: options.hostname,
        tcp: false,
        logger: { send: lengthenBranch, recv: shortenBranch, error: options.onError },
      },
      (request) => {
        options.onRequest(request);
      },
    );
  }

  /** Sends a request statefully; calls back for every response, its own 408 after 32 s included. */
  request(request: SipRequest, onResponse: (response: SipResponse) => void): void {
    this.#stack.send(request, onResponse);
  }

  /** Sends a request and waits for the final response. */
  async finalResponse(request: SipRequest): Promise<SipResponse> {
    return new Promise((resolve) => {
      this.request(request, (response) => {
        if (response.status >= 200) resolve(response);
      });
    });
  }

  /** Sends an ACK, which has no transaction. */
  acknowledge(request: SipRequest): void {
    this.#stack.send(request);
  }

  /** Cancels a request sent before; the package wants the Via of the request itself (RFC 3261 section 9.1). */
  cancel(request: SipRequest): void {
    const via = request.headers.via[0];
    if (via === undefined) return;
    const { to, from, "call-id": callId, cseq, route } = request.headers;
    const branch = withoutSuffix(via.params["branch"] ?? "");
    this.#stack.send({
      method: "CANCEL",
      uri: request.uri,
      headers: {
        via: [{ ...via, params: { ...via.params, branch } }],
        to,
        from,
        "call-id": callId,
        cseq: { seq: cseq.seq, method: "CANCEL" },
        "max-forwards": 70,
        ...(route === undefined ? {} : { route }),
      },
    });
  }

  /** Sends a response that is complete already, by way of the transaction of its top Via. */
  forward(response: SipResponse): void {
    this.#stack.send(response);
  }

  respond(request: SipRequest, status: number, reason: string, extension?: Extension): SipResponse {
    const response = sip.makeResponse(request, status, reason, extension);
    this.#stack.send(response);
    return response;
  }

  close(): void {
    this.#stack.destroy();
  }
}

/** An unguessable tag or Call-ID. */
export function randomToken(): string {
  return randomBytes(8).toString("hex");
}

// The package draws branches from a million numbers. A phone that refreshes often repeats one while the
// server still remembers it, and gets the answer to an older request. Both hooks run inside the package:
// on the wire the branch also names Call-ID and CSeq, the package never sees that.
const SUFFIX_MARK = ".";

function lengthenBranch(message: SipMessage): void {
  const params = message.headers.via[0]?.params;
  const branch = params?.["branch"];
  if (message.method === undefined || params === undefined || branch === undefined) return;
  if (branch === null || branch.includes(SUFFIX_MARK)) return;
  const { "call-id": callId, cseq } = message.headers;
  const suffix = createHash("sha1").update(`${callId} ${cseq.seq}`).digest("hex").slice(0, 12);
  params["branch"] = `${branch}${SUFFIX_MARK}${suffix}`;
}

function shortenBranch(message: SipMessage): void {
  const params = message.headers.via[0]?.params;
  const branch = params?.["branch"];
  if (message.method !== undefined || params === undefined) return;
  if (typeof branch === "string") params["branch"] = withoutSuffix(branch);
}

function withoutSuffix(branch: string): string {
  return branch.split(SUFFIX_MARK, 1)[0] ?? branch;
}
