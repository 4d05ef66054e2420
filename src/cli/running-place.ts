/**
 * Where the midreg that has the data directory can be asked: a file beside its database. It counts only while the
 * database is locked, for then the process that has written it runs.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const PLACE_FILE = "midreg.admin";

/** Writes the place of the admin listener, as it is told when midreg is ready: an http URL, or "off". */
export function writeAdminPlace(dataDir: string, place: string): void {
  if (place !== "off") writeFileSync(join(dataDir, PLACE_FILE), `${place}\n`);
}

/** What a process that has ended left there is not this one's. */
export function removeAdminPlace(dataDir: string): void {
  rmSync(join(dataDir, PLACE_FILE), { force: true });
}

/** ADDRESS:PORT; undefined when none is told. */
export function readAdminPlace(dataDir: string): string | undefined {
  try {
    const content = readFileSync(join(dataDir, PLACE_FILE), "utf8");
    return /^http:\/\/(\S+)\n$/u.exec(content)?.[1];
  } catch {
    return undefined;
  }
}
