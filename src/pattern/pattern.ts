/**
 * Patterns that operators write and strangers' texts are held against: a glob, or a regular expression
 * between slashes. They are matched in linear time, so no text can make one slow.
 */
import { Matcher } from "./matcher.ts";
import { parseGlob } from "./parse-glob.ts";
import { parseRegex } from "./parse-regex.ts";
import { buildProgram } from "./program.ts";
import { PatternProblem } from "./syntax.ts";

/** Longest pattern, in bytes. */
export const MAX_PATTERN_LENGTH = 255;

export interface Pattern {
  /** As it was written. */
  readonly source: string;
  /** Whether it matches a byte string: a glob as a whole, a regular expression anywhere in it. */
  matches(text: string): boolean;
}

/** Characters beyond ASCII stand for their UTF-8 bytes, as in messages. */
function toByteString(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

/**
 * Compiles `glob*` or `/regular expression/`, with `i` behind it to ignore case.
 *
 * @throws PatternProblem that says what is wrong with it.
 */
export function compilePattern(source: string): Pattern {
  if (source === "") throw new PatternProblem("is empty");
  if (source.length > MAX_PATTERN_LENGTH) {
    throw new PatternProblem(`is longer than ${MAX_PATTERN_LENGTH} characters`);
  }
  const [, body, flags = ""] = /^\/(.*)\/([a-z]*)$/isu.exec(toByteString(source)) ?? [];
  if (flags !== "" && flags !== "i") throw new PatternProblem("has a flag other than i");
  const node =
    body === undefined ? parseGlob(toByteString(source)) : parseRegex(body, flags === "i");
  const matcher = new Matcher(buildProgram(node));
  return { source, matches: (text) => matcher.matches(text) };
}
