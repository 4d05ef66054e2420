/**
 * The expected count where the actual one is that, or more by at most as many requests as sipp has repeated: a machine
 * that is busy with something else may stand still for half a second (RFC 3261 section 17.1.2.2). For what midreg
 * absorbs, since that is answered without a transaction and counted each time. Kamailio keeps one for every REGISTER that
 * it counts, as midreg does for what it forwards, so their counts are exact.
 */
export function withoutRepeats(actual: number, expected: number, repeated: number): number {
  const isRepeated = actual > expected && actual <= expected + repeated;
  return expected > 0 && isRepeated ? expected : actual;
}
