/** Who takes part in a random call: a main registrar that forks it, and phones, each by RFC 3261 section 17. */
import type { MemoryNetwork } from "../support/memory-network.ts";
import {
  answerTo,
  headerLine,
  headerLines,
  message,
  methodOf,
  statusOf,
} from "../support/messages.ts";

const T1_MS = 500;
const T2_MS = 4000;
/** 64*T1: how long anything is sent again. */
export const LIFE_MS = 32_000;

export interface Place {
  readonly network: MemoryNetwork;
  readonly place: string;
  readonly midreg: string;
}

/** Sends a text again and again until it is told to stop, or its time is over. */
class Repeated {
  #isStopped = false;

  constructor({ network, place, midreg }: Place, text: string, mostMs = T2_MS) {
    const endMs = network.clock.nowMs() + LIFE_MS;
    const send = (waitMs: number): void => {
      if (this.#isStopped || network.clock.nowMs() >= endMs) return;
      network.send(text, place, midreg);
      network.clock.later(waitMs, () => send(Math.min(waitMs * 2, mostMs)));
    };
    send(T1_MS);
  }

  stop(): void {
    this.#isStopped = true;
  }
}

function viaBranch(text: string): string {
  return /;branch=([^;\s,]+)/u.exec(headerLine(text, "Via"))?.[1] ?? "";
}

function inviteTo(uri: string, place: string, branch: string): string {
  return message(
    `INVITE ${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP ${place};branch=${branch}`,
    "Max-Forwards: 70",
    "From: <sip:bob@sip.test>;tag=bob",
    "To: <sip:alice@sip.test>",
    "Call-ID: call-1",
    "CSeq: 1 INVITE",
    "Contact: <sip:bob@203.0.113.9:5060>",
    "Content-Length: 0",
  );
}

/** One branch of the main registrar's fork: an INVITE client transaction, and the ACKs of its user. */
export class CallerBranch {
  readonly finals: number[] = [];
  readonly #at: Place;
  readonly #invite: string;
  readonly #sending: Repeated;
  #cancelling: Repeated | undefined;
  #isProceeding = false;
  #isUnwanted = false;

  constructor(at: Place, uri: string, n: number) {
    this.#at = at;
    this.#invite = inviteTo(uri, at.place, `z9hG4bK-fork-${n}`);
    this.#sending = new Repeated(at, this.#invite, Number.POSITIVE_INFINITY);
  }

  /** Whether nothing at all has come back. */
  get isUnheard(): boolean {
    return !this.#isProceeding && this.finals.length === 0;
  }

