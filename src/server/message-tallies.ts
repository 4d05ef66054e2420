import type { Metrics, Tally } from "../ports.ts";

/** Counts messages in. Counters are looked up once per method and status. */
export class MessageTallies {
  readonly #metrics: Metrics;
  readonly #requests = new Map<string, Tally>();
  readonly #responses = new Map<string, Tally>();
  readonly strayResponse: Tally;
  readonly internalError: Tally;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.strayResponse = metrics.counter("sip_dropped_total", { reason: "stray-response" });
    this.internalError = metrics.counter("sip_dropped_total", { reason: "internal-error" });
  }

  request(method: string, transport: string): void {
    let tally = this.#requests.get(method);
    if (tally === undefined) {
      const labels = { transport, method, direction: "in" };
      tally = this.#metrics.counter("sip_requests_total", labels);
      this.#remember(this.#requests, method, tally);
    }
    tally.n += 1;
  }

  response(method: string, status: number): void {
    const key = `${status}${method}`;
    let tally = this.#responses.get(key);
    if (tally === undefined) {
      const labels = { method, code: String(status), direction: "in" };
      tally = this.#metrics.counter("sip_responses_total", labels);
      this.#remember(this.#responses, key, tally);
    }
    tally.n += 1;
  }

  parseError(reason: string): Tally {
    return this.#metrics.counter("sip_parse_errors_total", { reason });
  }

  /** Methods come from the network, so what is remembered of them is bounded, in number and in length. */
  #remember(known: Map<string, Tally>, key: string, tally: Tally): void {
    if (known.size < MAX_REMEMBERED && key.length <= MAX_KEY_LENGTH) known.set(key, tally);
  }
}

const MAX_REMEMBERED = 500;
/** A status and the longest method there is, with room to spare. */
const MAX_KEY_LENGTH = 24;
