/** Microseconds of the clock that all processes of the machine share and that nobody sets. */
export function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}
