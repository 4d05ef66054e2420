/**
 * A map for entries that come and go by the thousand. V8 rebuilds a Map's table every few dozen
 * changes, and each table it leaves behind keeps the next one, with all it held, from the young
 * generation's collector: with requests as values, a third of all requests outlived it, and its pauses
 * were ten times longer. Here the table holds small numbers, and the values stand in slots that are
 * emptied.
 */
export class SlotMap<V> {
  readonly #slots = new Map<string, number>();
  readonly #values: (V | undefined)[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#slots.size;
  }

  /** Slots there are: as many as there have been entries at once. */
  get capacity(): number {
    return this.#values.length;
  }

  has(key: string): boolean {
    return this.#slots.has(key);
  }

  get(key: string): V | undefined {
    const slot = this.#slots.get(key);
    return slot === undefined ? undefined : this.#values[slot];
  }

  set(key: string, value: V): void {
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = this.#free.pop() ?? this.#values.length;
      this.#slots.set(key, slot);
    }
    this.#values[slot] = value;
  }

  delete(key: string): void {
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    this.#slots.delete(key);
    this.#values[slot] = undefined;
    this.#free.push(slot);
  }

  /** In no order. */
  *values(): Generator<V, void> {
    for (const value of this.#values) if (value !== undefined) yield value;
  }
}
