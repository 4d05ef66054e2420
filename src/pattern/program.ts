import { type ByteSet, byteSet, type PatternNode, PatternProblem } from "./syntax.ts";

/** One step of a nondeterministic automaton; targets are numbers of instructions. */
type Instruction =
  | { readonly kind: "byte"; readonly set: ByteSet }
  | { readonly kind: "split"; readonly targets: readonly number[] }
  | { readonly kind: "start" }
  | { readonly kind: "end" }
  | { readonly kind: "match" };

/** Instructions in order; one leads to the next unless it says otherwise. The first is the beginning. */
export type Program = readonly Instruction[];

/** Each instruction may be looked at for each byte of a text. */
const MAX_INSTRUCTIONS = 1000;
/** Repetitions of nothing make no instructions, and take time to write out all the same. */
const MAX_STEPS = 10_000;

/**
 * Writes a pattern out as instructions (Thompson's construction). It finds a match anywhere in a text,
 * unless the pattern begins with a start.
 *
 * @throws PatternProblem when it would be too large.
 */
export function buildProgram(node: PatternNode): Program {
  return new ProgramBuilder().build(node);
}

class ProgramBuilder {
  readonly #program: Instruction[] = [];
  #steps = 0;

  build(node: PatternNode): Program {
    if (!isAnchored(node)) this.#loop({ kind: "byte", set: byteSet(() => true) });
    this.#add(node);
    this.#push({ kind: "match" });
    return this.#program;
  }

  #add(node: PatternNode): void {
    this.#steps += 1;
    if (this.#steps > MAX_STEPS) throw new PatternProblem("is too large");
    switch (node.kind) {
      case "byte":
      case "start":
      case "end":
        this.#push(node);
        return;
      case "sequence":
        for (const item of node.items) this.#add(item);
        return;
      case "choice":
        this.#choice(node.items);
        return;
      case "repeat":
        this.#repeat(node);
        return;
      default:
        node satisfies never;
    }
  }

  /** split to each item; each item is followed by a jump behind the last. */
  #choice(items: readonly PatternNode[]): void {
    const split = this.#push({ kind: "split", targets: [] });
    const beginnings: number[] = [];
    const jumps: number[] = [];
    for (const item of items) {
      beginnings.push(this.#program.length);
      this.#add(item);
      jumps.push(this.#push({ kind: "split", targets: [] }));
    }
    this.#program[split] = { kind: "split", targets: beginnings };
    for (const jump of jumps) this.#program[jump] = this.#jump();
  }

  #repeat({ item, min, max }: Extract<PatternNode, { kind: "repeat" }>): void {
    for (let time = 0; time < min; time += 1) this.#add(item);
    if (max === Number.POSITIVE_INFINITY) {
      this.#loop(item);
      return;
    }
    const exits: number[] = [];
    for (let time = min; time < max; time += 1) {
      exits.push(this.#push({ kind: "split", targets: [] }));
      this.#add(item);
    }
    const end = this.#program.length;
    for (const exit of exits) this.#program[exit] = { kind: "split", targets: [exit + 1, end] };
  }

  /** split into the item and behind it; the item leads back. */
  #loop(item: PatternNode): void {
    const split = this.#push({ kind: "split", targets: [] });
    this.#add(item);
    this.#push({ kind: "split", targets: [split] });
    this.#program[split] = { kind: "split", targets: [split + 1, this.#program.length] };
  }

  #jump(): Instruction {
    return { kind: "split", targets: [this.#program.length] };
  }

  #push(instruction: Instruction): number {
    if (this.#program.length === MAX_INSTRUCTIONS) throw new PatternProblem("is too large");
    return this.#program.push(instruction) - 1;
  }
}

/** Whether a match can only begin where the text does. */
function isAnchored(node: PatternNode): boolean {
  if (node.kind !== "sequence") return node.kind === "start";
  const [first] = node.items;
  return first !== undefined && isAnchored(first);
}
