import type { Log, Metrics, Tally } from "../../src/ports.ts";

export interface Line {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** A log and metrics that keep what they are told. */
export class RecordingModules {
  readonly lines: Line[] = [];
  readonly #tallies = new Map<string, Tally>();
  readonly #gauges = new Map<string, () => number>();
  readonly #timings = new Set<string>();
  readonly log: Log = {
    isDebug: true,
    debug: this.#writer("debug"),
    info: this.#writer("info"),
    warn: this.#writer("warn"),
    error: this.#writer("error"),
  };
  readonly metrics: Metrics = {
    counter: (name, labels = {}) => this.#tally(`${name}${JSON.stringify(labels)}`),
    timing: (name, labels = {}) => {
      this.#timings.add(`${name}${JSON.stringify(labels)}`);
      return { observe: () => undefined };
    },
    gauge: (name, labels, read) => {
      this.#gauges.set(`${name}${JSON.stringify(labels)}`, read);
    },
  };

  /** Names of all metrics, with their labels. */
  get names(): string[] {
    return [...this.#tallies.keys(), ...this.#gauges.keys(), ...this.#timings];
  }

  dropped(reason: string): number {
    return this.#tally(`sip_dropped_total${JSON.stringify({ reason })}`).n;
  }

  gauge(name: string, labels: object): number | undefined {
    return this.#gauges.get(`${name}${JSON.stringify(labels)}`)?.();
  }

  #tally(key: string): Tally {
    const tally = this.#tallies.get(key) ?? { n: 0 };
    this.#tallies.set(key, tally);
    return tally;
  }

  #writer(level: Line["level"]): (fields: object, text: string) => void {
    return (fields, text) => {
      this.lines.push({ level, fields: { ...fields }, text });
    };
  }
}
