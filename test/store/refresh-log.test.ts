import * as fc from "fast-check";
import { expect, test } from "vitest";
import { RefreshLog } from "../../src/store/refresh-log.ts";

/** What the log says in the end: for each row id, in order, the numbers of its last refresh. */
function readLast(log: RefreshLog): (readonly number[])[] {
  return [...log.lastPlaces()].map((place) => [log.idAt(place), ...log.refreshAt(place)]);
}

function expectedLast(touches: readonly (readonly number[])[]): (readonly number[])[] {
  const last = new Map(touches.map((touch) => [touch[0] ?? 0, touch]));
  return [...last.values()].toSorted(([a = 0], [b = 0]) => a - b);
}

test("an empty log tells nothing", () => {
  expect(readLast(new RefreshLog())).toEqual([]);
});

test("the last refresh of each binding is told, by ascending row id", () => {
  const number = fc.nat();
  const touch = fc.tuple(fc.nat({ max: 20 }), number, number, number);
  fc.assert(
    fc.property(fc.array(fc.array(touch)), (rows) => {
      const log = new RefreshLog();
      for (const row of rows) log.append(Float64Array.from(row.flat()));
      expect(log.count).toBe(rows.flat().length);
      expect(readLast(log)).toEqual(expectedLast(rows.flat()));
    }),
  );
});

test("so it is over many runs, with row ids far apart", () => {
  const touches = Array.from({ length: 50_000 }, (_, index) => {
    const id = ((index * 7919) % 9973) * 50_000_000 + 1;
    return [id, index, 1_700_000_000_000 + index, index % 7];
  });
  const log = new RefreshLog();
  for (let at = 0; at < touches.length; at += 90) {
    log.append(Float64Array.from(touches.slice(at, at + 90).flat()));
  }
  expect(readLast(log)).toEqual(expectedLast(touches));
});
