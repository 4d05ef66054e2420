/**
 * What patterns are made of, as a tree. Texts are byte strings: one character for one byte.
 */

/** The bytes that one place of a pattern takes: 1 at the code of each, else 0. */
export type ByteSet = Uint8Array;

export type PatternNode =
  | { readonly kind: "byte"; readonly set: ByteSet }
  | { readonly kind: "sequence"; readonly items: readonly PatternNode[] }
  | { readonly kind: "choice"; readonly items: readonly PatternNode[] }
  /** `max` may be infinite. */
  | {
      readonly kind: "repeat";
      readonly item: PatternNode;
      readonly min: number;
      readonly max: number;
    }
  | { readonly kind: "start" }
  | { readonly kind: "end" };

/** Why a text is no pattern; a sentence without subject ("must ..." or a fragment). */
export class PatternProblem extends Error {
  override readonly name = "PatternProblem";
  readonly code = "PATTERN_INVALID";
}

/** The set of all bytes that the predicate picks. */
export function byteSet(isIn: (code: number) => boolean): ByteSet {
  return Uint8Array.from({ length: 256 }, (_, code) => (isIn(code) ? 1 : 0));
}

/** The set with the other case of each ASCII letter. */
export function withBothCases(set: ByteSet): ByteSet {
  return byteSet((code) => set[code] === 1 || set[otherCase(code)] === 1);
}

function otherCase(code: number): number {
  const isLetter = (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
  return isLetter ? code ^ 0x20 : code;
}

/** One literal byte. */
export function literal(code: number, ignoresCase: boolean): PatternNode {
  const set = byteSet((other) => other === code);
  return { kind: "byte", set: ignoresCase ? withBothCases(set) : set };
}
