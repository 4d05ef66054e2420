import { labelValue, OTHER } from "./label-values.ts";

export type Labels = Readonly<Record<string, string>>;

/** One series: its labels and what is counted under them. */
export interface Series<T> {
  readonly labels: Labels;
  readonly content: T;
}

/**
 * Combinations of label values a metric may have. All of a Prometheus server's memory goes into series;
 * none of our metrics comes near this in honest use.
 */
export const MAX_SERIES = 500;

/** The series of one metric, made on first use. */
export class SeriesTable<T> {
  readonly #labelNames: readonly string[];
  readonly #make: () => T;
  readonly #series = new Map<string, Series<T>>();

  constructor(labelNames: readonly string[], make: () => T) {
    this.#labelNames = labelNames;
    this.#make = make;
  }

  /**
   * What is counted under these labels; the same object for the same labels. When the table is full, new
   * combinations share the series whose values are all "other".
   *
   * @throws TypeError for a label the metric was not declared with.
   */
  at(labels: Labels): T {
    let key = "";
    let known = 0;
    for (const name of this.#labelNames) {
      const value = labels[name];
      if (value !== undefined) known += 1;
      key += keyPart(value === undefined ? undefined : labelValue(name, value));
    }
    const series = this.#series.get(key);
    const isKnown = known === Object.keys(labels).length;
    return series !== undefined && isKnown ? series.content : this.#add(labels);
  }

  all(): Iterable<Series<T>> {
    return this.#series.values();
  }

  #add(labels: Labels): T {
    const unknown = Object.keys(labels).find((name) => !this.#labelNames.includes(name));
    if (unknown !== undefined) throw new TypeError(`the metric has no label ${unknown}`);
    const isFull = this.#series.size >= MAX_SERIES;
    const bounded = this.#labelNames.flatMap((name) => {
      const value = labels[name];
      if (value === undefined) return [];
      return [[name, isFull ? OTHER : labelValue(name, value)] as const];
    });
    const counted = Object.fromEntries(bounded);
    const key = this.#labelNames.map((name) => keyPart(counted[name])).join("");
    const series = this.#series.get(key) ?? { labels: counted, content: this.#make() };
    this.#series.set(key, series);
    return series.content;
  }
}

/** Joined parts are told apart by their lengths, whatever they contain. */
function keyPart(value: string | undefined): string {
  return value === undefined ? "-" : `${value.length}:${value}`;
}
