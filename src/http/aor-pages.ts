import type { AorRecord } from "../location/binding.ts";
import type { LocationStore } from "../ports.ts";
import { MAX_SCANNED_PER_PAGE } from "./limits.ts";

export interface PageAsk {
  /** Beginning of the addresses-of-record wanted; empty for all. */
  readonly prefix: string;
  /** Most records wanted. */
  readonly limit: number;
  /** Where the page before ended; undefined for the first. */
  readonly cursor: Cursor | undefined;
}

/** The last record that was looked at, and how many came before. */
export interface Cursor {
  readonly aor: string;
  readonly index: number;
}

export interface Page {
  readonly records: readonly AorRecord[];
  /** Undefined at the end. A page may be short, or empty, and have a next one. */
  readonly next: Cursor | undefined;
}

/**
 * A page of the store as it stands. What was there all the time comes exactly once, unless the very record the
 * page before ended with has gone; then its place counts. Few enough records are looked at not to hold up calls.
 */
export function readPage(store: Pick<LocationStore, "records">, ask: PageAsk): Page {
  const { prefix, limit, cursor } = ask;
  const records: AorRecord[] = [];
  const from = cursor === undefined ? 0 : placeAfter(store, cursor);
  let index = 0;
  for (const record of store.records()) {
    index += 1;
    if (index <= from) continue;
    if (record.aor.startsWith(prefix)) records.push(record);
    if (records.length === limit || index - from === MAX_SCANNED_PER_PAGE) {
      return { records, next: { aor: record.aor, index } };
    }
  }
  return { records, next: undefined };
}

/** How many records stand up to and with the cursor's. */
function placeAfter(store: Pick<LocationStore, "records">, { aor, index }: Cursor): number {
  let place = 0;
  for (const record of store.records()) {
    place += 1;
    if (record.aor === aor) return place;
  }
  return index;
}

export function formatCursor({ aor, index }: Cursor): string {
  return Buffer.from(`${index} ${aor}`, "latin1").toString("base64url");
}

/** Reads a cursor; undefined when the text is none of ours. */
export function parseCursor(text: string): Cursor | undefined {
  const [, index, aor] =
    /^(\d{1,15}) ([^]+)$/u.exec(Buffer.from(text, "base64url").toString("latin1")) ?? [];
  return index === undefined || aor === undefined ? undefined : { aor, index: Number(index) };
}
