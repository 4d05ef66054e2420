import { expect, test } from "vitest";
import { Interner } from "../../src/store/interner.ts";

test("any number of distinct texts come back equal, however often the table is emptied", () => {
  const interner = new Interner();
  for (let round = 0; round < 2; round += 1) {
    for (let index = 0; index < 10_000; index += 1) {
      expect(interner.intern(`phone ${index}`)).toBe(`phone ${index}`);
    }
  }
});
