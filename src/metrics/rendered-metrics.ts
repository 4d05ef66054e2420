import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { DurationHistogram } from "./duration-histogram.ts";
import type { Labels, Series } from "./series-table.ts";

/** A value read when Prometheus asks for it. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** Name, help, labels and registry, as prom-client wants them. */
export interface MetricOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly registers: Registry[];
}

/** prom-client writes these metrics out; the values are not its own but read when it asks. */
export class RenderedCounter extends Counter {
  readonly #read: () => Iterable<Sample>;

  constructor(options: MetricOptions, read: () => Iterable<Sample>) {
    super(options);
    this.#read = read;
  }

  override async get(): ReturnType<Counter["get"]> {
    return { ...(await super.get()), values: [...this.#read()] };
  }
}

/** A gauge whose values are read when Prometheus asks. */
export class RenderedGauge extends Gauge {
  readonly #read: () => Iterable<Sample>;

  constructor(options: MetricOptions, read: () => Iterable<Sample>) {
    super(options);
    this.#read = read;
  }

  override async get(): ReturnType<Gauge["get"]> {
    return { ...(await super.get()), values: [...this.#read()] };
  }
}

/** A histogram whose buckets are counted elsewhere. */
export class RenderedHistogram extends Histogram {
  readonly #options: MetricOptions;
  readonly #read: () => Iterable<Series<DurationHistogram>>;

  constructor(options: MetricOptions, read: () => Iterable<Series<DurationHistogram>>) {
    super(options);
    this.#options = options;
    this.#read = read;
  }

  /** What prom-client's registry calls on a histogram when it writes text. */
  getForPromString(): object {
    const { name, help } = this.#options;
    const values = [...this.#read()].flatMap(({ labels, content }) =>
      content.lines().map(({ suffix, bound, value }) => ({
        metricName: `${name}${suffix}`,
        labels: bound === undefined ? {} : { le: bound },
        sharedLabels: labels,
        value,
      })),
    );
    return { name, help, type: "histogram", values };
  }
}
