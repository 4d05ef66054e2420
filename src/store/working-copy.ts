import type { AorRecord, Binding, DeRegistration } from "../location/binding.ts";
import type { HeldBinding } from "../ports.ts";
import { Interner } from "./interner.ts";
import type { BindingRow, Operation, OutboxRow, RowIds } from "./operation.ts";
import { readOutboxRow } from "./operation.ts";
import { StoredBinding } from "./stored-binding.ts";

interface StoredRecord extends AorRecord {
  readonly bindings: readonly StoredBinding[];
}

/**
 * The committed state in memory: what reads see. Operations reach it only when they are committed, in
 * the order of the commits. A record is never changed but replaced, so a caller may keep the one it
 * has looked up; only the three numbers of a refresh change under its eyes.
 */
export class WorkingCopy implements RowIds {
  readonly #records = new Map<string, StoredRecord>();
  readonly #byCtid = new Map<string, StoredBinding>();
  /** By flow: one binding nearly always, or all that share it. */
  readonly #bySource = new Map<string, StoredBinding | Set<StoredBinding>>();
  readonly #outbox = new Map<string, DeRegistration>();
  readonly #meta = new Map<string, string>();
  readonly #interner = new Interner();
  #lastRowId = 0;

  lookup(aor: string): AorRecord | undefined {
    return this.#records.get(aor);
  }

  lookupCtid(ctid: string): { readonly aor: string; readonly binding: Binding } | undefined {
    const binding = this.#byCtid.get(ctid);
    return binding === undefined ? undefined : { aor: binding.aor, binding };
  }

  hasSource(source: string): boolean {
    return this.#bySource.has(source);
  }

  bindingAt(source: string): Binding | undefined {
    const there = this.#bySource.get(source);
    return there instanceof Set ? there.values().next().value : there;
  }

  bindingsAt(source: string): readonly HeldBinding[] {
    const there = this.#bySource.get(source);
    if (there === undefined) return [];
    const bindings = there instanceof Set ? [...there] : [there];
    return bindings.map((binding) => ({ aor: binding.aor, binding }));
  }

  records(): Iterable<AorRecord> {
    return this.#records.values();
  }

  deRegistrations(): Iterable<DeRegistration> {
    return this.#outbox.values();
  }

  deRegistration(ctid: string): DeRegistration | undefined {
    return this.#outbox.get(ctid);
  }

  readMeta(key: string): string | undefined {
    return this.#meta.get(key);
  }

  *metaOf(prefix: string): Generator<readonly [key: string, value: string], void> {
    for (const entry of this.#meta) if (entry[0].startsWith(prefix)) yield entry;
  }

  counts(): { aors: number; bindings: number; deRegistrations: number } {
    return {
      aors: this.#records.size,
      bindings: this.#byCtid.size,
      deRegistrations: this.#outbox.size,
    };
  }

  /** The binding with that ctid if it belongs to that address-of-record. */
  bindingOf(aor: string, ctid: string): StoredBinding | undefined {
    const binding = this.#byCtid.get(ctid);
    return binding?.aor === aor ? binding : undefined;
  }

  rowIdOf(ctid: string, aor?: string): number | undefined {
    const binding = this.#byCtid.get(ctid);
    return aor === undefined || binding?.aor === aor ? binding?.rowId : undefined;
  }

  takeRowId(): number {
    this.#lastRowId += 1;
    return this.#lastRowId;
  }

  /** Makes sure that no id up to this one is handed out again. */
  reserveRowIds(lastRowId: number): void {
    this.#lastRowId = Math.max(this.#lastRowId, lastRowId);
  }

  apply(operation: Operation): void {
    switch (operation[0]) {
      case "put":
        this.put(operation[1]);
        return;
      case "touch": {
        const [, ctid, cseq, expiresAtMs, updatedAtMs] = operation[1];
        this.#byCtid.get(ctid)?.refresh(cseq, expiresAtMs, updatedAtMs);
        return;
      }
      case "remove":
        this.#remove(operation[1][1]);
        return;
      case "enqueue":
        this.enqueue(operation[1]);
        return;
      case "dequeue":
        this.#outbox.delete(operation[1][0]);
        return;
      case "meta":
        this.writeMeta(operation[1][0], operation[1][1]);
        return;
      default:
        operation satisfies never;
    }
  }

  enqueue(row: OutboxRow): void {
    this.#outbox.set(row[0], readOutboxRow(row));
  }

  /** An empty value is none. */
  writeMeta(key: string, value: string): void {
    if (value === "") this.#meta.delete(key);
    else this.#meta.set(key, value);
  }

  /** Inserts a binding by its row id, or replaces the one with its ctid. */
  put(row: BindingRow): void {
    const [id, rowAor, ctid] = row;
    this.reserveRowIds(id);
    const old = this.#byCtid.get(ctid);
    if (old !== undefined && old.aor !== rowAor) this.#remove(ctid);
    const record = this.#records.get(rowAor);
    const aor = record?.aor ?? rowAor;
    const binding = new StoredBinding(row, aor, this.#interner);
    this.#records.set(aor, { aor, bindings: place(binding, record?.bindings, old) });
    this.#byCtid.set(ctid, binding);
    this.#enterSource(binding);
    if (old?.aor === aor) this.#leaveSource(old);
  }

  #remove(ctid: string): void {
    const binding = this.#byCtid.get(ctid);
    if (binding === undefined) return;
    const { aor } = binding;
    const bindings = (this.#records.get(aor)?.bindings ?? []).filter((other) => other !== binding);
    if (bindings.length === 0) this.#records.delete(aor);
    else this.#records.set(aor, { aor, bindings });
    this.#byCtid.delete(ctid);
    this.#leaveSource(binding);
  }

  #enterSource(binding: StoredBinding): void {
    const there = this.#bySource.get(binding.source);
    if (there === undefined) this.#bySource.set(binding.source, binding);
    else if (there instanceof Set) there.add(binding);
    else this.#bySource.set(binding.source, new Set([there, binding]));
  }

  #leaveSource(binding: StoredBinding): void {
    const there = this.#bySource.get(binding.source);
    if (!(there instanceof Set)) {
      if (there === binding) this.#bySource.delete(binding.source);
      return;
    }
    there.delete(binding);
    // Back to the smaller form, which nearly all have.
    const [last] = there;
    if (there.size === 1 && last !== undefined) this.#bySource.set(binding.source, last);
  }
}

/** The bindings of a record with another one among them, ordered by row id, and without `old`. */
function place(
  binding: StoredBinding,
  among: readonly StoredBinding[] | undefined,
  old: StoredBinding | undefined,
): readonly StoredBinding[] {
  if (among === undefined) return [binding];
  const others = among.filter((other) => other !== old);
  const index = others.findLastIndex((other) => other.rowId < binding.rowId) + 1;
  return others.toSpliced(index, 0, binding);
}
