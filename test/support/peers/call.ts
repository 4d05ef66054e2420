import { calleeDialog, callerDialog, type Dialog, requestInDialog } from "./dialog.ts";
import { Signal } from "./signal.ts";
import type { SipRequest, SipResponse, SipStack } from "./sip-stack.ts";

const T1_MS = 500;
const T2_MS = 4000;
const ANSWER_GIVEN_UP_MS = 64 * T1_MS;

/** A call that a phone gets. It rings at once; what happens then is up to `answer` and `reject`. */
export class IncomingCall {
  /** The caller has confirmed our 200 (RFC 3261 section 13.3.1.4). */
  readonly acknowledged = new Signal();
  /** The other side has hung up or cancelled. */
  readonly ended = new Signal();
  readonly #stack: SipStack;
  readonly #invite: SipRequest;
  readonly #contact: string;
  readonly #tag: string;
  #answer: SipResponse | undefined;

  constructor(stack: SipStack, invite: SipRequest, contact: string, tag: string) {
    this.#stack = stack;
    this.#invite = invite;
    this.#contact = contact;
    this.#tag = tag;
    this.#respond(180, "Ringing");
  }

  /** How many elements the INVITE came through, its sender included. */
  get hops(): number {
    return this.#invite.headers.via.length;
  }

  answer(): void {
    this.#answer = this.#respond(200, "OK", sdp(this.#stack.port));
    this.#repeatAnswer(T1_MS, performance.now() + ANSWER_GIVEN_UP_MS);
  }

  reject(): void {
    this.#respond(486, "Busy Here");
  }

  /** Takes an ACK, BYE or CANCEL that belongs to this call. */
  receive(request: SipRequest): void {
    if (request.method === "ACK") {
      this.acknowledged.raise();
      return;
    }
    this.#stack.respond(request, 200, "OK");
    if (request.method === "CANCEL") this.#respond(487, "Request Terminated");
    this.ended.raise();
  }

  /** Sends BYE and waits for its answer, whose status it returns. */
  async hangUp(): Promise<number> {
    if (this.#answer === undefined) throw new Error("a call that was not answered has no dialog");
    const bye = requestInDialog(calleeDialog(this.#invite, this.#answer), "BYE", 1);
    return (await this.#stack.finalResponse(bye)).status;
  }

  #respond(status: number, reason: string, content?: string): SipResponse {
    const { to, "record-route": recordRoute } = this.#invite.headers;
    return this.#stack.respond(this.#invite, status, reason, {
      headers: {
        to: { ...to, params: { ...to.params, tag: this.#tag } },
        contact: [{ uri: this.#contact, params: {} }],
        ...(recordRoute === undefined ? {} : { "record-route": recordRoute }),
        ...(content === undefined ? {} : { "content-type": "application/sdp" }),
      },
      ...(content === undefined ? {} : { content }),
    });
  }

  // The 2xx is repeated end to end until the ACK comes (RFC 3261 section 13.3.1.4).
  #repeatAnswer(waitMs: number, giveUpAtMs: number): void {
    setTimeout(() => {
      const isOver = this.acknowledged.isRaised || this.ended.isRaised;
      if (this.#answer === undefined || isOver || performance.now() > giveUpAtMs) return;
      this.#stack.forward(this.#answer);
      this.#repeatAnswer(Math.min(2 * waitMs, T2_MS), giveUpAtMs);
    }, waitMs).unref();
  }
}

/** A call that a phone places. */
export class OutgoingCall {
  /** A 180 came. */
  readonly ringing = new Signal();
  /** The other side has hung up. */
  readonly ended = new Signal();
  readonly #stack: SipStack;
  readonly #invite: SipRequest;
  readonly #final: Promise<SipResponse>;
  #dialog: Dialog | undefined;

  constructor(stack: SipStack, invite: SipRequest) {
    this.#stack = stack;
    this.#invite = { ...invite, content: sdp(stack.port) };
    this.#invite.headers["content-type"] = "application/sdp";
    this.#final = new Promise((resolve) => {
      stack.request(this.#invite, (response) => {
        if (response.status === 180) this.ringing.raise();
        if (response.status >= 200) resolve(response);
        if (response.status >= 200 && response.status < 300) this.#acknowledge(response);
      });
    });
  }

  /** The status of the final answer; a 2xx has been acknowledged by then. */
  async status(): Promise<number> {
    return (await this.#final).status;
  }

  /** Takes a BYE that belongs to this call. */
  receive(request: SipRequest): void {
    this.#stack.respond(request, 200, "OK");
    this.ended.raise();
  }

  cancel(): void {
    this.#stack.cancel(this.#invite);
  }

  /** Sends BYE and waits for its answer, whose status it returns. */
  async hangUp(): Promise<number> {
    if (this.#dialog === undefined) throw new Error("a call that was not answered has no dialog");
    const seq = this.#invite.headers.cseq.seq + 1;
    return (await this.#stack.finalResponse(requestInDialog(this.#dialog, "BYE", seq))).status;
  }

  // Runs for every copy of the 2xx: each has to be acknowledged (RFC 3261 section 13.2.2.4).
  #acknowledge(answer: SipResponse): void {
    this.#dialog = callerDialog(this.#invite, answer);
    this.#stack.acknowledge(requestInDialog(this.#dialog, "ACK", this.#invite.headers.cseq.seq));
  }
}

function sdp(port: number): string {
  return [
    "v=0",
    `o=phone ${port} 1 IN IP4 127.0.0.1`,
    "s=-",
    "c=IN IP4 127.0.0.1",
    "t=0 0",
    `m=audio ${port} RTP/AVP 0`,
    "a=rtpmap:0 PCMU/8000",
    "",
  ].join("\r\n");
}
