import { TOUCH_WIDTH } from "./journal-protocol.ts";
import type { BindingRow, OutboxRow } from "./operation.ts";
import { isBindingRow, parseOperations, withRefresh } from "./operation.ts";
import type { Refresh } from "./refresh-log.ts";
import { RefreshLog } from "./refresh-log.ts";
import { UnreadableContent } from "./store-error.ts";

/** What the journal says of one binding's rows in the end. */
export type RowChange = { readonly id: number } & (
  | { readonly kind: "put"; readonly row: BindingRow }
  | { readonly kind: "refresh"; readonly refresh: Refresh }
  | { readonly kind: "remove" }
);

interface PlacedRow {
  /** Undefined for a binding that was removed. */
  readonly row: BindingRow | undefined;
  /** Where in the log of refreshes it happened. */
  readonly place: number;
}

/**
 * The sum of journal rows, added in order: for each binding, de-registration and meta key, the last
 * thing that happened to it. It is absolute, so laying it over tables that hold some or all of it
 * already ends in the same state.
 */
export class JournalDigest {
  /** Undefined marks what is gone. */
  readonly outbox = new Map<string, OutboxRow | undefined>();
  /** An empty value marks what is gone. */
  readonly meta = new Map<string, string>();
  /** The highest row id mentioned. */
  lastRowId = 0;
  readonly #rows = new Map<number, PlacedRow>();
  readonly #refreshes = new RefreshLog();

  /** Adds a journal row. Throws UnreadableContent. */
  add(touches: unknown, changes: unknown): void {
    if (touches instanceof Uint8Array) this.#addTouches(readDoubles(touches));
    if (typeof changes !== "string") return;
    for (const operation of parseOperations(changes)) {
      switch (operation[0]) {
        case "put":
          this.#setRow(operation[1][0], operation[1]);
          break;
        case "touch": {
          const [id, , cseq, expiresAtMs, updatedAtMs] = operation[1];
          this.#addTouches(Float64Array.of(id, cseq, expiresAtMs, updatedAtMs));
          break;
        }
        case "remove":
          this.#setRow(operation[1][0], undefined);
          break;
        case "enqueue":
          this.outbox.set(operation[1][0], operation[1]);
          break;
        case "dequeue":
          this.outbox.set(operation[1][0], undefined);
          break;
        case "meta":
          this.meta.set(operation[1][0], operation[1][1]);
          break;
        default:
          operation satisfies never;
      }
    }
  }

  /** What happened to each binding, by ascending row id. */
  *changes(): Generator<RowChange, void> {
    const log = this.#refreshes;
    const ids = Float64Array.from(this.#rows.keys()).toSorted();
    let next = 0;
    for (const place of log.lastPlaces()) {
      const id = log.idAt(place);
      for (; (ids[next] ?? id) < id; next += 1) yield this.#readRow(ids[next] ?? 0);
      const isRow = ids[next] === id;
      if (isRow) next += 1;
      yield isRow
        ? this.#readRow(id, place)
        : { kind: "refresh", id, refresh: log.refreshAt(place) };
    }
    for (; next < ids.length; next += 1) yield this.#readRow(ids[next] ?? 0);
  }

  #addTouches(touches: Float64Array): void {
    for (let at = 0; at < touches.length; at += TOUCH_WIDTH) this.#mention(touches[at] ?? 0);
    this.#refreshes.append(touches);
  }

  #setRow(id: number, row: BindingRow | undefined): void {
    this.#mention(id);
    this.#rows.set(id, { row, place: this.#refreshes.count });
  }

  #mention(id: number): void {
    if (id > this.lastRowId) this.lastRowId = id;
  }

  /** `refreshPlace` is that of the last refresh, if there was one. It counts if it came later. */
  #readRow(id: number, refreshPlace = -1): RowChange {
    const placed = this.#rows.get(id);
    if (placed?.row === undefined) return { kind: "remove", id };
    if (refreshPlace < placed.place) return { kind: "put", id, row: placed.row };
    const refresh = this.#refreshes.refreshAt(refreshPlace);
    return { kind: "put", id, row: refreshRow(placed.row, refresh) };
  }
}

/** The row as the refresh leaves it. Throws UnreadableContent. */
export function refreshRow(row: BindingRow, refresh: Refresh): BindingRow {
  const refreshed: unknown = withRefresh(row, refresh);
  if (!isBindingRow(refreshed)) throw new UnreadableContent("the journal holds a broken refresh");
  return refreshed;
}

function readDoubles(blob: Uint8Array): Float64Array {
  const width = TOUCH_WIDTH * Float64Array.BYTES_PER_ELEMENT;
  if (blob.length % width !== 0) {
    throw new UnreadableContent("the journal holds refreshes of unknown form");
  }
  // Copied, because a view needs an aligned start.
  const doubles = new Float64Array(blob.length / Float64Array.BYTES_PER_ELEMENT);
  new Uint8Array(doubles.buffer).set(blob);
  if (!doubles.every(Number.isSafeInteger)) {
    throw new UnreadableContent("the journal holds refreshes that are not whole numbers");
  }
  return doubles;
}
