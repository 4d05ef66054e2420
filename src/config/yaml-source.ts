import {
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
  type Scalar,
  type YAMLError,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import {
  type Origin,
  type Problem,
  type SourceEntry,
  type SourceNode,
  type SourceSection,
  section,
} from "./source-tree.ts";

/** A configuration is written by hand; anything larger is the wrong file. */
const MAX_TEXT_LENGTH = 262_144;

/** The deepest setting is four levels down. */
const MAX_DEPTH = 16;

const TOO_DEEP = "nested too deeply";

/**
 * Reasons in our own words: those of the parser quote the text, and the text may be a secret.
 */
const REASONS: Readonly<Partial<Record<YAMLError["code"], string>>> = {
  BAD_ALIAS: "the alias names no anchor; put text that starts with * in quotes",
  BAD_DQ_ESCAPE: "unknown escape in a double-quoted text; use single quotes",
  BAD_INDENT: "wrong indentation; align it with its neighbours",
  BAD_SCALAR_START: "text cannot start with this character; put it in quotes",
  BLOCK_AS_IMPLICIT_KEY: "a setting cannot start here; begin a new line, or put the text in quotes",
  DUPLICATE_KEY: "the setting is given twice; remove one",
  MISSING_CHAR: "a closing quote or bracket, a comma, or a colon is missing",
  MULTILINE_IMPLICIT_KEY: "a colon is missing after the name of the setting",
  MULTIPLE_DOCS: "more than one document; remove the line ---",
  TAB_AS_INDENT: "a tab in the indentation; use spaces",
  TAG_RESOLVE_FAILED: "tags are not supported; remove the !",
};

/**
 * Reads YAML into a tree of texts with lines and columns. Every scalar stays as it was written ("0123",
 * "off"), since the schema knows better than YAML what it should become. An empty value counts as not
 * given.
 */
export function readYaml(
  text: string,
  name: string,
): { readonly root: SourceSection; readonly problems: readonly Problem[] } {
  const start: Origin = { source: name, line: 1, column: 1 };
  const empty = section(start, []);
  if (text.length > MAX_TEXT_LENGTH)
    return { root: empty, problems: [problem(start, "too large")] };
  const lines = new LineCounter();
  const parsed = parseSafely(text, lines);
  if (parsed === undefined) return { root: empty, problems: [problem(start, TOO_DEEP)] };
  const place = (offset: number): Origin => {
    const { line, col } = lines.linePos(offset);
    return { source: name, line, column: col };
  };
  const mistakes = [...parsed.errors, ...parsed.warnings].map((error) =>
    problem(place(error.pos[0]), REASONS[error.code] ?? "this is not YAML; put text in quotes"),
  );
  if (mistakes.length > 0) return { root: empty, problems: mistakes };
  return new TreeBuilder(place).build(parsed.contents, empty);
}

function parseSafely(
  text: string,
  lineCounter: LineCounter,
): ReturnType<typeof parseYaml> | undefined {
  try {
    return parseYaml(text, lineCounter);
  } catch (error) {
    // The parser is recursive: thousands of brackets exhaust the stack.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function parseYaml(text: string, lineCounter: LineCounter) {
  return parseDocument(text, { lineCounter, prettyErrors: false, schema: "failsafe" });
}

function problem(origin: Origin, text: string): Problem {
  return { origin, setting: "", text };
}

/** Turns the parser's nodes into ours, and collects what a configuration does not use of YAML. */
class TreeBuilder {
  readonly #place: (offset: number) => Origin;
  readonly #problems: Problem[] = [];

  constructor(place: (offset: number) => Origin) {
    this.#place = place;
  }

  build(
    contents: ParsedNode | null,
    empty: SourceSection,
  ): { readonly root: SourceSection; readonly problems: readonly Problem[] } {
    if (contents === null || isAbsent(contents)) return { root: empty, problems: [] };
    if (isMap(contents)) return { root: this.#section(contents, 1), problems: this.#problems };
    this.#refuse(contents, "a configuration is a mapping: lines of the form setting: value");
    return { root: empty, problems: this.#problems };
  }

  #section(map: YAMLMap, depth: number): SourceSection {
    const entries: [string, SourceEntry][] = [];
    for (const { key, value } of map.items) {
      if (!isScalar(key)) {
        this.#refuse(map, "the name of a setting must be a plain text");
        continue;
      }
      const node = this.#node(value, depth + 1);
      if (node !== undefined) entries.push([textOf(key), { origin: this.#origin(key), node }]);
    }
    return section(this.#origin(map), entries);
  }

  #node(value: unknown, depth: number): SourceNode | undefined {
    if (!isNode(value)) return undefined;
    if (isScalar(value)) return isAbsent(value) ? undefined : this.#text(value, textOf(value));
    if (depth > MAX_DEPTH) return this.#refuse(value, TOO_DEEP);
    if (isMap(value)) return this.#section(value, depth);
    if (isSeq(value)) return this.#list(value, depth);
    return this.#refuse(
      value,
      "aliases are not supported; write the value again, or quote the text",
    );
  }

  #list(list: YAMLSeq, depth: number): SourceNode {
    const items = list.items.map((item) => this.#node(item, depth + 1) ?? this.#text(list, ""));
    return { kind: "list", origin: this.#origin(list), items };
  }

  #text(node: Node, text: string): SourceNode {
    return { kind: "text", origin: this.#origin(node), text, isSecret: false };
  }

  #refuse(node: Node, text: string): undefined {
    this.#problems.push(problem(this.#origin(node), text));
  }

  #origin(node: Node): Origin {
    return this.#place(node.range?.[0] ?? 0);
  }
}

/** Whether nothing was written after the colon, or YAML's own word for nothing. */
function isAbsent(node: Node): boolean {
  return isScalar(node) && node.type === "PLAIN" && /^(~|null|Null|NULL)?$/u.test(textOf(node));
}

/** The failsafe schema leaves every scalar a string. */
function textOf(scalar: Scalar): string {
  return typeof scalar.value === "string" ? scalar.value : "";
}
