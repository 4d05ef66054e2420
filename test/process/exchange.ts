import { statusOf } from "../support/messages.ts";

const T1_MS = 500;
const T2_MS = 4000;
/** Generous: the machine may be busy with other things. */
const GIVE_UP_MS = 20_000;

/** A request on its way: sent again and again, as over UDP it must be, until a response has come. */
export class Exchange {
  readonly #send: () => void;
  readonly #startedAtMs = performance.now();
  readonly #final: Promise<string>;
  #resolve: (response: string) => void = () => undefined;
  #reject: (reason: Error) => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Sends for the first time. */
  constructor(send: () => void) {
    this.#send = send;
    this.#final = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#attempt(T1_MS);
  }

  /** The final response. Rejects when none comes for long, or the exchange was given up. */
  async final(): Promise<string> {
    return this.#final;
  }

  /** Takes a response. After a provisional one the request is not sent again. */
  hear(response: string): void {
    clearTimeout(this.#timer);
    if (statusOf(response) >= 200) this.#resolve(response);
  }

  giveUp(): void {
    clearTimeout(this.#timer);
    this.#reject(new Error("no final response"));
  }

  #attempt(waitMs: number): void {
    if (performance.now() - this.#startedAtMs > GIVE_UP_MS) {
      this.giveUp();
      return;
    }
    this.#send();
    this.#timer = setTimeout(() => this.#attempt(Math.min(2 * waitMs, T2_MS)), waitMs);
  }
}
