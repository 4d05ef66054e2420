import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { WebSocket } from "ws";
import { StreamFramer } from "../../src/sip/stream-framer.ts";
import { answerTo, headerLine, message, methodOf, statusOf } from "../support/messages.ts";
import { waitUntil } from "../support/wait-until.ts";

export type StreamTransport = "tcp" | "tls" | "ws" | "wss";

export interface StreamPlace {
  readonly transport: StreamTransport;
  readonly port: number;
  /** Authority that midreg's certificate is checked against; needed by tls and wss. */
  readonly ca?: string | undefined;
}

/** What is sent and heard on a connection, whatever carries it. */
interface Carrier {
  send(bytes: string): void;
  close(): void;
}

const SOON = { timeoutMs: 30_000, everyMs: 10 };

/** A phone on a connection of its own. It answers 200 to whatever comes on it, unless it is told otherwise. */
export class StreamPhone {
  readonly user: string;
  readonly transport: StreamTransport;
  /** What its Via says. */
  sentBy = "phone.invalid";
  /** Whole messages and keep-alives, in the order in which they came. */
  readonly heard: string[] = [];
  isClosed = false;
  answering: (request: string) => string | undefined = (request) => answerTo(request, 200, "OK");
  readonly #callId: string;
  readonly #carrier: Carrier;
  #cseq = 0;

  private constructor(user: string, { transport, port, ca }: StreamPlace) {
    this.user = user;
    this.transport = transport;
    this.#callId = `call-of-${user}-${transport}-${port}-${performance.now()}`;
    const hear = (text: string): void => this.#hear(text);
    const close = (): void => {
      this.isClosed = true;
    };
    this.#carrier =
      transport === "ws" || transport === "wss"
        ? webSocketCarrier(new WebSocket(`${transport}://127.0.0.1:${port}`, "sip", { ca }), {
            hear,
            close,
          })
        : streamCarrier(
            transport === "tls"
              ? connectTls({ host: "127.0.0.1", port, ca })
              : connectTcp({ host: "127.0.0.1", port }),
            { hear, close },
          );
  }

  /** Connects; what is sent before that is done waits. */
  static open(user: string, place: StreamPlace): StreamPhone {
    return new StreamPhone(user, place);
  }

  get requests(): readonly string[] {
    return this.heard.filter((text) => methodOf(text) !== "");
  }

  count(method: string): number {
    return this.requests.filter((text) => methodOf(text) === method).length;
  }

  send(bytes: string): void {
    this.#carrier.send(bytes);
  }

  /** Ends the connection without a word. */
  close(): void {
    this.#carrier.close();
  }

  /** Registers or refreshes; returns the status. */
  async register(expiresSec = 600, headers: readonly string[] = []): Promise<number> {
    const contact = `<sip:${this.user}@phone.invalid;transport=${this.transport}>`;
    const own = [`Contact: ${contact};expires=${expiresSec}`, ...headers];
    return statusOf(await this.answerTo(this.write("REGISTER", "sip:sip.test", own)));
  }

  /** Sends a request of the phone's; returns its CSeq number. */
  write(method: string, uri: string, headers: readonly string[] = []): number {
    this.#cseq += 1;
    const aor = `<sip:${this.user}@sip.test>`;
    const to = method === "REGISTER" ? aor : `<${uri}>`;
    const text = message(
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/${this.transport.toUpperCase()} ${this.sentBy};branch=z9hG4bK-${this.#callId}-${this.#cseq};rport`,
      "Max-Forwards: 70",
      `From: ${aor};tag=${this.user}`,
      `To: ${to}`,
      `Call-ID: ${this.#callId}`,
      `CSeq: ${this.#cseq} ${method}`,
      ...headers,
      "Content-Length: 0",
    );
    this.send(text);
    return this.#cseq;
  }

  /** The final response to a request of the phone's. */
  async answerTo(cseq: number): Promise<string> {
    const find = (): string | undefined =>
      this.heard.find(
        (text) => statusOf(text) >= 200 && headerLine(text, "CSeq").startsWith(`${cseq} `),
      );
    await waitUntil(`${this.user} is answered`, () => find() !== undefined, SOON);
    return find() ?? "";
  }

  #hear(text: string): void {
    this.heard.push(text);
    const answer = methodOf(text) === "" ? undefined : this.answering(text);
    if (answer !== undefined) this.send(answer);
  }
}

interface Hearing {
  readonly hear: (text: string) => void;
  readonly close: () => void;
}

/** CRLFs are heard as "\r\n", whatever they mean. */
function streamCarrier(socket: Socket, { hear, close }: Hearing): Carrier {
  const framer = new StreamFramer();
  socket.on("data", (bytes: Buffer) => {
    for (const event of framer.push(bytes.toString("latin1"))) {
      if (event.kind === "broken") socket.destroy();
      else hear(event.kind === "message" ? event.text : "\r\n");
    }
  });
  socket.on("close", close);
  socket.on("error", () => undefined);
  return { send: (bytes) => socket.write(bytes, "latin1"), close: () => socket.destroy() };
}

function webSocketCarrier(socket: WebSocket, { hear, close }: Hearing): Carrier {
  const opened = once(socket, "open");
  opened.catch(() => undefined);
  socket.on("message", (data: Buffer) => hear(data.toString("latin1")));
  socket.on("close", close);
  socket.on("error", () => undefined);
  return {
    send: (bytes) => {
      const send = (): void => socket.send(Buffer.from(bytes, "latin1"), { binary: false });
      if (socket.readyState === WebSocket.OPEN) send();
      else void opened.then(send, () => undefined);
    },
    close: () => socket.terminate(),
  };
}
