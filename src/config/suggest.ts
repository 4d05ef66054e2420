/** Names longer than this are not compared: no setting comes near, and the work is quadratic. */
const MAX_WORD_LENGTH = 64;

/**
 * The candidate that was probably meant by a mistyped word, if one is close enough: one slip for every
 * three characters. Case and the difference between "-" and "_" do not count.
 */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > MAX_WORD_LENGTH) return undefined;
  const wanted = fold(word);
  let nearest = Math.floor(wanted.length / 3) + 1;
  let best: string | undefined;
  for (const candidate of candidates) {
    const slips = countSlips(wanted, fold(candidate));
    if (slips < nearest) {
      nearest = slips;
      best = candidate;
    }
  }
  return best;
}

function fold(word: string): string {
  return word.toLowerCase().replaceAll("-", "_");
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function countSlips(from: string, to: string): number {
  let twoBack: number[] = [];
  let oneBack = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwap = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        cost(oneBack, column) + 1,
        cost(current, column - 1) + 1,
        cost(oneBack, column - 1) + (isSame ? 0 : 1),
        isSwap ? cost(twoBack, column - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    twoBack = oneBack;
    oneBack = current;
  }
  return cost(oneBack, to.length);
}

function cost(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
