/** Mulberry32: numbers from 0 to 1 that are the same everywhere for one seed. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of this run: SEED from the environment, to repeat one that failed, or a random one. */
export const SEED = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 32));
