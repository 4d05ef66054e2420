import type { AorRecord, Binding, DeRegistration } from "../location/binding.ts";
import type { AorChange } from "../location/change.ts";
import type { Commit, HeldBinding, LocationStore, StoreStatus } from "../ports.ts";
import { buildOperations, isStorable, parseOperations } from "./operation.ts";
import { WorkingCopy } from "./working-copy.ts";

/** A location store that forgets everything when the process ends. It commits before save returns. */
export class MemoryStore implements LocationStore {
  readonly #copy = new WorkingCopy();
  #isClosed = false;

  lookup(aor: string): AorRecord | undefined {
    return this.#copy.lookup(aor);
  }

  lookupCtid(ctid: string): { readonly aor: string; readonly binding: Binding } | undefined {
    return this.#copy.lookupCtid(ctid);
  }

  hasSource(source: string): boolean {
    return this.#copy.hasSource(source);
  }

  bindingAt(source: string): Binding | undefined {
    return this.#copy.bindingAt(source);
  }

  bindingsAt(source: string): readonly HeldBinding[] {
    return this.#copy.bindingsAt(source);
  }

  save(change: AorChange, commit: Commit): void {
    if (this.#isClosed) return commit.failed("the store is closed");
    const operations = buildOperations(change, this.#copy);
    if (!isStorable(operations)) return commit.failed("the change holds a value of a wrong type");
    // The same way through JSON as in the durable store: it leaves no slice of a datagram behind.
    for (const operation of parseOperations(JSON.stringify(operations)))
      this.#copy.apply(operation);
    commit.committed();
  }

  records(): Iterable<AorRecord> {
    return this.#copy.records();
  }

  deRegistrations(): Iterable<DeRegistration> {
    return this.#copy.deRegistrations();
  }

  deRegistration(ctid: string): DeRegistration | undefined {
    return this.#copy.deRegistration(ctid);
  }

  readMeta(key: string): string | undefined {
    return this.#copy.readMeta(key);
  }

  metaOf(prefix: string): Iterable<readonly [key: string, value: string]> {
    return this.#copy.metaOf(prefix);
  }

  writeMeta(key: string, value: string, commit: Commit): void {
    if (this.#isClosed) return commit.failed("the store is closed");
    this.#copy.writeMeta(key, value);
    return commit.committed();
  }

  status(): StoreStatus {
    return { isWritable: !this.#isClosed, problem: "", ...this.#copy.counts() };
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }
}
