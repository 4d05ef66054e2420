import type { Program } from "./program.ts";

/**
 * States kept per pattern, about 2 kB each. Patterns of real configurations need a handful; one that needs
 * more has them made again.
 */
const MAX_STATES = 64;

/** A state of the deterministic automaton: the instructions that any match so far may have reached. */
interface State {
  /** The state after each byte, as far as it was needed. */
  readonly next: (State | undefined)[];
  /** Instructions that wait for a byte. */
  readonly waiting: readonly number[];
  /** Whether the pattern has matched, whatever follows. */
  readonly isMatched: boolean;
  /** Whether it has, if the text ends here. */
  readonly isMatchedAtEnd: boolean;
}

/**
 * Runs a program in time proportional to the text: a deterministic automaton that is built as texts need it.
 */
export class Matcher {
  readonly #program: Program;
  readonly #states = new Map<string, State>();
  #start: State;

  constructor(program: Program) {
    this.#program = program;
    this.#start = this.#stateOf([0], true);
  }

  /** Whether the pattern matches a byte string. */
  matches(text: string): boolean {
    let state = this.#start;
    for (let at = 0; at < text.length; at += 1) {
      if (state.isMatched) return true;
      if (state.waiting.length === 0) return false;
      const code = text.charCodeAt(at) & 0xff;
      state = state.next[code] ?? this.#advance(state, code);
    }
    return state.isMatchedAtEnd;
  }

  #advance(state: State, code: number): State {
    const reached: number[] = [];
    for (const at of state.waiting) {
      const instruction = this.#program[at];
      if (instruction?.kind === "byte" && instruction.set[code] === 1) reached.push(at + 1);
    }
    if (this.#states.size >= MAX_STATES) {
      this.#states.clear();
      this.#start = this.#stateOf([0], true);
    }
    const next = this.#stateOf(reached, false);
    state.next[code] = next;
    return next;
  }

  #stateOf(reached: readonly number[], isStart: boolean): State {
    const open = this.#follow(reached, { isStart, isEnd: false });
    const waiting = open.filter((at) => this.#program[at]?.kind === "byte");
    const key = `${isStart ? "^" : ""}${open.join(" ")}`;
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    const atEnd = this.#follow(reached, { isStart, isEnd: true });
    const state: State = {
      next: Array.from({ length: 256 }),
      waiting,
      isMatched: this.#hasMatch(open),
      isMatchedAtEnd: this.#hasMatch(atEnd),
    };
    this.#states.set(key, state);
    return state;
  }

  #hasMatch(reached: readonly number[]): boolean {
    return reached.some((at) => this.#program[at]?.kind === "match");
  }

  /** Where one gets from instructions without taking a byte, in order and each once. */
  #follow(
    reached: readonly number[],
    { isStart, isEnd }: { readonly isStart: boolean; readonly isEnd: boolean },
  ): number[] {
    const seen = new Set<number>();
    const open = [...reached];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      const instruction = this.#program[at];
      if (instruction?.kind === "split") open.push(...instruction.targets);
      if (instruction?.kind === "start" && isStart) open.push(at + 1);
      if (instruction?.kind === "end" && isEnd) open.push(at + 1);
    }
    return [...seen].filter((at) => this.#program[at]?.kind !== "split").toSorted((a, b) => a - b);
  }
}
