/** One line of the Prometheus text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^(?<name>[a-zA-Z_:][\w:]*)(?:\{(?<labels>.*)\})? (?<value>\S+)/u;
const LABEL = /(?<key>\w+)="(?<text>(?:[^"\\]|\\.)*)"/gu;

/** Reads an exposition; comments and lines that are none of it are passed over. */
export function parseMetrics(text: string): Sample[] {
  return text.split("\n").flatMap((line) => {
    const groups = LINE.exec(line)?.groups;
    if (groups === undefined) return [];
    const labels = [...(groups["labels"] ?? "").matchAll(LABEL)].map((match) => [
      match.groups?.["key"] ?? "",
      match.groups?.["text"] ?? "",
    ]);
    return [
      {
        name: groups["name"] ?? "",
        labels: Object.fromEntries(labels) as Record<string, string>,
        value: Number(groups["value"]),
      },
    ];
  });
}

/** Adds up the samples of a name that have the given labels, whatever others they have; 0 without any. */
export function total(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const wanted = Object.entries(labels);
  return samples
    .filter((one) => one.name === name && wanted.every(([key, text]) => one.labels[key] === text))
    .reduce((sum, one) => sum + one.value, 0);
}
