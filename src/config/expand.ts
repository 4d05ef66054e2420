import type { Environment } from "./environment-source.ts";
import {
  type Origin,
  type Problem,
  printable,
  type SourceEntry,
  type SourceNode,
  type SourceSection,
  type SourceText,
} from "./source-tree.ts";

/** Reads a text file as a whole; throws what `node:fs` throws. */
export type ReadFile = (path: string) => string;

/** What texts may refer to. */
export interface Surroundings {
  readonly env: Environment;
  readonly readFile: ReadFile;
}

/** Settings that have a twin with `_file` at the end, which names a file that holds the value. */
const SECRETS = ["secret", "secret_previous"] as const;
/** Those among them that are lists: their files have an item in each line. */
const SECRET_LISTS: ReadonlySet<string> = new Set(["secret_previous"]);

const WORDS_FOR_CODES: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EISDIR: "it is a directory",
};

/**
 * Puts the contents in place of every `${file:PATH}` and `${env:NAME}`, and the value in place of every
 * `_file` twin. What comes from there counts as secret. The end of the line at the end of a file is dropped.
 */
export function expand(
  root: SourceSection,
  surroundings: Surroundings,
): { readonly root: SourceSection; readonly problems: readonly Problem[] } {
  const expander = new Expander(surroundings);
  const expanded = expander.twins(expander.section(root, ""));
  return { root: expanded, problems: expander.problems };
}

/** Why a file could not be read, in words. */
export function readingFailure(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
  return `cannot be read: ${WORDS_FOR_CODES[code] ?? code}`;
}

class Expander {
  readonly problems: Problem[] = [];
  readonly #surroundings: Surroundings;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  section(node: SourceSection, setting: string): SourceSection {
    const entries = new Map<string, SourceEntry>();
    for (const [name, entry] of node.entries) {
      const inner = setting === "" ? printable(name) : `${setting}.${printable(name)}`;
      entries.set(name, { ...entry, node: this.#node(entry.node, inner) });
    }
    return { ...node, entries };
  }

  twins(root: SourceSection): SourceSection {
    const entries = new Map(root.entries);
    for (const name of SECRETS) {
      const twin = entries.get(`${name}_file`);
      if (twin?.node.kind !== "text") continue;
      entries.delete(`${name}_file`);
      if (entries.has(name)) {
        this.#refuse(twin.origin, `${name}_file`, `given together with ${name}; give one of them`);
      }
      const text = this.#file(twin.node.text, twin.node.origin, `${name}_file`);
      const node = { ...twin.node, text, isSecret: true };
      entries.set(name, { ...twin, node: SECRET_LISTS.has(name) ? linesOf(node) : node });
    }
    return { ...root, entries };
  }

  #node(node: SourceNode, setting: string): SourceNode {
    if (node.kind === "section") return this.section(node, setting);
    if (node.kind === "text") return this.#text(node, setting);
    return { ...node, items: node.items.map((item, at) => this.#node(item, `${setting}[${at}]`)) };
  }

  #text(node: SourceText, setting: string): SourceText {
    const text = node.text.replaceAll(
      /\$\{(file|env):([^}]*)\}/gu,
      (_, kind: string, name: string) =>
        kind === "file"
          ? this.#file(name, node.origin, setting)
          : this.#variable(name, node.origin, setting),
    );
    return text === node.text ? node : { ...node, text, isSecret: true };
  }

  #variable(name: string, origin: Origin, setting: string): string {
    const text = this.#surroundings.env[name];
    if (text === undefined) {
      this.#refuse(origin, setting, `the environment variable ${printable(name)} is not set`);
    }
    return text ?? "";
  }

  #file(path: string, origin: Origin, setting: string): string {
    try {
      return this.#surroundings.readFile(path).replace(/\r?\n$/u, "");
    } catch (error) {
      this.#refuse(origin, setting, `the file ${printable(path)} ${readingFailure(error)}`);
      return "";
    }
  }

  #refuse(origin: Origin, setting: string, text: string): void {
    this.problems.push({ origin, setting, text });
  }
}

/** Each line that is not empty, as an item of a list. */
function linesOf(node: SourceText): SourceNode {
  const lines = node.text.split(/\r?\n/u).filter((line) => line.trim() !== "");
  return { kind: "list", origin: node.origin, items: lines.map((text) => ({ ...node, text })) };
}
