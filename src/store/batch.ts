import type { AorChange } from "../location/change.ts";
import type { Commit } from "../ports.ts";
import type { JournalEntry } from "./journal-protocol.ts";
import { TOUCH_WIDTH } from "./journal-protocol.ts";
import type { Operation } from "./operation.ts";
import { buildOperations, isStorable, parseOperations } from "./operation.ts";
import type { StoredBinding } from "./stored-binding.ts";
import type { WorkingCopy } from "./working-copy.ts";

const FIRST_CAPACITY = 256;

/**
 * Changes on their way to one journal row. Refreshes are packed into numbers; everything else becomes
 * JSON. In a journal row the numbers come first, so a refresh of a binding that the same batch has
 * put before travels with the JSON.
 */
export class Batch {
  readonly #copy: WorkingCopy;
  #numbers = new Float64Array(FIRST_CAPACITY * TOUCH_WIDTH);
  readonly #touched: StoredBinding[] = [];
  #operations: Operation[] = [];
  /** JSON arrays of operations, in order. */
  readonly #texts: string[] = [];
  readonly #putIds = new Set<number>();
  #waiters: Commit[] = [];
  #appliedTouches = 0;
  #appliedTexts = 0;
  #size = 0;

  constructor(copy: WorkingCopy) {
    this.#copy = copy;
  }

  /** Changes in it, whether applied or not. */
  get size(): number {
    return this.#size;
  }

  /** False when the change holds a value that cannot be stored; nothing was added then. */
  add(change: AorChange, commit: Commit): boolean {
    const isAdded = this.#isPlainRefresh(change)
      ? this.#addTouches(change)
      : this.#addOperations(buildOperations(change, this.#copy));
    if (isAdded) this.#addWaiter(commit);
    return isAdded;
  }

  addMeta(key: string, value: string, commit: Commit): void {
    this.#operations.push(["meta", [key, value]]);
    this.#addWaiter(commit);
  }

  /** What the journal keeps of it. */
  entry(): JournalEntry {
    this.#seal();
    const touches = this.#touched.length * TOUCH_WIDTH;
    const changes = this.#texts.map((text) => text.slice(1, -1)).join(",");
    return {
      touches: touches === 0 ? undefined : this.#numbers.slice(0, touches),
      changes: changes === "" ? undefined : `[${changes}]`,
    };
  }

  /**
   * Makes visible what is not yet, and tells those who wait. They may save again at once. Throws an
   * AggregateError when any of them threw, after all have been told; so does `fail`.
   */
  settle(): void {
    this.#seal();
    const numbers = this.#numbers;
    for (; this.#appliedTouches < this.#touched.length; this.#appliedTouches += 1) {
      const at = this.#appliedTouches * TOUCH_WIDTH;
      const cseq = numbers[at + 1] ?? 0;
      const expiresAtMs = numbers[at + 2] ?? 0;
      const updatedAtMs = numbers[at + 3] ?? 0;
      this.#touched[this.#appliedTouches]?.refresh(cseq, expiresAtMs, updatedAtMs);
    }
    for (; this.#appliedTexts < this.#texts.length; this.#appliedTexts += 1) {
      // Memory is built from the journal's own text: equal to it, and free of slices of datagrams.
      const text = this.#texts[this.#appliedTexts] ?? "[]";
      for (const operation of parseOperations(text)) this.#copy.apply(operation);
    }
    this.#tell((waiter) => waiter.committed());
  }

  fail(reason: string): void {
    this.#tell((waiter) => waiter.failed(reason));
  }

  /** Empties it for its next use. */
  clear(): void {
    this.#touched.length = 0;
    this.#operations = [];
    this.#texts.length = 0;
    this.#putIds.clear();
    this.#appliedTouches = 0;
    this.#appliedTexts = 0;
    this.#size = 0;
  }

  #isPlainRefresh({ put, remove, enqueue, dequeue, touch }: AorChange): boolean {
    if (put.length + remove.length + enqueue.length + dequeue.length > 0) return false;
    return (
      this.#putIds.size === 0 ||
      touch.every(({ ctid }) => !this.#putIds.has(this.#copy.rowIdOf(ctid) ?? 0))
    );
  }

  #addTouches({ aor, touch }: AorChange): boolean {
    if (!touch.every(isStorableTouch)) return false;
    for (const { ctid, cseq, expiresAtMs, updatedAtMs } of touch) {
      const binding = this.#copy.bindingOf(aor, ctid);
      if (binding === undefined) continue;
      const at = this.#touched.length * TOUCH_WIDTH;
      if (at === this.#numbers.length) this.#grow();
      const numbers = this.#numbers;
      numbers[at] = binding.rowId;
      numbers[at + 1] = cseq;
      numbers[at + 2] = expiresAtMs;
      numbers[at + 3] = updatedAtMs;
      this.#touched.push(binding);
    }
    return true;
  }

  #addOperations(operations: readonly Operation[]): boolean {
    if (!isStorable(operations)) return false;
    for (const operation of operations) {
      if (operation[0] === "put") this.#putIds.add(operation[1][0]);
      this.#operations.push(operation);
    }
    return true;
  }

  #addWaiter(commit: Commit): void {
    this.#waiters.push(commit);
    this.#size += 1;
  }

  /** Everybody hears it, even after somebody threw. */
  #tell(say: (waiter: Commit) => void): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    const errors: unknown[] = [];
    for (const waiter of waiters) {
      try {
        say(waiter);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, "what followed a commit has failed");
  }

  #seal(): void {
    if (this.#operations.length === 0) return;
    this.#texts.push(JSON.stringify(this.#operations));
    this.#operations = [];
  }

  #grow(): void {
    const grown = new Float64Array(this.#numbers.length * 2);
    grown.set(this.#numbers);
    this.#numbers = grown;
  }
}

function isStorableTouch(touch: AorChange["touch"][number]): boolean {
  return (
    Number.isSafeInteger(touch.cseq) &&
    Number.isSafeInteger(touch.expiresAtMs) &&
    Number.isSafeInteger(touch.updatedAtMs)
  );
}
