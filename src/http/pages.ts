import { MAX_SCANNED_PER_PAGE } from "./limits.ts";

/** Something that is listed page by page, in an order that stays. */
export interface Listing<Item> {
  readonly items: () => Iterable<Item>;
  /** Tells items apart. */
  readonly nameOf: (item: Item) => string;
}

export interface PageAsk<Item> {
  readonly isWanted: (item: Item) => boolean;
  /** Most items wanted. */
  readonly limit: number;
  /** Where the page before ended; undefined for the first. */
  readonly cursor: Cursor | undefined;
}

/** The last item that was looked at, and how many came before. */
export interface Cursor {
  readonly name: string;
  readonly index: number;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Undefined at the end. A page may be short, or empty, and have a next one. */
  readonly next: Cursor | undefined;
}

/**
 * A page of what there is now. What was there all the time comes exactly once, unless the very item the page
 * before ended with has gone; then its place counts. Few enough are looked at not to hold up calls.
 */
export function readPage<Item>(listing: Listing<Item>, ask: PageAsk<Item>): Page<Item> {
  const { isWanted, limit, cursor } = ask;
  const items: Item[] = [];
  const from = cursor === undefined ? 0 : placeAfter(listing, cursor);
  let index = 0;
  for (const item of listing.items()) {
    index += 1;
    if (index <= from) continue;
    if (isWanted(item)) items.push(item);
    if (items.length === limit || index - from === MAX_SCANNED_PER_PAGE) {
      return { items, next: { name: listing.nameOf(item), index } };
    }
  }
  return { items, next: undefined };
}

/** How many items stand up to and with the cursor's. */
function placeAfter<Item>({ items, nameOf }: Listing<Item>, { name, index }: Cursor): number {
  let place = 0;
  for (const item of items()) {
    place += 1;
    if (nameOf(item) === name) return place;
  }
  return index;
}

export function formatCursor({ name, index }: Cursor): string {
  return Buffer.from(`${index} ${name}`, "latin1").toString("base64url");
}

/** Reads a cursor; undefined when the text is none of ours. */
export function parseCursor(text: string): Cursor | undefined {
  const [, index, name] =
    /^(\d{1,15}) ([^]+)$/u.exec(Buffer.from(text, "base64url").toString("latin1")) ?? [];
  return index === undefined || name === undefined ? undefined : { name, index: Number(index) };
}
