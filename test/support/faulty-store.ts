import type { AorRecord, Binding, DeRegistration } from "../../src/location/binding.ts";
import type { AorChange } from "../../src/location/change.ts";
import type { Commit, HeldBinding, LocationStore, StoreStatus } from "../../src/ports.ts";
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
  /** Changes on their way to the disk, in order; other values among them. */
  readonly #pending = new Set<AorChange | readonly [key: string, value: string]>();
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
    const written = this.isFailing ? [] : [...this.#pending].slice(0, count);
    const kept: AorChange[] = [];
    for (const one of written) {
      if ("aor" in one) kept.push(one);
      if ("aor" in one) this.inner.save(one, NOBODY);
      else this.inner.writeMeta(...one, NOBODY);
    }
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

  bindingsAt(source: string): readonly HeldBinding[] {
    return this.inner.bindingsAt(source);
  }

  hasSource(source: string): boolean {
    return this.inner.hasSource(source);
  }

  save(change: AorChange, commit: Commit): void {
    this.asked.push(change);
    this.#write(change, commit, () => this.inner.save(change, commit));
  }

  readMeta(key: string): string | undefined {
    return this.inner.readMeta(key);
  }

  metaOf(prefix: string): Iterable<readonly [key: string, value: string]> {
    return this.inner.metaOf(prefix);
  }

  writeMeta(key: string, value: string, commit: Commit): void {
    this.#write([key, value], commit, () => this.inner.writeMeta(key, value, commit));
  }

  #write(
    what: AorChange | readonly [key: string, value: string],
    commit: Commit,
    write: () => void,
  ): void {
    const willFail = this.isFailing;
    this.#pending.add(what);
    this.#clock.later(this.commitMs, () => {
      if (this.#isKilled) return;
      this.#pending.delete(what);
      if (willFail) commit.failed("disk full");
      else write();
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
