import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { parseAuthHeader } from "../../src/sip/auth-header.ts";
import { StreamFramer } from "../../src/sip/stream-framer.ts";
import { authorizationFor } from "../auth/fixtures.ts";
import { answerTo, headerLine, message, methodOf, statusOf } from "../support/messages.ts";
import { until } from "../support/peers/wait.ts";

const ANSWER_MS = 5000;
const EXPIRES_SEC = 600;

interface Flow {
  readonly regId: number;
  readonly socket: Socket;
  readonly place: string;
  readonly callId: string;
  readonly responses: string[];
  cseq: number;
}

/** A phone with several flows, each a TCP connection (RFC 5626): takes every call, on whichever it comes. */
export class FlowPhone {
  readonly user: string;
  /** Requests that came, and the reg-id of the flow they came on. */
  readonly requests: Array<{ readonly regId: number; readonly text: string }> = [];
  readonly #port: number;
  readonly #instance = `urn:uuid:${randomUUID()}`;
  readonly #flows = new Map<number, Flow>();

  /** `port`: where midreg takes TCP on the loopback. */
  constructor(user: string, port: number) {
    this.user = user;
    this.#port = port;
  }

  /** Opens a flow and registers over it; gives the 200. */
  async open(regId: number): Promise<string> {
    const socket = connect(this.#port, "127.0.0.1");
    await once(socket, "connect");
    const place = `127.0.0.1:${socket.localPort ?? 0}`;
    const flow: Flow = {
      regId,
      socket,
      place,
      callId: `${this.user}-${regId}-${place}`,
      responses: [],
      cseq: 0,
    };
    this.#flows.set(regId, flow);
    this.#listen(flow);
    return this.#register(flow);
  }

  /** Registers over a flow again. */
  async refresh(regId: number): Promise<string> {
    return this.#register(this.#flow(regId));
  }

  /** Ends the connection of a flow, as a network does. */
  async cut(regId: number): Promise<void> {
    const { socket } = this.#flow(regId);
    this.#flows.delete(regId);
    socket.destroy();
    await once(socket, "close");
  }

  close(): void {
    for (const { socket } of this.#flows.values()) socket.destroy();
  }

  /** Of the requests of a method, the flows that they came on. */
  flowsOf(method: string): readonly number[] {
    return this.requests.filter(({ text }) => methodOf(text) === method).map(({ regId }) => regId);
  }

  async #register(flow: Flow): Promise<string> {
    const first = await this.#ask(flow, []);
    if (statusOf(first) !== 401) return first;
    const { params } = parseAuthHeader(headerLine(first, "WWW-Authenticate")) ?? {};
    const credentials = authorizationFor(params ?? new Map(), {
      username: this.user,
      isPlain: params?.has("qop") !== true,
    });
    return this.#ask(flow, [credentials]);
  }

  async #ask(flow: Flow, headers: readonly string[]): Promise<string> {
    flow.cseq += 1;
    const cseq = `${flow.cseq} REGISTER`;
    const contact = `<sip:${this.user}@${flow.place};transport=tcp;ob>`;
    const text = message(
      "REGISTER sip:sip.test SIP/2.0",
      `Via: SIP/2.0/TCP ${flow.place};branch=z9hG4bK-${flow.callId}-${flow.cseq};rport`,
      "Max-Forwards: 70",
      `From: <sip:${this.user}@sip.test>;tag=flow-${flow.regId}`,
      `To: <sip:${this.user}@sip.test>`,
      `Call-ID: ${flow.callId}`,
      `CSeq: ${cseq}`,
      `Contact: ${contact};+sip.instance="<${this.#instance}>";reg-id=${flow.regId}`,
      `Expires: ${EXPIRES_SEC}`,
      "Supported: path, outbound",
      ...headers,
      "Content-Length: 0",
    );
    flow.socket.write(text, "latin1");
    return until(`an answer to REGISTER ${cseq}`, ANSWER_MS, () =>
      flow.responses.find(
        (answer) => headerLine(answer, "CSeq") === cseq && statusOf(answer) >= 200,
      ),
    );
  }

  #listen(flow: Flow): void {
    const framer = new StreamFramer();
    flow.socket.setEncoding("latin1");
    flow.socket.on("error", () => undefined);
    flow.socket.on("data", (chunk) => {
      for (const event of framer.push(String(chunk))) {
        if (event.kind === "message") this.#hear(flow, event.text);
      }
    });
  }

  #hear(flow: Flow, text: string): void {
    if (methodOf(text) === "") {
      flow.responses.push(text);
      return;
    }
    this.requests.push({ regId: flow.regId, text });
    if (methodOf(text) === "ACK") return;
    const headers = [`Contact: <sip:${this.user}@${flow.place};transport=tcp;ob>`];
    flow.socket.write(answerTo(text, 200, "OK", { tag: `${this.user}-tag`, headers }), "latin1");
  }

  #flow(regId: number): Flow {
    const flow = this.#flows.get(regId);
    if (flow === undefined) throw new Error(`there is no flow ${regId}`);
    return flow;
  }
}
