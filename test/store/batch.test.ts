import { expect, test } from "vitest";
import { buildChange } from "../../src/location/change.ts";
import { Batch } from "../../src/store/batch.ts";
import { WorkingCopy } from "../../src/store/working-copy.ts";
import { AOR, buildBinding } from "./fixtures.ts";

test("everybody who waits for a batch hears of it, even after somebody threw", () => {
  const copy = new WorkingCopy();
  const heard: string[] = [];
  const addTo = (batch: Batch, name: string): void => {
    const speak = (word: string) => () => {
      heard.push(`${name} ${word}`);
      if (name === "b") throw new Error("b cannot cope");
    };
    const change = buildChange(AOR, { put: [buildBinding(name)] });
    batch.add(change, { committed: speak("committed"), failed: speak("failed") });
  };
  const [good, bad] = [new Batch(copy), new Batch(copy)];
  for (const name of ["a", "b", "c"]) addTo(good, name);
  for (const name of ["b", "d"]) addTo(bad, name);
  expect(() => good.settle()).toThrow(AggregateError);
  expect(() => bad.fail("full")).toThrow(AggregateError);
  expect(heard).toEqual(["a committed", "b committed", "c committed", "b failed", "d failed"]);
  expect(copy.lookup(AOR)?.bindings.map(({ ctid }) => ctid)).toEqual(["a", "b", "c"]);
  // Told once: a second time there is nobody left.
  good.settle();
  expect(heard).toHaveLength(5);
});

test("any number of refreshes fits into a batch, and all are applied", () => {
  const copy = new WorkingCopy();
  const batch = new Batch(copy);
  const done = { committed: () => undefined, failed: () => undefined };
  const ctids = Array.from({ length: 1000 }, (_, index) => `c${index}`);
  batch.add(buildChange(AOR, { put: ctids.map((ctid) => buildBinding(ctid)) }), done);
  batch.settle();
  batch.clear();
  for (const [index, ctid] of ctids.entries()) {
    const touch = { ctid, cseq: index, expiresAtMs: index + 1, updatedAtMs: index + 2 };
    batch.add(buildChange(AOR, { touch: [touch] }), done);
  }
  expect(batch.size).toBe(1000);
  expect(batch.entry().touches).toHaveLength(4000);
  expect(batch.entry().changes).toBeUndefined();
  batch.settle();
  expect(copy.lookup(AOR)?.bindings.map(({ cseq }) => cseq)).toEqual(
    ctids.map((_, index) => index),
  );
});
