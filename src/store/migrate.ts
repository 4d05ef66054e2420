import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Database } from "better-sqlite3";
import { buildStoreError, UnreadableContent } from "./store-error.ts";

const MIGRATION = /^(\d{4})_\w+\.sql$/u;

/**
 * Brings a database to the newest schema: numbered files, forward only, each in a transaction together
 * with the number it leaves in `user_version`. A database from a newer midreg is refused
 * (STORE_TOO_NEW), and so is one that some other program has filled.
 */
export function migrate(db: Database, migrationsDir: string): void {
  const files = readdirSync(migrationsDir)
    .filter((name) => MIGRATION.test(name))
    .toSorted();
  const version = readVersion(db);
  if (version > files.length) {
    const detail = `the database has schema ${version}, and this midreg knows schemas up to ${files.length}`;
    throw buildStoreError("STORE_TOO_NEW", db.name, detail);
  }
  if (version === 0 && !isEmpty(db)) {
    throw new UnreadableContent("it holds tables of another program");
  }
  for (const [index, file] of files.entries()) {
    if (index < version) continue;
    const sql = readFileSync(join(migrationsDir, file), "utf8");
    const step = db.transaction(() => {
      db.exec(sql);
      db.pragma(`user_version = ${index + 1}`);
    });
    step.immediate();
  }
}

function readVersion(db: Database): number {
  return Number(db.pragma("user_version", { simple: true }));
}

function isEmpty(db: Database): boolean {
  return db.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
}
