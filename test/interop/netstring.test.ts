import * as fc from "fast-check";
import { expect, test } from "vitest";
import { readNetstrings, writeNetstring } from "./netstring.ts";

test("any texts survive any cut of the stream", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme" })), fc.nat(), (texts, seed) => {
      const stream = Buffer.from(texts.map(writeNetstring).join(""));
      const cut = stream.length === 0 ? 0 : seed % stream.length;
      const first = readNetstrings(stream.subarray(0, cut));
      const second = readNetstrings(Buffer.concat([first.rest, stream.subarray(cut)]));
      expect([...first.texts, ...second.texts]).toEqual(texts);
      expect(second.rest).toHaveLength(0);
    }),
  );
});

test.each([
  { name: "letters for a length", text: "abc:x," },
  { name: "no comma at the end", text: "1:xy" },
  { name: "an endless length", text: "1234567890:" },
])("$name is refused", ({ text }) => {
  expect(() => readNetstrings(Buffer.from(text))).toThrow(/netstring/u);
});
