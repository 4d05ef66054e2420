import { expect, test } from "vitest";
import { parseAuthHeader } from "../../src/sip/auth-header.ts";

test("credentials are read", () => {
  const value =
    'Digest username="bob", realm="a, \\"b\\"",nonce="84a4" , uri="sip:ss2.biloxi.com",' +
    'response=dfe56131, algorithm=MD5, opaque="", qop=auth, nc=00000001,cnonce="x"';
  expect(parseAuthHeader(value)).toEqual({
    scheme: "digest",
    params: new Map([
      ["username", "bob"],
      ["realm", 'a, "b"'],
      ["nonce", "84a4"],
      ["uri", "sip:ss2.biloxi.com"],
      ["response", "dfe56131"],
      ["algorithm", "MD5"],
      ["opaque", ""],
      ["qop", "auth"],
      ["nc", "00000001"],
      ["cnonce", "x"],
    ]),
  });
});

test.each([
  ["NoOneKnowsThisScheme opaque-data=here", "nooneknowsthisscheme", [["opaque-data", "here"]]],
  ["Digest\tA = 1", "digest", [["a", "1"]]],
  ["Digest a=,b", undefined, []],
  ["Digest a=1,", "digest", [["a", "1"]]],
  ["Digest uri=sip:a@b;c=d", "digest", [["uri", "sip:a@b;c=d"]]],
  [
    "Digest __proto__=1,constructor=2",
    "digest",
    [
      ["__proto__", "1"],
      ["constructor", "2"],
    ],
  ],
] as const)("%s", (value, scheme, params) => {
  const expected = scheme === undefined ? undefined : { scheme, params: new Map(params) };
  expect(parseAuthHeader(value)).toEqual(expected);
});

test.each([
  "",
  "Digest",
  "Digest ",
  "Dig@est a=1",
  "Digest a",
  "Digest =1",
  "Digest a=1,,b=2",
  "Digest a=1 b=2",
  'Digest a="1',
  'Digest a="1"x',
  'Digest a=x"1"',
  "Digest a=\0",
  // Two values for one name: two servers might take different ones.
  "Digest a=1, A=2",
])("%j is malformed", (value) => {
  expect(parseAuthHeader(value)).toBeUndefined();
});

/** Credentials with so many parameters. */
function withParams(count: number): string {
  return `Digest ${Array.from({ length: count }, (_, index) => `p${index}=1`).join(",")}`;
}

test("there is a limit of parameters", () => {
  expect(parseAuthHeader(withParams(32))?.params.size).toBe(32);
  expect(parseAuthHeader(withParams(33))).toBeUndefined();
});
