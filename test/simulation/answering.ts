/** What devices of a simulated world do with the calls that reach them. */
import { answerTo, headerLine, methodOf } from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import type { VirtualClock } from "../support/virtual-clock.ts";
import type { Random } from "./random.ts";

const T1_MS = 500;
const T2_MS = 4000;
/** Timers H and L: for so long a final answer is sent again. */
const GIVE_UP_MS = 32_000;

/** What a device says to a call, one after the other, and how long it takes over each. */
const MANNERS: ReadonlyArray<readonly number[]> = [[], [180], [180, 486], [180, 200], [486], [200]];

/** A call at a device, known by the branch it came by. */
interface Incoming {
  readonly request: string;
  readonly from: string;
  last: string;
  isFinal: boolean;
  isAcknowledged: boolean;
}

export class Answering {
  readonly #phone: Phone;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #calls = new Map<string, Incoming>();

  constructor(phone: Phone, clock: VirtualClock, random: Random) {
    this.#phone = phone;
    this.#clock = clock;
    this.#random = random;
    phone.onRequest = (text, from) => this.#take(text, from);
  }

  #take(text: string, from: string): void {
    switch (methodOf(text)) {
      case "INVITE":
        return this.#ring(text, from);
      case "ACK":
        return this.#acknowledge(text);
      case "CANCEL":
        return this.#cancel(text, from);
      default:
        return this.#phone.send(answerTo(text, 200, "OK"), undefined, from);
    }
  }

  #ring(request: string, from: string): void {
    const branch = branchOf(request);
    const known = this.#calls.get(branch);
    if (known !== undefined) {
      if (known.last !== "") this.#phone.send(known.last, undefined, from);
      return;
    }
    const call = { request, from, last: "", isFinal: false, isAcknowledged: false };
    this.#calls.set(branch, call);
    let delayMs = 0;
    for (const status of this.#random.pick(MANNERS)) {
      this.#clock.later(delayMs, () => this.#say(call, status));
      delayMs += this.#random.pick([5, 3000, 20_000]);
    }
  }

  #say(call: Incoming, status: number): void {
    if (call.isFinal) return;
    const headers = [`Contact: ${this.#phone.contact}`];
    call.last = answerTo(call.request, status, "Said", { tag: this.#phone.place, headers });
    call.isFinal = status >= 200;
    if (call.isFinal) this.#repeat(call, T1_MS, GIVE_UP_MS);
    else this.#phone.send(call.last, undefined, call.from);
  }

  #repeat(call: Incoming, waitMs: number, leftMs: number): void {
    if (call.isAcknowledged || leftMs <= 0) return;
    this.#phone.send(call.last, undefined, call.from);
    const nextMs = Math.min(2 * waitMs, T2_MS);
    this.#clock.later(waitMs, () => this.#repeat(call, nextMs, leftMs - waitMs));
  }

  /** The ACK to a 2xx has a branch of its own. */
  #acknowledge(text: string): void {
    const own = this.#calls.get(branchOf(text));
    if (own !== undefined) own.isAcknowledged = true;
    const callId = headerLine(text, "Call-ID");
    for (const call of this.#calls.values()) {
      if (headerLine(call.request, "Call-ID") === callId) call.isAcknowledged = true;
    }
  }

  #cancel(text: string, from: string): void {
    this.#phone.send(answerTo(text, 200, "OK", { tag: this.#phone.place }), undefined, from);
    const call = this.#calls.get(branchOf(text));
    if (call !== undefined) this.#say(call, 487);
  }
}

function branchOf(text: string): string {
  return /;branch=([^;]+)/u.exec(headerLine(text, "Via"))?.[1] ?? "";
}
