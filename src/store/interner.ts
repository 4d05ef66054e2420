/** Distinct strings remembered at a time: far more than the makes of phones behind one midreg. */
const MAX_INTERNED = 4096;

/** Gives equal strings one copy. A full table is emptied, so that unique strings cost a bounded amount. */
export class Interner {
  readonly #known = new Map<string, string>();

  intern(text: string): string {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    if (this.#known.size >= MAX_INTERNED) this.#known.clear();
    this.#known.set(text, text);
    return text;
  }
}
