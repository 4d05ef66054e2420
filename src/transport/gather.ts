/**
 * Asks about each item and calls back once with the answers in the order of the items: at once when all
 * the answers come at once.
 */
export function gather<I, O>(
  items: readonly I[],
  ask: (item: I, done: (answer: O) => void) => void,
  done: (answers: readonly O[]) => void,
): void {
  const answers = new Map<number, O>();
  if (items.length === 0) done([]);
  for (const [index, item] of items.entries()) {
    ask(item, (answer) => {
      answers.set(index, answer);
      if (answers.size === items.length) done(inOrder(answers));
    });
  }
}

function inOrder<O>(answers: ReadonlyMap<number, O>): O[] {
  return [...answers].toSorted(([a], [b]) => a - b).map(([, answer]) => answer);
}
