import type { AorRecord, Binding, DeRegistration } from "../../src/location/binding.ts";
import type { AorChange } from "../../src/location/change.ts";
import type { Commit, LocationStore, StoreStatus } from "../../src/ports.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** A store that commits after a while, and fails when a test says so. */
export class FaultyStore implements LocationStore {
  readonly inner = new MemoryStore();
  isFailing = false;
  commitMs = 3;
  /** Changes that were asked for, committed or not. */
  readonly asked: AorChange[] = [];
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  lookup(aor: string): AorRecord | undefined {
    return this.inner.lookup(aor);
  }

  lookupCtid(ctid: string): { readonly aor: string; readonly binding: Binding } | undefined {
    return this.inner.lookupCtid(ctid);
  }

  hasSource(source: string): boolean {
    return this.inner.hasSource(source);
  }

  save(change: AorChange, commit: Commit): void {
    this.asked.push(change);
    const willFail = this.isFailing;
    this.#clock.later(this.commitMs, () => {
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
