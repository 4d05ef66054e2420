import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { migrate } from "./migrate.ts";
import { buildStoreError, UnreadableContent } from "./store-error.ts";

/** Bounds the wait at start for another program that is writing. */
const BUSY_TIMEOUT_MS = 1000;
/** Contacts and identities are nobody else's business. */
const FILE_MODE = 0o640;

/**
 * Makes this process the only midreg on the database, for as long as the returned connection is open,
 * by a lock on a file beside it: the operating system drops it with the process, however that ends. The database itself
 * is not locked, so that the sqlite3 command can read and back up while midreg runs.
 */
export function lockDatabase(path: string): Database.Database {
  const lockPath = `${path}.lock`;
  mkdirSync(dirname(path), { recursive: true });
  const lock = new Database(lockPath, { timeout: 0 });
  try {
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock.close();
    throw error;
  }
}

/**
 * Opens the database for loading, creating it when there is none and migrating it when it is old.
 * Whatever looks like the remains of a database is refused, never replaced.
 */
export function openDatabase(path: string, migrationsDir: string): Database.Database {
  if (existsSync(path)) refuseEmptyFile(path);
  else createDatabase(path, migrationsDir);
  const db = new Database(path, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  try {
    db.pragma("journal_mode = WAL");
    checkStructure(db);
    migrate(db, migrationsDir);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function refuseEmptyFile(path: string): void {
  // SQLite takes an empty file for a new database. This program never leaves one behind.
  if (statSync(path).size === 0) throw new UnreadableContent("the file is empty");
}

/** Builds the database under another name first: under its own name it is complete or not there. */
function createDatabase(path: string, migrationsDir: string): void {
  if (existsSync(`${path}-wal`)) {
    throw new UnreadableContent("its write-ahead log is there, but the file itself is gone");
  }
  const draft = `${path}.new`;
  for (const suffix of ["", "-wal", "-shm"]) rmSync(draft + suffix, { force: true });
  closeSync(openSync(draft, "w", FILE_MODE));
  const db = new Database(draft);
  try {
    db.pragma("journal_mode = WAL");
    migrate(db, migrationsDir);
  } finally {
    db.close();
  }
  renameSync(draft, path);
  const directory = openSync(dirname(path), "r");
  fsyncSync(directory);
  closeSync(directory);
}

function checkStructure(db: Database.Database): void {
  // 0.4 s for 500,000 bindings here; every page is read for loading anyway.
  const verdict = db.pragma("quick_check(1)", { simple: true });
  if (verdict !== "ok") {
    throw buildStoreError("STORE_CORRUPT", db.name, String(verdict));
  }
}
