import { expect, test } from "vitest";
import { type ReductionOptions, simulateReduction } from "./reduction.ts";

const OPTIONS: ReductionOptions = {
  mode: "contact",
  outgoingExpiresSec: 3600,
  phones: 60,
  hours: 1,
  seed: 1,
};

test("the simulated hours are the same for one seed, and others for another", async () => {
  const first = await simulateReduction(OPTIONS);
  expect(await simulateReduction(OPTIONS)).toEqual(first);
  expect(await simulateReduction({ ...OPTIONS, seed: 2 })).not.toEqual({ ...first, seed: 2 });
});

test("every phone is answered 200, and mirror mode spares the main registrar nothing", async () => {
  const mirrored = await simulateReduction({ ...OPTIONS, mode: "mirror" });
  expect(mirrored).toMatchObject({ refused: 0, reductionPercent: 0 });
  expect(mirrored.registersIn).toBeGreaterThan(20 * 60);
});

test("throttling spares it what phones with a short lifetime send, all but the first of each hour", async () => {
  const { refused, reductionPercent, byLifetime } = await simulateReduction(OPTIONS);
  expect(refused).toBe(0);
  expect(reductionPercent).toBeGreaterThan(80);
  expect(byLifetime["60"]?.out).toBeLessThan(2 * 20);
});
