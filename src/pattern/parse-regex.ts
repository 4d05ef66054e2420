import {
  type ByteSet,
  byteSet,
  literal,
  type PatternNode,
  PatternProblem,
  withBothCases,
} from "./syntax.ts";

/** Repetitions are written out, so their number is bounded. */
const MAX_REPEAT = 100;

/** What stands for several bytes after a backslash. */
const CLASSES: Readonly<Record<string, RegExp>> = {
  d: /\d/u,
  D: /\D/u,
  w: /\w/u,
  W: /\W/u,
  s: /\s/u,
  S: /\S/u,
};

const CONTROLS: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", f: "\f", v: "\v" };

/**
 * A regular expression: literals, `.`, sets, groups, alternatives, anchors, and the quantifiers
 * `* + ? {m} {m,} {m,n}`. Not what needs backtracking: references and look-around.
 *
 * @throws PatternProblem when it is something else.
 */
export function parseRegex(source: string, ignoresCase: boolean): PatternNode {
  return new RegexParser(source, ignoresCase).parse();
}

const MOST = Number.POSITIVE_INFINITY;

interface Bounds {
  readonly min: number;
  readonly max: number;
}

function checkBounds(min: number, max: number): Bounds {
  const isSmall = min <= MAX_REPEAT && (max === MOST || max <= MAX_REPEAT);
  if (min <= max && isSmall) return { min, max };
  throw new PatternProblem(`has a repetition that is not from low to high, ${MAX_REPEAT} at most`);
}

class RegexParser {
  readonly #source: string;
  readonly #ignoresCase: boolean;
  #at = 0;

  constructor(source: string, ignoresCase: boolean) {
    this.#source = source;
    this.#ignoresCase = ignoresCase;
  }

  parse(): PatternNode {
    const node = this.#choice();
    if (this.#at < this.#source.length) throw new PatternProblem("has a ) without its (");
    return node;
  }

  #choice(): PatternNode {
    const items = [this.#sequence()];
    while (this.#takes("|")) items.push(this.#sequence());
    const [only] = items;
    return items.length === 1 && only !== undefined ? only : { kind: "choice", items };
  }

  #sequence(): PatternNode {
    const items: PatternNode[] = [];
    while (this.#at < this.#source.length && !"|)".includes(this.#peek())) {
      items.push(this.#repeated());
    }
    return { kind: "sequence", items };
  }

  #repeated(): PatternNode {
    const item = this.#atom();
    const bounds = this.#quantifier();
    if (bounds === undefined) return item;
    if (item.kind === "start" || item.kind === "end" || this.#quantifier() !== undefined) {
      throw new PatternProblem("has a quantifier with nothing to repeat");
    }
    return { kind: "repeat", item, ...bounds };
  }

  /** A lazy quantifier (`*?`) matches the same texts. */
  #quantifier(): Bounds | undefined {
    const [all, min = "", comma, max] = this.#match(/[*+?]|\{(\d{1,3})(?:(,)(\d{1,3})?)?\}/uy);
    if (all === undefined) return undefined;
    this.#takes("?");
    if (all === "?") return { min: 0, max: 1 };
    if (all === "*" || all === "+") return { min: all === "*" ? 0 : 1, max: MOST };
    const open = comma === undefined ? Number(min) : MOST;
    return checkBounds(Number(min), max === undefined ? open : Number(max));
  }

  #atom(): PatternNode {
    const byte = this.#next();
    switch (byte) {
      case "(":
        return this.#group();
      case "[":
        return this.#set();
      case ".":
        return { kind: "byte", set: byteSet((code) => code !== 0x0a && code !== 0x0d) };
      case "^":
        return { kind: "start" };
      case "$":
        return { kind: "end" };
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
      case "{":
        throw new PatternProblem(`has a ${byte} with nothing to repeat; put a backslash before it`);
      default:
        return literal(byte.charCodeAt(0), this.#ignoresCase);
    }
  }

  #group(): PatternNode {
    if (this.#takes("?") && !this.#takes(":")) {
      throw new PatternProblem(
        "has look-around, a name or a flag in a group, which is not supported",
      );
    }
    const node = this.#choice();
    if (!this.#takes(")")) throw new PatternProblem("has a ( without its )");
    return node;
  }

  #escape(): PatternNode {
    const escaped = this.#escaped();
    return typeof escaped === "number"
      ? literal(escaped, this.#ignoresCase)
      : { kind: "byte", set: escaped };
  }

  /** What stands after a backslash: one byte, or a class of them. */
  #escaped(): number | ByteSet {
    const byte = this.#next();
    const isClass = CLASSES[byte];
    if (isClass !== undefined) return byteSet((code) => isClass.test(String.fromCharCode(code)));
    const control = CONTROLS[byte];
    if (control !== undefined) return control.charCodeAt(0);
    const [, digits] = byte === "x" ? this.#match(/([0-9A-Fa-f]{2})/uy) : [];
    if (digits !== undefined) return Number.parseInt(digits, 16);
    if (!/[A-Za-z0-9]/u.test(byte)) return byte.charCodeAt(0);
    throw new PatternProblem(`has \\${byte}, which is not supported`);
  }

  #set(): PatternNode {
    const isNegated = this.#takes("^");
    const set = new Uint8Array(256);
    let isEmpty = true;
    while (!this.#takes("]")) {
      this.#setItem(set);
      isEmpty = false;
    }
    if (isEmpty) throw new PatternProblem("has an empty set");
    const folded = this.#ignoresCase ? withBothCases(set) : set;
    return { kind: "byte", set: byteSet((code) => (folded[code] === 1) !== isNegated) };
  }

  /** A byte, a class, or a range of bytes is added to the set. */
  #setItem(set: ByteSet): void {
    const first = this.#setByte();
    if (typeof first !== "number") {
      for (const [code, isIn] of first.entries()) if (isIn === 1) set[code] = 1;
      return;
    }
    const isRange = this.#peek() === "-" && this.#source[this.#at + 1] !== "]";
    if (isRange) this.#at += 1;
    const last = isRange ? this.#setByte() : first;
    if (typeof last !== "number" || last < first)
      throw new PatternProblem("has a range out of order");
    set.fill(1, first, last + 1);
  }

  #setByte(): number | ByteSet {
    const byte = this.#next("has a [ without its ]");
    return byte === "\\" ? this.#escaped() : byte.charCodeAt(0);
  }

  #peek(): string {
    return this.#source[this.#at] ?? "";
  }

  #next(problem = "ends in a backslash"): string {
    const byte = this.#source[this.#at];
    if (byte === undefined) throw new PatternProblem(problem);
    this.#at += 1;
    return byte;
  }

  #takes(byte: string): boolean {
    if (this.#peek() !== byte) return false;
    this.#at += 1;
    return true;
  }

  /** What a sticky expression finds here; nothing is taken when it finds nothing. */
  #match(sticky: RegExp): readonly (string | undefined)[] {
    const expression = new RegExp(sticky);
    expression.lastIndex = this.#at;
    const found = expression.exec(this.#source) ?? [];
    this.#at += found[0]?.length ?? 0;
    return found;
  }
}
