/** Text for a terminal from JSON values. */
import { isObject, type JsonObject } from "./admin-client.ts";

/** A column: its title, and the field it shows; "upstream.expires" is a field within a field. */
export type Column = readonly [title: string, field: string];

/** Cells wider than this are cut; JSON has all of it. */
const MAX_CELL = 60;

/**
 * Rows under titles, columns as wide as their widest cell. `widths` are those of the rows written before, if
 * any: then there are no titles, and no column is narrower.
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly JsonObject[],
  widths?: readonly number[],
): { readonly text: string; readonly widths: readonly number[] } {
  const cells = rows.map((row) => columns.map(([, field]) => cut(formatCell(row, field))));
  const lines = widths === undefined ? [columns.map(([title]) => title), ...cells] : cells;
  const wide = columns.map((_, at) =>
    Math.max(widths?.[at] ?? 0, ...lines.map((line) => line[at]?.length ?? 0)),
  );
  const text = lines
    .map((line) => line.map((cell, at) => cell.padEnd(wide[at] ?? 0)).join("  "))
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
  return { text, widths: wide };
}

/** One field a line, names aligned; fields that are empty are left out. */
export function formatFields(columns: readonly Column[], row: JsonObject): string {
  const width = Math.max(...columns.map(([title]) => title.length));
  return columns
    .map(([title, field]) => [title, formatCell(row, field)] as const)
    .filter(([, cell]) => cell !== NONE)
    .map(([title, cell]) => `  ${title.padEnd(width)}  ${cell}\n`)
    .join("");
}

const NONE = "-";

function formatCell(row: JsonObject, field: string): string {
  let value: unknown = row;
  for (const name of field.split(".")) value = isObject(value) ? value[name] : undefined;
  if (value === undefined || value === null || value === "") return NONE;
  if (typeof value === "number" && /(^|\.)(\w*expires|age)$/u.test(field)) return duration(value);
  const text = typeof value === "string" ? value : JSON.stringify(value);
  // What a device has sent must not steer the terminal.
  return text.replaceAll(/\p{Cc}+/gu, " ");
}

function cut(text: string): string {
  return text.length > MAX_CELL ? `${text.slice(0, MAX_CELL - 3)}...` : text;
}

/** Seconds as people say them: 45s, 9m54s, 23h59m, 3d4h. */
function duration(seconds: number): string {
  if (seconds < 0) return `-${duration(-seconds)}`;
  const units = [
    [86_400, "d", 3600, "h"],
    [3600, "h", 60, "m"],
    [60, "m", 1, "s"],
  ] as const;
  for (const [large, name, small, smallName] of units) {
    if (seconds >= large) {
      const rest = Math.floor((seconds % large) / small);
      return `${Math.floor(seconds / large)}${name}${rest === 0 ? "" : `${rest}${smallName}`}`;
    }
  }
  return `${seconds}s`;
}
