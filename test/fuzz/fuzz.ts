import * as fc from "fast-check";

const TIME_MS = Number(process.env["FUZZ_MS"] ?? 300);
/** Belongs into the title of each test, so that a run can be done again. */
export const SEED = Number(process.env["FUZZ_SEED"] ?? Math.trunc(Math.random() * 2 ** 31));

/** Time limit of a test that tries one property, in milliseconds. */
export const TIMEOUT_MS = TIME_MS + 20_000;

/** Tries a property with as many inputs as its time allows. */
export function check<T>(inputs: fc.Arbitrary<T>, property: (input: T) => void): void {
  fc.assert(fc.property(inputs, property), {
    seed: SEED,
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: TIME_MS,
  });
}
