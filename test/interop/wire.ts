import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { WebSocket } from "ws";
import { StreamFramer } from "../../src/sip/stream-framer.ts";
import { until } from "../support/peers/wait.ts";
import type { StreamTransport } from "./world.ts";

export interface WireOptions {
  readonly transport: StreamTransport;
  readonly port: number;
  /** Which address of the loopback it comes from; 127.0.0.1 when left out. */
  readonly localAddress?: string;
  readonly ca: string;
}

const ANSWER_MS = 5000;
const MAX_KEPT = 50;

/** A SIP client at the wire: what it sends is written by hand, what it gets are whole messages. */
export class Wire {
  readonly transport: StreamTransport;
  readonly #send: (bytes: string) => void;
  readonly #end: () => void;
  readonly #heard: string[] = [];
  /** Of its own, as each start of a device has. */
  readonly #callId = randomUUID();
  #cseq = 0;
  isClosed = false;

  private constructor(transport: StreamTransport, send: (bytes: string) => void, end: () => void) {
    this.transport = transport;
    this.#send = send;
    this.#end = end;
  }

  static async open(options: WireOptions): Promise<Wire> {
    const { transport, port, localAddress = "127.0.0.1", ca } = options;
    if (transport === "ws" || transport === "wss") {
      const socket = new WebSocket(`${transport}://127.0.0.1:${port}`, "sip", { ca, localAddress });
      await once(socket, "open");
      const wire = new Wire(
        transport,
        (bytes) => socket.send(Buffer.from(bytes, "latin1"), { binary: false }),
        () => socket.terminate(),
      );
      socket.on("message", (data: Buffer) => wire.#keep(data.toString("latin1")));
      socket.on("close", () => wire.#closed());
      socket.on("error", () => undefined);
      return wire;
    }
    const place = { host: "127.0.0.1", port, localAddress };
    const socket: Socket = transport === "tls" ? connectTls({ ...place, ca }) : connectTcp(place);
    await once(socket, transport === "tls" ? "secureConnect" : "connect");
    const wire = new Wire(
      transport,
      (bytes) => socket.write(bytes, "latin1"),
      () => socket.destroy(),
    );
    const framer = new StreamFramer();
    socket.on("data", (bytes: Buffer) => {
      for (const event of framer.push(bytes.toString("latin1"))) {
        if (event.kind === "message") wire.#keep(event.text);
      }
    });
    socket.on("close", () => wire.#closed());
    socket.on("error", () => undefined);
    return wire;
  }

  send(bytes: string): void {
    this.#send(bytes);
  }

  close(): void {
    this.#end();
  }

  /** Sends a request for a user and waits for its final answer; returns the status. */
  async ask(method: string, user: string, headers: readonly string[] = []): Promise<string> {
    const cseq = this.write(method, user, headers);
    const final = new RegExp(`^SIP/2\\.0 [2-6]\\d\\d [\\s\\S]*?^CSeq: ${cseq} `, "mu");
    return until(`${user} gets an answer to its ${method} by ${this.transport}`, ANSWER_MS, () =>
      this.#heard.find((text) => final.test(text)),
    );
  }

  /** Sends a request for a user; returns its CSeq number. */
  write(method: string, user: string, headers: readonly string[] = []): number {
    this.#cseq += 1;
    const aor = `sip:${user}@sip.test`;
    const lines = [
      `${method} ${method === "OPTIONS" ? "sip:midreg.invalid" : "sip:sip.test"} SIP/2.0`,
      `Via: SIP/2.0/${this.transport.toUpperCase()} wire.invalid;branch=z9hG4bK-${this.#callId}-${this.#cseq};rport`,
      "Max-Forwards: 70",
      `From: <${aor}>;tag=wire-${user}`,
      `To: <${aor}>`,
      `Call-ID: ${this.#callId}`,
      `CSeq: ${this.#cseq} ${method}`,
      ...headers,
      "Content-Length: 0",
      "\r\n",
    ];
    this.#send(lines.join("\r\n"));
    return this.#cseq;
  }

  /** Registers with the password that Kamailio takes, and refreshes so often. Fails on anything but a 200. */
  async register(user: string, refreshes = 0): Promise<void> {
    const contact = `Contact: <sip:${user}@wire.invalid;transport=${this.transport}>;expires=600`;
    const challenged = await this.ask("REGISTER", user, [contact]);
    const credentials = answerChallenge(challenged, user);
    for (let sent = 0; sent <= refreshes; sent += 1) {
      const headers = sent === 0 ? [contact, credentials] : [contact];
      // A refresh comes after the answer to the one before.
      // oxlint-disable-next-line no-await-in-loop
      const answer = await this.ask("REGISTER", user, headers);
      if (!answer.startsWith("SIP/2.0 200 "))
        throw new Error(`${user}: ${answer.split("\r\n", 1)[0]}`);
    }
  }

  /** Takes its contact back. */
  async unregister(user: string): Promise<void> {
    const contact = `Contact: <sip:${user}@wire.invalid;transport=${this.transport}>;expires=0`;
    const challenged = await this.ask("REGISTER", user, [contact]);
    if (challenged.startsWith("SIP/2.0 200 ")) return;
    const answer = await this.ask("REGISTER", user, [contact, answerChallenge(challenged, user)]);
    if (!answer.startsWith("SIP/2.0 200 "))
      throw new Error(`${user}: ${answer.split("\r\n", 1)[0]}`);
  }

  async closedWithin(limitMs: number): Promise<void> {
    await until(
      `midreg closes a connection by ${this.transport}`,
      limitMs,
      () => this.isClosed || undefined,
    );
  }

  #keep(text: string): void {
    this.#heard.push(text);
    if (this.#heard.length > MAX_KEPT) this.#heard.shift();
  }

  #closed(): void {
    this.isClosed = true;
  }
}

function answerChallenge(response: string, user: string): string {
  const challenge = /^WWW-Authenticate: Digest (.*)$/imu.exec(response)?.[1];
  if (challenge === undefined) throw new Error(`${user}: ${response.split("\r\n", 1)[0]}`);
  const value = (name: string): string =>
    new RegExp(`\\b${name}="([^"]*)"`, "iu").exec(challenge)?.[1] ?? "";
  const [realm, nonce, uri] = [value("realm"), value("nonce"), "sip:sip.test"];
  const a1 = md5(`${user}:${realm}:pw-${user}`);
  const digest = md5(`${a1}:${nonce}:${md5(`REGISTER:${uri}`)}`);
  return `Authorization: Digest username="${user}", realm="${realm}", nonce="${nonce}", uri="${uri}", response="${digest}", algorithm=MD5`;
}

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}
