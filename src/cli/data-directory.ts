import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { StartError } from "./start-error.ts";

/** The database in the data directory. */
export const DATABASE_FILE = "midreg.db";
/** The SQL that brings it to the newest schema. */
export const MIGRATIONS_DIR = fileURLToPath(new URL("../../migrations", import.meta.url));

/** Registrations are nobody else's business. */
const DIRECTORY_MODE = 0o700;

/** Makes the data directory with whatever is missing above it. Throws a StartError of one line. */
export function makeDataDirectory(path: string): void {
  try {
    makeDirectory(path);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    const reason = code === "EEXIST" || code === "ENOTDIR" ? "a file is in the way" : code;
    const advice = "name another with --data, or let the user midreg runs as write there";
    const line = `data directory ${path}: cannot be made (${reason}); ${advice}`;
    throw new StartError("DATA_UNUSABLE", line, { cause });
  }
}

/** Step by step: mkdir with `recursive` never returns where the system refuses, as below /proc (Node 20). */
function makeDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
  const parent = dirname(path);
  if (!existsSync(parent)) makeDirectory(parent);
  mkdirSync(path, { mode: DIRECTORY_MODE });
}
