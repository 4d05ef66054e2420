import type { MemoryNetwork } from "./memory-network.ts";
import { message, methodOf, statusOf } from "./messages.ts";

export interface RegisterOptions {
  readonly expires?: number | undefined;
  readonly cseq?: number;
  readonly callId?: string;
  /** Whole value of the Contact header; empty for none. */
  readonly contact?: string;
  /** Further header lines. */
  readonly headers?: readonly string[];
  readonly branch?: string;
  /** Where it is sent from, when not from the phone's own place. */
  readonly from?: string;
}

/** A phone on the memory network: sends what a test says and keeps what it hears. */
export class Phone {
  readonly user: string;
  readonly place: string;
  readonly responses: string[] = [];
  readonly requests: string[] = [];
  /** Called for every request, so that a test can let it answer. */
  onRequest: ((text: string, from: string) => void) | undefined;
  callId: string;
  cseq = 0;
  readonly #network: MemoryNetwork;
  readonly #server: string;
  /** Where it is reached. */
  #reachedAt: string;
  #branches = 0;

  constructor(
    network: MemoryNetwork,
    options: { readonly user: string; readonly place: string; readonly server: string },
  ) {
    this.#network = network;
    this.#server = options.server;
    this.user = options.user;
    this.place = options.place;
    this.#reachedAt = options.place;
    this.callId = `call-of-${options.user}-${options.place}`;
    this.moveTo(options.place);
  }

  /** It is reached at another place from now on, and at no other. */
  moveTo(place: string): void {
    this.#network.leave(this.#reachedAt);
    this.#reachedAt = place;
    this.#network.listen(place, (text, address, port) => this.#hear(text, `${address}:${port}`));
  }

  get contact(): string {
    return `<sip:${this.user}@${this.place}>`;
  }

  /** Sends a REGISTER; the CSeq goes up by one unless it is given. */
  register(options: RegisterOptions = {}): string {
    const text = this.buildRegister(options);
    this.send(text, options.from);
    return text;
  }

  buildRegister(options: RegisterOptions = {}): string {
    this.cseq = options.cseq ?? this.cseq + 1;
    this.#branches += 1;
    const { expires = 60, headers = [], contact = this.contact } = options;
    const branch = options.branch ?? `z9hG4bK-${this.user}-${this.place}-${this.#branches}`;
    return message(
      "REGISTER sip:sip.test SIP/2.0",
      `Via: SIP/2.0/UDP ${options.from ?? this.place};branch=${branch};rport`,
      "Max-Forwards: 70",
      `From: <sip:${this.user}@sip.test>;tag=from-${this.user}`,
      `To: <sip:${this.user}@sip.test>`,
      `Call-ID: ${options.callId ?? this.callId}`,
      `CSeq: ${this.cseq} REGISTER`,
      ...(contact === "" ? [] : [`Contact: ${contact}`]),
      ...(options.expires === undefined && "expires" in options ? [] : [`Expires: ${expires}`]),
      "User-Agent: test phone",
      ...headers,
      "Content-Length: 0",
    );
  }

  send(text: string, from = this.place, to = this.#server): void {
    this.#network.send(text, from, to);
  }

  /** Status of the last response; 0 when there was none. */
  get lastStatus(): number {
    return statusOf(this.last);
  }

  /** The last response; empty when there was none. */
  get last(): string {
    return this.responses.at(-1) ?? "";
  }

  get statuses(): number[] {
    return this.responses.map((text) => statusOf(text));
  }

  #hear(text: string, from: string): void {
    if (methodOf(text) === "") {
      this.responses.push(text);
      return;
    }
    this.requests.push(text);
    this.onRequest?.(text, from);
  }
}
