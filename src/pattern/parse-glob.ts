import { byteSet, literal, type PatternNode, PatternProblem } from "./syntax.ts";

const ANY: PatternNode = { kind: "byte", set: byteSet(() => true) };
const ANYTHING: PatternNode = { kind: "repeat", item: ANY, min: 0, max: Number.POSITIVE_INFINITY };

/**
 * A glob: `*` is any text, `?` any byte, a backslash takes the next byte as it is. It has to match a text
 * as a whole, without regard to the case of ASCII letters.
 *
 * @throws PatternProblem when it ends in a backslash.
 */
export function parseGlob(text: string): PatternNode {
  const items: PatternNode[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const byte = text[at];
    if (byte === "*") items.push(ANYTHING);
    else if (byte === "?") items.push(ANY);
    else {
      if (byte === "\\") at += 1;
      if (at === text.length) throw new PatternProblem("ends in a backslash");
      items.push(literal(text.charCodeAt(at), true));
    }
  }
  return { kind: "sequence", items: [{ kind: "start" }, ...items, { kind: "end" }] };
}