  isFor(response: string): boolean {
    return viaBranch(response) === viaBranch(this.#invite);
  }

  cancel(): void {
    if (this.#isUnwanted) return;
    this.#isUnwanted = true;
    if (this.#isProceeding) this.#sendCancel();
  }

  hear(response: string): void {
    if (headerLine(response, "CSeq").endsWith("CANCEL")) return this.#cancelling?.stop();
    this.#sending.stop();
    const status = statusOf(response);
    if (status >= 200) {
      this.finals.push(status);
      return this.#acknowledge(response, status);
    }
    this.#isProceeding = true;
    if (this.#isUnwanted) this.#sendCancel();
    return undefined;
  }

  #sendCancel(): void {
    if (this.#cancelling !== undefined || this.finals.length > 0) return;
    this.#cancelling = new Repeated(this.#at, this.#again("CANCEL", "<sip:alice@sip.test>"));
  }

  #acknowledge(response: string, status: number): void {
    const { network, place, midreg } = this.#at;
    const to = headerLine(response, "To");
    if (status >= 300) return network.send(this.#again("ACK", to), place, midreg);
    const [, contact = ""] = /<([^>]+)>/u.exec(headerLine(response, "Contact")) ?? [];
    const routes = headerLines(response, "Record-Route").toReversed();
    const ack = this.#again("ACK", to)
      .replace(/^ACK \S+/u, `ACK ${contact}`)
      .replace(/branch=\S+/u, `branch=z9hG4bK-ack-${to.length}-${this.finals.length}`)
      .replace("\r\nMax-Forwards", `\r\nRoute: ${routes.join(", ")}\r\nMax-Forwards`);
    return network.send(ack, place, midreg);
  }

  #again(method: string, to: string): string {
    return this.#invite
      .replaceAll("INVITE", method)
      .replace("To: <sip:alice@sip.test>", `To: ${to}`)
      .replace(/Contact: [^\r]*\r\n/u, "");
  }
}

/** What a phone does with a call. */
export interface Manner {
  /** After how long it says that it rings; undefined when it never does. */
  readonly ringsAfterMs: number | undefined;
  /** Its final answer and when; undefined when it rings for ever. */
  readonly answer: { readonly status: number; readonly afterMs: number } | undefined;
  /** What it makes of a CANCEL: ends with 487, answers all the same, or ignores it. */
  readonly onCancel: "ends" | "answers" | "ignores";
}

/** One INVITE at a phone. */
export class Ringing {
  readonly invite: string;
  readonly manner: Manner;
  readonly atMs: number;
  status = 0;
  isCancelled = false;
  isAcknowledged = false;
  #last = "";
  #sending: Repeated | undefined;
  readonly #at: Place;

  constructor(at: Place, invite: string, manner: Manner) {
    this.#at = at;
    this.invite = invite;
    this.manner = manner;
    const { clock } = at.network;
    this.atMs = clock.nowMs();
    const { ringsAfterMs, answer } = manner;
    if (ringsAfterMs !== undefined) clock.later(ringsAfterMs, () => this.#say(180));
    if (answer !== undefined) clock.later(answer.afterMs, () => this.#say(answer.status));
  }

  get branch(): string {
    return viaBranch(this.invite);
  }

  again(): void {
    const { network, place, midreg } = this.#at;
    if (this.#last !== "" && this.status < 200) network.send(this.#last, place, midreg);
  }

  cancel(cancel: string): void {
    this.isCancelled = true;
    const { network, place, midreg } = this.#at;
    if (this.manner.onCancel === "ignores") return;
    network.send(answerTo(cancel, 200, "OK", { tag: place }), place, midreg);
    this.#say(this.manner.onCancel === "ends" ? 487 : 200);
  }

  acknowledged(): void {
    this.isAcknowledged = true;
    this.#sending?.stop();
  }

  #say(status: number): void {
    if (this.status >= 200) return;
    this.status = status;
    const { network, place, midreg } = this.#at;
    const headers = [`Contact: <sip:alice@${place}>`];
    this.#last = answerTo(this.invite, status, "Said", { tag: place, headers });
    if (status < 200) network.send(this.#last, place, midreg);
    else this.#sending = new Repeated(this.#at, this.#last);
  }
}

/** A flow of a device: takes each INVITE for one of its own, as phones do that know of no other flow. */
export class CalledPhone {
  readonly at: Place;
  readonly device: string;
  readonly calls: Ringing[] = [];
  readonly #manner: () => Manner;

  constructor(at: Place, device: string, manner: () => Manner) {
    this.at = at;
    this.device = device;
    this.#manner = manner;
  }

  hear(text: string): void {
    const known = this.calls.find(({ branch }) => branch === viaBranch(text));
    switch (methodOf(text)) {
      case "INVITE":
        if (known !== undefined) return known.again();
        this.calls.push(new Ringing(this.at, text, this.#manner()));
        return undefined;
      case "CANCEL":
        return known?.cancel(text);
      case "ACK":
        // The ACK for a 2xx has a branch of its own.
        return (
          known ?? this.calls.find(({ status }) => status >= 200 && status < 300)
        )?.acknowledged();
      default:
        return undefined;
    }
  }
}
