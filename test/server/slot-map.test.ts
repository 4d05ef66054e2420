import { array, assert, constant, constantFrom, nat, oneof, property, record } from "fast-check";
import { expect, test } from "vitest";
import { SlotMap } from "../../src/server/slot-map.ts";

const key = constantFrom("a", "b", "c", "d", "__proto__");
const command = oneof(
  record({ kind: constant("set" as const), key, value: nat() }),
  record({ kind: constant("delete" as const), key }),
);

test("behaves like a Map, whatever comes and goes", () => {
  assert(
    property(array(command), (commands) => {
      const slots = new SlotMap<number>();
      const model = new Map<string, number>();
      for (const next of commands) {
        if (next.kind === "set") {
          slots.set(next.key, next.value);
          model.set(next.key, next.value);
        } else {
          slots.delete(next.key);
          model.delete(next.key);
        }
        expect(slots.size).toBe(model.size);
        expect(slots.has(next.key)).toBe(model.has(next.key));
        expect(slots.get(next.key)).toBe(model.get(next.key));
        expect(new Set(slots.values())).toEqual(new Set(model.values()));
      }
    }),
  );
});

test("uses the slots of what has gone again", () => {
  const slots = new SlotMap<number>();
  for (let round = 0; round < 1000; round += 1) {
    slots.set(`key ${round}`, round);
    slots.delete(`key ${round - 1}`);
  }
  expect(slots.capacity).toBe(2);
});
