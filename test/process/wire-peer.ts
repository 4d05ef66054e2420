import { answerTo, headerLine, message } from "../support/messages.ts";
import { Exchange } from "./exchange.ts";
import { SipSocket } from "./sip-socket.ts";

/** Answers a request, at once or later; undefined for silence. */
export type Answering = (request: string) => string | undefined | Promise<string | undefined>;

/** What a request is built from. */
export interface RequestParts {
  readonly method: string;
  readonly uri: string;
  readonly from: string;
  readonly to: string;
  readonly callId: string;
  readonly cseq: number;
  /** Further header lines. */
  readonly headers?: readonly string[];
}

/** A SIP element on a socket of its own. It believes everything it hears. */
export class WirePeer {
  readonly socket: SipSocket;
  /** Every request that came, repeated ones too. */
  readonly requests: string[] = [];
  /** Every response that came, repeated ones too. */
  readonly responses: string[] = [];
  answering: Answering = (request) => answerTo(request, 200, "OK");
  readonly #exchanges = new Map<string, Exchange>();
  #branches = 0;

  protected constructor(socket: SipSocket) {
    this.socket = socket;
    socket.hear = (text, port) => {
      if (text.startsWith("SIP/2.0 ")) this.#hearResponse(text);
      else void this.#hearRequest(text, port);
    };
  }

  static async open(): Promise<WirePeer> {
    return new WirePeer(await SipSocket.open());
  }

  get port(): number {
    return this.socket.port;
  }

  /** Builds a request with a branch that was never used before. */
  build({ method, uri, from, to, callId, cseq, headers = [] }: RequestParts): string {
    this.#branches += 1;
    return message(
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP 127.0.0.1:${this.port};branch=z9hG4bK-${this.port}-${this.#branches};rport`,
      "Max-Forwards: 70",
      `From: ${from}`,
      `To: ${to}`,
      `Call-ID: ${callId}`,
      `CSeq: ${cseq} ${method}`,
      ...headers,
      "Content-Length: 0",
    );
  }

  /** Sends a request and gives its final response; rejects when none comes for long. */
  async request(text: string, port: number): Promise<string> {
    const exchange = new Exchange(() => void this.socket.send(text, port));
    this.#exchanges.set(branchOf(text), exchange);
    return exchange.final().finally(() => this.#exchanges.delete(branchOf(text)));
  }

  /** Gives up every request that waits for an answer. */
  giveUp(): void {
    for (const exchange of this.#exchanges.values()) exchange.giveUp();
  }

  async close(): Promise<void> {
    this.giveUp();
    await this.socket.close();
  }

  #hearResponse(text: string): void {
    this.responses.push(text);
    this.#exchanges.get(branchOf(text))?.hear(text);
  }

  async #hearRequest(text: string, port: number): Promise<void> {
    this.requests.push(text);
    if (text.startsWith("ACK ")) return;
    const answer = await this.answering(text);
    if (answer !== undefined) await this.socket.send(answer, port);
  }
}

/** Branch of the top Via; empty when there is none. */
export function branchOf(text: string): string {
  return /;branch=([^;,\s]+)/u.exec(headerLine(text, "Via"))?.[1] ?? "";
}
