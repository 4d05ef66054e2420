/**
 * What a file, the environment or the command line says, before it is checked: a tree of texts that
 * remember where they were written.
 */
export interface SourceText {
  readonly kind: "text";
  readonly origin: Origin;
  readonly text: string;
  /** Came from a file or a variable by `${...}` or a `_file` twin, so messages must not show it. */
  readonly isSecret: boolean;
}

interface SourceList {
  readonly kind: "list";
  readonly origin: Origin;
  readonly items: readonly SourceNode[];
}

export interface SourceSection {
  readonly kind: "section";
  readonly origin: Origin;
  readonly entries: ReadonlyMap<string, SourceEntry>;
  /** Written as a single text where a section was possible: `upstream: sip:...`. */
  readonly isShorthand: boolean;
}

/** One setting of a section, and where its name was written. */
export interface SourceEntry {
  readonly origin: Origin;
  readonly node: SourceNode;
}

export type SourceNode = SourceText | SourceList | SourceSection;

/** A place to look for a mistake. Line and column count from 1; both are 0 where there are no lines. */
export interface Origin {
  readonly source: string;
  readonly line: number;
  readonly column: number;
}

/** One mistake, ready to be written as a line. */
export interface Problem {
  readonly origin: Origin;
  /** Name of the setting, with dots between the levels; empty when the mistake is not in one. */
  readonly setting: string;
  readonly text: string;
}

/** Where something is that was never written. */
export const NOWHERE: Origin = { source: "", line: 0, column: 0 };

/** A section of the given entries. */
export function section(
  origin: Origin,
  entries: Iterable<readonly [string, SourceEntry]>,
): SourceSection {
  return { kind: "section", origin, entries: new Map(entries), isShorthand: false };
}

/** A text at the end of a path of section names, as the environment and the command line give it. */
export function nest(path: readonly string[], node: SourceNode): SourceSection {
  const [name = "", ...rest] = path;
  const inner = rest.length === 0 ? node : nest(rest, node);
  return section(node.origin, [[name, { origin: node.origin, node: inner }]]);
}

/** Both sections in one; where both have a setting, `high` wins. Lists are replaced as a whole. */
export function merge(low: SourceSection, high: SourceSection): SourceSection {
  const entries = new Map(low.entries);
  for (const [name, entry] of high.entries) {
    const under = entries.get(name)?.node;
    const isDeep = under?.kind === "section" && entry.node.kind === "section";
    entries.set(name, isDeep ? { ...entry, node: merge(under, entry.node) } : entry);
  }
  const isShorthand = low.isShorthand && high.isShorthand;
  return { kind: "section", origin: high.origin, entries, isShorthand };
}

/** The tree as plain values, texts as they were written. */
export function toPlain(node: SourceNode): unknown {
  switch (node.kind) {
    case "text":
      return node.text;
    case "list":
      return node.items.map(toPlain);
    case "section":
      return Object.fromEntries(
        [...node.entries].map(([key, entry]) => [key, toPlain(entry.node)]),
      );
    default:
      return node satisfies never;
  }
}

/** The node at a path, or undefined. */
export function nodeAt(root: SourceNode, path: readonly PropertyKey[]): SourceNode | undefined {
  let node: SourceNode | undefined = root;
  for (const step of path) node = node === undefined ? undefined : child(node, step);
  return node;
}

/** The nearest thing that was written on the way to a path, and what a reader would call the path. */
export function locate(
  root: SourceNode,
  path: readonly PropertyKey[],
): { readonly origin: Origin; readonly setting: string } {
  let node = root;
  let setting = "";
  for (const step of path) {
    const next = child(node, step);
    const isHidden = node.kind === "section" && node.isShorthand && next !== undefined;
    if (!isHidden) setting = joinName(setting, step);
    if (next === undefined) break;
    node = next;
  }
  return { origin: node.origin, setting };
}

/** The name of a setting inside another: "log.level", "listen[1]". */
export function joinName(parent: string, step: PropertyKey): string {
  if (typeof step === "number") return `${parent}[${step}]`;
  const name = printable(String(step));
  return parent === "" ? name : `${parent}.${name}`;
}

/** A problem as one line. */
export function formatProblem(problem: Problem): string {
  const { source, line, column } = problem.origin;
  const place = line === 0 ? source : `${source}:${line}:${column}`;
  return [place, problem.setting, problem.text].filter((part) => part !== "").join(": ");
}

/** A name from outside, short and on one line. */
export function printable(name: string): string {
  const isPlain = /^[\x21-\x7e]{1,80}$/u.test(name);
  return isPlain ? name : JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}...` : name);
}

function child(node: SourceNode, step: PropertyKey): SourceNode | undefined {
  if (node.kind === "section") return node.entries.get(String(step))?.node;
  if (node.kind === "list" && typeof step === "number") return node.items[step];
  return undefined;
}
