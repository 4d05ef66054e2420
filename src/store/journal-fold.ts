import type { Database, Statement, Transaction } from "better-sqlite3";
import type { RowChange } from "./journal-digest.ts";
import { JournalDigest } from "./journal-digest.ts";
import { BINDING_COLUMNS, bindingValues, isRow, refreshValues } from "./operation.ts";

/** How long a slice may hold up commits. */
const SLICE_MS = 2;
/** Rows between two looks at the clock. */
const ROWS_PER_LOOK = 8;
/** Journal rows deleted in one go. */
const DELETES_PER_SLICE = 32;

interface Slice {
  readonly written: number;
  readonly isLast: boolean;
}

/**
 * Moves the content of the journal into the tables, in primary-key order so that rows share pages, in
 * slices of a few milliseconds between which commits get their turn. Journal rows go when everything
 * they say is in the tables; until then a restart lays them over the tables again (journal-digest.ts).
 */
export class JournalFold {
  readonly #select: Statement;
  readonly #delete: Statement;
  readonly #putBinding: Statement;
  readonly #putRefresh: Statement;
  readonly #refresh: Statement;
  readonly #removeBinding: Statement;
  readonly #removeRefresh: Statement;
  readonly #enqueue: Statement;
  readonly #dequeue: Statement;
  readonly #putMeta: Statement;
  readonly #removeMeta: Statement;
  readonly #writeSlice: Transaction<(writes: Iterator<undefined>) => Slice>;

  constructor(db: Database) {
    this.#select = db
      .prepare(
        "SELECT seq, touches, changes FROM journal WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT 1",
      )
      .raw(true);
    this.#delete = db.prepare("DELETE FROM journal WHERE seq <= ?");
    this.#putBinding = db.prepare(
      `INSERT OR REPLACE INTO binding VALUES (${parameters(BINDING_COLUMNS)})`,
    );
    this.#putRefresh = db.prepare(`INSERT OR REPLACE INTO refresh VALUES (${parameters(4)})`);
    this.#refresh = db.prepare(
      "UPDATE refresh SET cseq = ?, expires_at_ms = ?, updated_at_ms = ? WHERE id = ?",
    );
    this.#removeBinding = db.prepare("DELETE FROM binding WHERE id = ?");
    this.#removeRefresh = db.prepare("DELETE FROM refresh WHERE id = ?");
    this.#enqueue = db.prepare(`INSERT OR REPLACE INTO deregistration VALUES (${parameters(12)})`);
    this.#dequeue = db.prepare("DELETE FROM deregistration WHERE ctid = ?");
    this.#putMeta = db.prepare("INSERT OR REPLACE INTO meta VALUES (?, ?)");
    this.#removeMeta = db.prepare("DELETE FROM meta WHERE key = ?");
    this.#writeSlice = db.transaction(writeForAWhile);
  }

  /** One pass over the rows up to `lastSeq`; yields between slices and returns the rows written. */
  *run(lastSeq: number): Generator<undefined, number> {
    const writes = this.#write(yield* this.#read(lastSeq));
    let slice = { written: 0, isLast: false };
    let total = 0;
    while (!slice.isLast) {
      slice = this.#writeSlice.immediate(writes);
      total += slice.written;
      yield;
    }
    yield* this.#forget(lastSeq);
    return total;
  }

  *#read(lastSeq: number): Generator<undefined, JournalDigest> {
    const digest = new JournalDigest();
    let untilMs = performance.now() + SLICE_MS;
    for (let row = this.#select.get(0, lastSeq); isRow(row); ) {
      const [seq, touches, changes] = row;
      digest.add(touches, changes);
      if (performance.now() >= untilMs) {
        yield;
        untilMs = performance.now() + SLICE_MS;
      }
      row = this.#select.get(seq, lastSeq);
    }
    return digest;
  }

  /** Writes one row for each step. */
  *#write(digest: JournalDigest): Generator<undefined, void> {
    for (const [ctid, row] of digest.outbox) {
      if (row === undefined) this.#dequeue.run(ctid);
      else this.#enqueue.run(...row);
      yield;
    }
    for (const [key, value] of digest.meta) {
      if (value === "") this.#removeMeta.run(key);
      else this.#putMeta.run(key, value);
      yield;
    }
    for (const change of digest.changes()) {
      this.#writeRow(change);
      yield;
    }
  }

  #writeRow(change: RowChange): void {
    const { id } = change;
    switch (change.kind) {
      case "refresh":
        this.#refresh.run(...change.refresh, id);
        return;
      case "put":
        this.#putBinding.run(...bindingValues(change.row));
        this.#putRefresh.run(id, ...refreshValues(change.row));
        return;
      case "remove":
        this.#removeBinding.run(id);
        this.#removeRefresh.run(id);
        return;
      default:
        change satisfies never;
    }
  }

  *#forget(lastSeq: number): Generator<undefined, void> {
    for (let row = this.#select.get(0, lastSeq); isRow(row); row = this.#select.get(0, lastSeq)) {
      this.#delete.run(Math.min(Number(row[0]) + DELETES_PER_SLICE - 1, lastSeq));
      yield;
    }
  }
}

/** Takes steps until the time is up, a few at least. */
function writeForAWhile(writes: Iterator<undefined>): Slice {
  const untilMs = performance.now() + SLICE_MS;
  let written = 0;
  do {
    if (writes.next().done === true) return { written, isLast: true };
    written += 1;
  } while (written % ROWS_PER_LOOK !== 0 || performance.now() < untilMs);
  return { written, isLast: false };
}

function parameters(count: number): string {
  return Array<string>(count).fill("?").join(", ");
}
