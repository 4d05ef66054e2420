import { setTimeout as pause } from "node:timers/promises";
import { Phone, type PhoneOptions, type RegisterOutcome } from "./phone.ts";

export interface FleetOptions extends Omit<PhoneOptions, "user" | "port" | "password" | "onError"> {
  readonly ports: readonly number[];
  readonly passwordOf: (user: string) => string;
}

/** One registration or refresh that came to an end. */
export interface FleetSample extends RegisterOutcome {
  readonly user: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

const MAX_FAILURES = 20;

/** Many phones, each on a socket of its own, and what they went through. */
export class Fleet {
  readonly phones: readonly Phone[];
  /** Every registration and refresh that ended. */
  readonly samples: FleetSample[] = [];
  /** What went wrong, in words; the first twenty. */
  readonly failures: string[] = [];
  readonly #inFlight = new Set<string>();
  #failed = 0;
  #isStormy = false;

  constructor(options: FleetOptions) {
    const onError = (error: Error): void => {
      this.#fail(error.message);
    };
    this.phones = options.ports.map((port, index) => {
      const user = `u${String(index + 1).padStart(4, "0")}`;
      return new Phone({ ...options, user, port, password: options.passwordOf(user), onError });
    });
  }

  /** REGISTERs sent, retransmissions not counted. */
  get registers(): number {
    return this.phones.reduce((sum, phone) => sum + phone.registers, 0);
  }

  get failed(): number {
    return this.#failed;
  }

  /** Users that wait for an answer now. */
  get inFlight(): ReadonlySet<string> {
    return new Set(this.#inFlight);
  }

  /** Registers all phones, evenly spread over the time given. Resolves when every answer is there. */
  async register(overMs: number): Promise<void> {
    const gapMs = overMs / this.phones.length;
    await Promise.all(
      this.phones.map(async (phone, index) => {
        await pause(index * gapMs);
        await this.#register(phone);
      }),
    );
  }

  /** Lets every phone refresh about every `everyMs`, until `calm`. Resolves when all have ended. */
  async storm(everyMs: number): Promise<void> {
    this.#isStormy = true;
    await Promise.all(
      this.phones.map(async (phone) => {
        await pause(Math.random() * everyMs);
        await this.#refresh(phone, everyMs);
      }),
    );
  }

  calm(): void {
    this.#isStormy = false;
  }

  close(): void {
    for (const phone of this.phones) phone.close();
  }

  async #refresh(phone: Phone, everyMs: number): Promise<void> {
    if (!this.#isStormy) return;
    await this.#register(phone);
    // Phones drift apart, as real ones do: between 80 and 120 percent of the interval.
    await pause((0.8 + 0.4 * Math.random()) * everyMs);
    await this.#refresh(phone, everyMs);
  }

  async #register(phone: Phone): Promise<void> {
    const { user } = phone;
    const startedAtMs = performance.now();
    this.#inFlight.add(user);
    const outcome = await phone.register();
    this.#inFlight.delete(user);
    this.samples.push({ ...outcome, user, startedAtMs, endedAtMs: performance.now() });
    if (outcome.status !== 200) this.#fail(`${user}: REGISTER answered ${outcome.status}`);
    else if (!outcome.isListed) this.#fail(`${user}: the 200 does not list its contact`);
  }

  #fail(what: string): void {
    this.#failed += 1;
    if (this.failures.length < MAX_FAILURES) this.failures.push(what);
  }
}

/** The value below which the given part (0 to 1) of the numbers lies; NaN without numbers. */
export function percentile(numbers: readonly number[], part: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}
