import type { AorRecord, Binding, DeRegistration } from "../../src/location/binding.ts";
import type { AorChange } from "../../src/location/change.ts";
import type { Commit, LocationStore, StoreStatus } from "../../src/ports.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import type { VirtualClock } from "./virtual-clock.ts";

const NOBODY: Commit = { committed: () => undefined, failed: () => undefined };

/** A store that commits after a while, and fails when a test says so. */
export class FaultyStore implements LocationStore {
  /** What is on the disk. */
  readonly inner: MemoryStore;
  isFailing = false;
  commitMs = 3;
  /** Changes that were asked for, committed or not. */
  readonly asked: AorChange[] = [];
  readonly #clock: VirtualClock;
  /** Changes on their way to the disk, in order. */
  readonly #pending = new Set<AorChange>();
  #isKilled = false;

  constructor(clock: VirtualClock, inner = new MemoryStore()) {
    this.#clock = clock;
    this.inner = inner;
  }

  /**
   * The process is killed: of what is on its way, the first `count` changes reach the disk without a word, the
   * others are lost. Gives back those that have.
   */
  kill(count: number): readonly AorChange[] {
    this.#isKilled = true;
    const kept = this.isFailing ? [] : [...this.#pending].slice(0, count);
    for (const change of kept) this.inner.save(change, NOBODY);
    return kept;
  }

  /** How many changes are on their way. */
  get pending(): number {
    return this.#pending.size;
  }

  lookup(aor: string): AorRecord | undefined {
    return this.inner.lookup(aor);
  }

  lookupCtid(ctid: string): { readonly aor: string; readonly binding: Binding } | undefined {
    return this.inner.lookupCtid(ctid);
  }

  bindingAt(source: string): Binding | undefined {
    return this.inner.bindingAt(source);
  }

  hasSource(source: string): boolean {
    return this.inner.hasSource(source);
  }

  save(change: AorChange, commit: Commit): void {
    this.asked.push(change);
    const willFail = this.isFailing;
    this.#pending.add(change);
    this.#clock.later(this.commitMs, () => {
      if (this.#isKilled) return;
      this.#pending.delete(change);
      if (willFail) commit.failed("disk full");
      else this.inner.save(change, commit);
    });
  }

  records(): Iterable<AorRecord> {
    return this.inner.records();
  }

  deRegistrations(): Iterable<DeRegistration> {
    return this.inner.deRegistrations();
  }

  deRegistration(ctid: string): DeRegistration | undefined {
    return this.inner.deRegistration(ctid);
  }

  status(): StoreStatus {
    return { ...this.inner.status(), isWritable: !this.isFailing };
  }

  async close(): Promise<void> {
    return this.inner.close();
  }
}
