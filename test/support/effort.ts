/**
 * How hard random tests try, as a factor on their usual number of runs: `EFFORT=20 npx vitest ...` before a
 * release, 1 in the gate. What fails prints the seed that repeats it.
 */
const EFFORT = Number(process.env["EFFORT"] ?? 1);

/** How often a property is to be run. */
export function runs(usual: number): { readonly numRuns: number } {
  return { numRuns: Math.ceil(usual * EFFORT) };
}
