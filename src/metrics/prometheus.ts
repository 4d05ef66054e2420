import { collectDefaultMetrics, Registry } from "prom-client";
import type { CounterName, GaugeName, Metrics, Tally, Timing, TimingName } from "../ports.ts";
import { COUNTERS, type Declaration, GAUGES, TIMINGS } from "./catalogue.ts";
import { DurationHistogram } from "./duration-histogram.ts";
import {
  type MetricOptions,
  RenderedCounter,
  RenderedGauge,
  RenderedHistogram,
  type Sample,
} from "./rendered-metrics.ts";
import { type Labels, SeriesTable } from "./series-table.ts";

export interface PrometheusOptions {
  /** The appliance's version, for `midreg_build_info`. */
  readonly version: string;
}

const PREFIX = "midreg_";

type Tables<Name extends string, T> = ReadonlyMap<Name, SeriesTable<T>>;

/** A gauge's reader, replaced when the same series is given again. */
interface Reader {
  read: () => number;
}

/**
 * The metrics of the appliance. Counting changes plain numbers; prom-client collects them when asked for
 * the text, and adds those of the process and of Node under their usual names.
 */
export class PrometheusMetrics implements Metrics {
  readonly #registry = new Registry();
  readonly #counters: Tables<CounterName, Tally>;
  readonly #timings: Tables<TimingName, DurationHistogram>;
  readonly #gauges: Tables<GaugeName, Reader>;

  constructor({ version }: PrometheusOptions) {
    const build = { help: "Version of midreg and of Node; always 1.", labels: ["version", "node"] };
    const sample = { labels: { version, node: process.version }, value: 1 };
    void new RenderedGauge(this.#options("build_info", build), () => [sample]);
    this.#counters = makeTables(COUNTERS, (name, declared) => this.#addCounter(name, declared));
    this.#timings = makeTables(TIMINGS, (name, declared) => this.#addTiming(name, declared));
    this.#gauges = makeTables(GAUGES, (name, declared) => this.#addGauge(name, declared));
    collectDefaultMetrics({ register: this.#registry });
  }

  /** The counter of these labels, to be kept and incremented. Throws TypeError for an undeclared label. */
  counter(name: CounterName, labels: Labels = {}): Tally {
    return tableOf(this.#counters, name).at(labels);
  }

  /** The histogram of these labels, to be kept. Throws TypeError for an undeclared label. */
  timing(name: TimingName, labels: Labels = {}): Timing {
    return tableOf(this.#timings, name).at(labels);
  }

  /** Reads a gauge's value when Prometheus asks; the last reader given for the same labels counts. */
  gauge(name: GaugeName, labels: Labels, read: () => number): void {
    tableOf(this.#gauges, name).at(labels).read = read;
  }

  /**
   * Adds a counter that is kept elsewhere, such as in the kernel, and read when Prometheus asks. `name` lacks
   * the prefix; the label values must be a small closed set.
   */
  registerCounterReader(
    name: string,
    help: string,
    labelNames: readonly string[],
    read: () => Iterable<Sample>,
  ): void {
    void new RenderedCounter(this.#options(name, { help, labels: labelNames }), read);
  }

  /** The Content-Type of `render`. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Everything in Prometheus' text format 0.0.4. */
  render(): Promise<string> {
    return this.#registry.metrics();
  }

  #addCounter(name: CounterName, declared: Declaration): SeriesTable<Tally> {
    const table = new SeriesTable<Tally>(declared.labels, () => ({ n: 0 }));
    // A counter without labels is there from the start, so that its first increment is seen as one.
    if (declared.labels.length === 0) table.at({});
    void new RenderedCounter(this.#options(name, declared), () => samplesOf(table, ({ n }) => n));
    return table;
  }

  #addTiming(name: TimingName, declared: Declaration): SeriesTable<DurationHistogram> {
    const table = new SeriesTable(declared.labels, () => new DurationHistogram());
    void new RenderedHistogram(this.#options(name, declared), () => table.all());
    return table;
  }

  #addGauge(name: GaugeName, declared: Declaration): SeriesTable<Reader> {
    const table = new SeriesTable<Reader>(declared.labels, () => ({ read: () => 0 }));
    const read = (): Sample[] => samplesOf(table, (reader) => reader.read());
    void new RenderedGauge(this.#options(name, declared), read);
    return table;
  }

  #options(name: string, { help, labels }: Declaration): MetricOptions {
    return { name: `${PREFIX}${name}`, help, labelNames: labels, registers: [this.#registry] };
  }
}

function samplesOf<T>(table: SeriesTable<T>, valueOf: (content: T) => number): Sample[] {
  return [...table.all()].map(({ labels, content }) => ({ labels, value: valueOf(content) }));
}

function makeTables<Name extends string, T>(
  catalogue: Readonly<Record<Name, Declaration>>,
  make: (name: Name, declared: Declaration) => SeriesTable<T>,
): Tables<Name, T> {
  const tables = new Map<Name, SeriesTable<T>>();
  for (const name in catalogue) tables.set(name, make(name, catalogue[name]));
  return tables;
}

function tableOf<Name extends string, T>(tables: Tables<Name, T>, name: Name): SeriesTable<T> {
  const table = tables.get(name);
  if (table === undefined) throw new TypeError(`there is no metric ${name}`);
  return table;
}
