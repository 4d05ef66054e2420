import { answerTo, methodOf } from "../support/messages.ts";
import { SipSocket } from "./sip-socket.ts";
import { WirePeer } from "./wire-peer.ts";

export interface RegisterOptions {
  readonly expiresSec?: number;
  /** One more than the last when absent. */
  readonly cseq?: number;
  readonly headers?: readonly string[];
  /** Where it is sent, if not where the phone sends everything. */
  readonly port?: number;
}

/** A phone on a socket of its own that registers at midreg and takes whatever it is called for. */
export class WirePhone extends WirePeer {
  readonly user: string;
  readonly callId: string;
  /** CSeq of the last REGISTER. */
  cseq = 10;
  /** URI parameters of its contact. */
  contactParams = "";
  readonly #serverPort: number;

  private constructor(socket: SipSocket, user: string, serverPort: number) {
    super(socket);
    this.user = user;
    this.callId = `call-of-${user}-${socket.port}`;
    this.#serverPort = serverPort;
    this.answering = (request) => this.#answer(request);
  }

  static async openPhone(user: string, serverPort: number): Promise<WirePhone> {
    return new WirePhone(await SipSocket.open(), user, serverPort);
  }

  get contact(): string {
    return `sip:${this.user}@127.0.0.1:${this.port}${this.contactParams}`;
  }

  get address(): string {
    return `sip:${this.user}@sip.test`;
  }

  /** Registers or refreshes; gives the final response. */
  async register(options: RegisterOptions = {}): Promise<string> {
    return this.request(this.buildRegister(options), options.port ?? this.#serverPort);
  }

  buildRegister({ expiresSec = 600, cseq, headers = [] }: RegisterOptions = {}): string {
    const number = cseq ?? this.cseq + 1;
    this.cseq = Math.max(this.cseq, number);
    return this.build({
      method: "REGISTER",
      uri: "sip:sip.test",
      from: `<${this.address}>;tag=${this.user}`,
      to: `<${this.address}>`,
      callId: this.callId,
      cseq: number,
      headers: [`Contact: <${this.contact}>`, `Expires: ${expiresSec}`, ...headers],
    });
  }

  /** How many requests of that method it got, repeated ones counted once. */
  count(method: string): number {
    const own = this.requests.filter((text) => methodOf(text) === method);
    return new Set(own).size;
  }

  #answer(request: string): string {
    const headers = methodOf(request) === "INVITE" ? [`Contact: <${this.contact}>`] : [];
    return answerTo(request, 200, "OK", { tag: `phone-${this.user}`, headers });
  }
}
