import type { Metrics, Protocol, Tally } from "../ports.ts";

/** Counts messages in. Counters are looked up once per transport, method and status. */
export class MessageTallies {
  readonly #metrics: Metrics;
  /** By transport, then by method, or by status and method. */
  readonly #requests = new Map<Protocol, Map<string, Tally>>();
  readonly #responses = new Map<Protocol, Map<string, Tally>>();
  readonly strayResponse: Tally;
  readonly internalError: Tally;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.strayResponse = metrics.counter("sip_dropped_total", { reason: "stray-response" });
    this.internalError = metrics.counter("sip_dropped_total", { reason: "internal-error" });
  }

  request(method: string, transport: Protocol): void {
    const known = knownBy(transport, this.#requests);
    let tally = known.get(method);
    if (tally === undefined) {
      const labels = { transport, method, direction: "in" };
      tally = this.#metrics.counter("sip_requests_total", labels);
      remember(known, method, tally);
    }
    tally.n += 1;
  }

  response(method: string, status: number, transport: Protocol): void {
    const known = knownBy(transport, this.#responses);
    const key = `${status}${method}`;
    let tally = known.get(key);
    if (tally === undefined) {
      const labels = { transport, method, code: String(status), direction: "in" };
      tally = this.#metrics.counter("sip_responses_total", labels);
      remember(known, key, tally);
    }
    tally.n += 1;
  }

  parseError(reason: string): Tally {
    return this.#metrics.counter("sip_parse_errors_total", { reason });
  }
}

function knownBy(
  transport: Protocol,
  tallies: Map<Protocol, Map<string, Tally>>,
): Map<string, Tally> {
  const known = tallies.get(transport);
  if (known !== undefined) return known;
  const fresh = new Map<string, Tally>();
  tallies.set(transport, fresh);
  return fresh;
}

/** Methods come from the network, so what is remembered of them is bounded, in number and in length. */
function remember(known: Map<string, Tally>, key: string, tally: Tally): void {
  if (known.size < MAX_REMEMBERED && key.length <= MAX_KEY_LENGTH) known.set(key, tally);
}

const MAX_REMEMBERED = 500;
/** A status and the longest method there is, with room to spare. */
const MAX_KEY_LENGTH = 24;
