import * as fc from "fast-check";
import { expect, test } from "vitest";
import { suggest } from "../../src/config/suggest.ts";

const NAMES = ["mode", "min_expires", "max_expires", "outgoing_expires", "default_q", "listen"];

test.each([
  ["outgoing_expire", "outgoing_expires"],
  ["outgoing-expires", "outgoing_expires"],
  ["OUTGOING_EXPIRES", "outgoing_expires"],
  ["outoging_expires", "outgoing_expires"],
  ["max_expire", "max_expires"],
  ["mdoe", "mode"],
  ["lisen", "listen"],
  ["defaultq", "default_q"],
  ["madusa", undefined],
  ["x", undefined],
  ["", undefined],
  ["m".repeat(100_000), undefined],
])("%s means %s", (word, meant) => {
  expect(suggest(word, NAMES)).toBe(meant);
});

test("a name with one letter missing, changed, doubled or swapped with the next is always recognised", () => {
  const slip = fc.tuple(
    fc.constantFrom(...NAMES),
    fc.nat(),
    fc.constantFrom("drop", "change", "double", "swap"),
  );
  fc.assert(
    fc.property(slip, ([name, seed, kind]) => {
      const at = seed % (name.length - 1);
      const [before, letter = "", next = "", after] = [
        name.slice(0, at),
        name[at],
        name[at + 1],
        name.slice(at + 2),
      ];
      const wrong = {
        drop: next,
        change: `#${next}`,
        double: letter + letter + next,
        swap: next + letter,
      };
      const meant = suggest(`${before}${wrong[kind]}${after}`, NAMES);
      expect(meant).toBe(name);
    }),
  );
});
