import digest from "sip/digest.js";
import { IncomingCall, OutgoingCall } from "./call.ts";
import { randomToken, type SipRequest, type SipResponse, SipStack } from "./sip-stack.ts";

export interface PhoneOptions {
  readonly user: string;
  readonly domain: string;
  /** Where everything is sent, as a loose route: midreg, or the main registrar itself. */
  readonly outboundPort: number;
  /** The phone's own port. */
  readonly port: number;
  readonly password: string;
  readonly expiresSec: number;
  /** Parameters of its Contact URI, each with a leading semicolon. */
  readonly contactParams?: string;
  readonly onError: (error: Error) => void;
}

/** How a registration went. */
export interface RegisterOutcome {
  readonly status: number;
  /** From the first REGISTER sent to the last answer received. */
  readonly latencyMs: number;
  /** Whether the first REGISTER was challenged and a second, with credentials, had to follow. */
  readonly isChallenged: boolean;
  /** Whether the answer lists the phone's own contact with a lifetime above 0. */
  readonly isListed: boolean;
}

/** A phone on a socket of its own: registers, refreshes, calls and is called. */
export class Phone {
  readonly user: string;
  readonly contact: string;
  readonly outboundPort: number;
  readonly #options: PhoneOptions;
  readonly #stack: SipStack;
  #callId = `${randomToken()}@phone`;
  readonly #tag = randomToken();
  readonly #calls = new Map<string, IncomingCall | OutgoingCall>();
  #cseq = 0;
  #onCall: ((call: IncomingCall) => void) | undefined;

  constructor(options: PhoneOptions) {
    this.user = options.user;
    this.outboundPort = options.outboundPort;
    this.#options = options;
    this.#stack = new SipStack({
      port: options.port,
      hostname: "phone.test",
      onRequest: (request) => {
        this.#receive(request);
      },
      onError: options.onError,
    });
    const place = `${this.#stack.address}:${options.port}`;
    this.contact = `sip:${options.user}@${place}${options.contactParams ?? ""}`;
  }

  /** REGISTERs sent, retransmissions not counted. */
  get registers(): number {
    return this.#cseq;
  }

  /** Registers, or refreshes: same source, same Call-ID, next CSeq. Answers a challenge once. */
  async register(): Promise<RegisterOutcome> {
    const startMs = performance.now();
    const first = this.#buildRegister();
    const answer = await this.#stack.finalResponse(first);
    if (answer.status !== 401) return this.#outcome(answer, startMs, false);
    const second = this.#buildRegister();
    const { user, password } = this.#options;
    digest.signRequest({}, second, answer, { user, password });
    return this.#outcome(await this.#stack.finalResponse(second), startMs, true);
  }

  /** Forgets what it has registered with, as a phone that starts anew does: another Call-ID, counted from 1. */
  reboot(): void {
    this.#callId = `${randomToken()}@phone`;
    this.#cseq = 0;
  }

  /** Resolves with the next call that comes in. Without anybody waiting a call is answered 486. */
  async nextCall(): Promise<IncomingCall> {
    return new Promise((resolve) => {
      this.#onCall = resolve;
    });
  }

  /** Calls a user of the domain. */
  call(user: string): OutgoingCall {
    const uri = `sip:${user}@${this.#options.domain}`;
    const invite = this.#build("INVITE", {
      uri,
      to: uri,
      callId: `${randomToken()}@phone`,
      seq: 1,
    });
    const call = new OutgoingCall(this.#stack, invite);
    this.#calls.set(invite.headers["call-id"], call);
    return call;
  }

  close(): void {
    this.#stack.close();
  }

  #buildRegister(): SipRequest {
    this.#cseq += 1;
    const { domain, user, expiresSec } = this.#options;
    const to = `sip:${user}@${domain}`;
    const dialog = { uri: `sip:${domain}`, to, callId: this.#callId, seq: this.#cseq };
    const register = this.#build("REGISTER", dialog);
    register.headers.expires = expiresSec;
    return register;
  }

  #build(
    method: string,
    dialog: { uri: string; to: string; callId: string; seq: number },
  ): SipRequest {
    const { user, domain, outboundPort } = this.#options;
    return {
      method,
      uri: dialog.uri,
      headers: {
        via: [],
        route: [{ uri: `sip:127.0.0.1:${outboundPort};lr`, params: {} }],
        from: { uri: `sip:${user}@${domain}`, params: { tag: this.#tag } },
        to: { uri: dialog.to, params: {} },
        "call-id": dialog.callId,
        cseq: { seq: dialog.seq, method },
        contact: [{ uri: this.contact, params: {} }],
        "max-forwards": 70,
        "user-agent": "demo phone",
      },
    };
  }

  #outcome(answer: SipResponse, startMs: number, isChallenged: boolean): RegisterOutcome {
    const own = answer.headers.contact?.find((contact) => contact.uri === this.contact);
    return {
      status: answer.status,
      latencyMs: performance.now() - startMs,
      isChallenged,
      isListed:
        Number(own?.params["expires"] ?? answer.headers.expires ?? 0) > 0 && own !== undefined,
    };
  }

  #receive(request: SipRequest): void {
    const call = this.#calls.get(request.headers["call-id"]);
    if (request.method === "INVITE") this.#ring(request, call !== undefined);
    else if (call !== undefined) call.receive(request);
    else if (request.method === "OPTIONS") this.#stack.respond(request, 200, "OK");
    else if (request.method !== "ACK") this.#stack.respond(request, 481, "No Such Call");
  }

  #ring(invite: SipRequest, isKnown: boolean): void {
    if (isKnown) {
      this.#options.onError(new Error(`${this.user} got one call twice`));
      this.#stack.respond(invite, 482, "Merged Request");
      return;
    }
    const call = new IncomingCall(this.#stack, invite, this.contact, randomToken());
    this.#calls.set(invite.headers["call-id"], call);
    if (this.#onCall === undefined) call.reject();
    else this.#onCall(call);
    this.#onCall = undefined;
  }
}
