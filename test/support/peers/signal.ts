/** Something that happens at most once and can be waited for, before or after. */
export class Signal {
  #isRaised = false;
  readonly #waiting: (() => void)[] = [];

  get isRaised(): boolean {
    return this.#isRaised;
  }

  raise(): void {
    this.#isRaised = true;
    for (const resume of this.#waiting.splice(0)) resume();
  }

  /** Resolves when the signal is raised. Rejects with what was awaited after `limitMs`. */
  async within(limitMs: number, what: string): Promise<void> {
    if (this.#isRaised) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`${what}: nothing within ${limitMs} ms`));
      }, limitMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
