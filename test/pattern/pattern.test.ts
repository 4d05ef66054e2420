import { array, assert, constantFrom, letrec, property, stringMatching } from "fast-check";
import { describe, expect, test } from "vitest";
import { compilePattern, MAX_PATTERN_LENGTH } from "../../src/pattern/pattern.ts";
import { runs } from "../support/effort.ts";

describe("a glob", () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ["Yealink*", ["Yealink SIP-T46S 66.85", "yealink", "YEALINK*"], ["A Yealink", ""]],
    [
      "*@example.com",
      ["alice@example.com", "@EXAMPLE.com"],
      ["alice@example.com.evil", "example.com"],
    ],
    ["10?", ["100", "10x"], ["10", "1000"]],
    ["*", ["", "anything"], []],
    ["a.b", ["a.b"], ["axb"]],
    [String.raw`a\*b`, ["a*b"], ["axb"]],
    ["*a*b*", ["xxaxxbxx", "ab"], ["ba"]],
    ["M\u00fcller", ["m\xc3\xbcLLER"], ["M\xfcller", "Muller"]],
  ])("%j matches all of a text, without regard to case", (glob, taken, left) => {
    const pattern = compilePattern(glob);
    for (const text of taken) expect([text, pattern.matches(text)]).toEqual([text, true]);
    for (const text of left) expect([text, pattern.matches(text)]).toEqual([text, false]);
  });

  test("keeps its text for those who explain it", () => {
    expect(compilePattern("Yealink*").source).toBe("Yealink*");
  });
});

describe("a regular expression", () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ["/SIP-T4[0-9]/", ["Yealink SIP-T46S"], ["Yealink sip-t46s", "SIP-T5"]],
    ["/sip-t4[0-9]/i", ["Yealink SIP-T46S"], []],
    ["/^(alice|bob)@/", ["alice@h", "bob@h"], ["malice@h", "carol@h"]],
    [String.raw`/\.(com|net)$/`, ["h.com", "h.net"], ["hcom", "h.com.x"]],
    ["/^$/", [""], ["x"]],
    ["/[^a-c]/i", ["d"], ["ABC", ""]],
    [String.raw`/^\d{3,5}@/`, ["123@h", "12345@h"], ["12@h", "123456@h"]],
    [String.raw`/^[\w.-]+$/`, ["a_b.c-1"], ["a b", ""]],
    ["/a{2}/", ["baab"], ["aba"]],
    ["/^a{2,}$/", ["aa", "aaaa"], ["a"]],
    ["/(a*)*b/", ["aaab", "b"], ["aaa"]],
    ["/^(?:a|)b$/", ["ab", "b"], ["aab"]],
    [String.raw`/\x2f/`, ["a/b"], ["ab"]],
    ["/^a.c$/", ["abc"], ["a\nc"]],
  ])("%s is found anywhere in a text", (source, taken, left) => {
    const pattern = compilePattern(source);
    for (const text of taken) expect([text, pattern.matches(text)]).toEqual([text, true]);
    for (const text of left) expect([text, pattern.matches(text)]).toEqual([text, false]);
  });
});

test.each([
  ["", "is empty"],
  ["x".repeat(MAX_PATTERN_LENGTH + 1), "is longer than 255 characters"],
  ["a\\", "ends in a backslash"],
  ["/a\\/", "ends in a backslash"],
  ["/a/g", "has a flag other than i"],
  ["/(a/", "has a ( without its )"],
  ["/a)/", "has a ) without its ("],
  ["/[a/", "has a [ without its ]"],
  ["/[]/", "has an empty set"],
  ["/[z-a]/", "has a range out of order"],
  [String.raw`/[\d-z]/`, ""],
  [String.raw`/[a-\d]/`, "has a range out of order"],
  ["/*a/", "has a * with nothing to repeat; put a backslash before it"],
  ["/a**/", "has a quantifier with nothing to repeat"],
  ["/^*/", "has a quantifier with nothing to repeat"],
  ["/a{2,1}/", "has a repetition that is not from low to high, 100 at most"],
  ["/a{101}/", "has a repetition that is not from low to high, 100 at most"],
  ["/{/", "has a { with nothing to repeat; put a backslash before it"],
  ["/(?=a)/", "has look-around, a name or a flag in a group, which is not supported"],
  [String.raw`/(a)\1/`, String.raw`has \1, which is not supported`],
  [String.raw`/\bx/`, String.raw`has \b, which is not supported`],
  ["/(a{100}){100}/", "is too large"],
  ["/(((){100}){100}){100}/", "is too large"],
])("%j is judged: %s", (source, problem) => {
  let said = "";
  try {
    compilePattern(source);
  } catch (error) {
    said = error instanceof Error ? error.message : "";
  }
  expect(said).toBe(problem);
});

const { regex } = letrec<{ regex: string; item: string }>((tie) => ({
  item: constantFrom(
    "a",
    "b",
    "B",
    "-",
    ".",
    "[ab]",
    "[^a]",
    "[a-c-]",
    String.raw`\d`,
    "^",
    "$",
    "",
  )
    .chain((leaf) => (leaf === "" ? tie("regex").map((inner) => `(${inner})`) : constantFrom(leaf)))
    .chain((atom) =>
      atom === "^" || atom === "$"
        ? constantFrom(atom)
        : constantFrom("", "", "*", "+", "?", "{2}", "{1,2}", "*?").map((times) => atom + times),
    ),
  regex: array(array(tie("item"), { maxLength: 3 }), { minLength: 1, maxLength: 2 }).map(
    (choices) => choices.map((items) => items.join("")).join("|"),
  ),
}));

describe("any regular expression", () => {
  test("finds what the language's own engine finds", () => {
    const text = stringMatching(/^[abcABC1.-]{0,8}$/u);
    assert(
      property(
        regex,
        constantFrom("", "i"),
        array(text, { minLength: 1 }),
        (source, flags, texts) => {
          const pattern = compilePattern(`/${source}/${flags}`);
          const native = new RegExp(source, flags);
          for (const one of texts)
            expect([one, pattern.matches(one)]).toEqual([one, native.test(one)]);
        },
      ),
      runs(500),
    );
  });

  test("that would take others exponential time is done at once, whatever the text", () => {
    for (const source of ["/^(a+)+$/", "/(a|a)*b/", "/(.*)(.*)(.*)(.*)x/", "/^(a?){50}a{50}$/"]) {
      const pattern = compilePattern(source);
      expect([`${"a".repeat(5000)}!`, "!"].map((text) => pattern.matches(text))).toContain(false);
    }
  }, 2000);

  test("keeps its answers when it has more states than it remembers", () => {
    const pattern = compilePattern("/a.{10}$/");
    const native = /a.{10}$/u;
    for (let number = 0; number < 4000; number += 1) {
      const text = number.toString(2).padStart(12, "0").replaceAll("1", "a");
      expect([text, pattern.matches(text)]).toEqual([text, native.test(text)]);
    }
  });
});
