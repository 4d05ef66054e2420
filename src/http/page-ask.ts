import { fieldsOf, numberIn } from "./fields.ts";
import { DEFAULT_PAGE, MAX_PAGE } from "./limits.ts";
import { type Cursor, parseCursor } from "./pages.ts";

/** Which part of a list a query asks for. */
interface Part {
  readonly limit: number;
  readonly cursor: Cursor | undefined;
}

/** What a query with those parameters besides limit and cursor asks for; otherwise a sentence that says what is wrong. */
export function partOf(query: URLSearchParams, others: readonly string[]): Part | string {
  const fields = fieldsOf(Object.fromEntries(query), [...others, "limit", "cursor"]);
  if (typeof fields === "string") return fields;
  const limit = numberIn(Number(query.get("limit") ?? DEFAULT_PAGE), 1, MAX_PAGE);
  if (limit === undefined) return `limit must be a number from 1 to ${MAX_PAGE}.`;
  const given = query.get("cursor");
  if (given === null) return { limit, cursor: undefined };
  const cursor = parseCursor(given);
  return cursor === undefined ? "cursor must be the next of the page before." : { limit, cursor };
}
