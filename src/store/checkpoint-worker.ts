/** The thread behind checkpoints.ts. */
import type { MessagePort } from "node:worker_threads";
import { parentPort } from "node:worker_threads";
import Database from "better-sqlite3";
import type { FromCheckpoints, ToCheckpoints } from "./checkpoints.ts";
import { isRow } from "./operation.ts";
import { toStoreError } from "./store-error.ts";

/** Longer than a commit or a slice of folding takes, and short: commits wait while a reader is waited for. */
const BUSY_TIMEOUT_MS = 20;
/** Log size from which on it is made to start over, which holds up commits for as long as an fsync takes. */
const RESTART_PAGES = 16_384;
/** Log size, 1 GiB, that shows that somebody keeps the log from starting over. */
const ALARM_PAGES = 262_144;

function checkpoint(db: Database.Database, path: string): string {
  if (runCheckpoint(db, "PASSIVE") < RESTART_PAGES) return "";
  // What was written meanwhile is little now, so that the one that locks writers out is short.
  runCheckpoint(db, "PASSIVE");
  if (runCheckpoint(db, "RESTART") < ALARM_PAGES) return "";
  return `${path}: the write-ahead log grows without end because another program keeps reading the database; stop that program`;
}

/** Returns the pages in the log. */
function runCheckpoint(db: Database.Database, mode: "PASSIVE" | "RESTART"): number {
  const [row] = db.prepare(`PRAGMA wal_checkpoint(${mode})`).raw(true).all();
  return isRow(row) ? Number(row[1]) : 0;
}

function serve(port: MessagePort): void {
  let db: Database.Database | undefined;
  port.on("message", ({ path }: ToCheckpoints) => {
    let problem = "";
    try {
      db ??= new Database(path, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
      problem = checkpoint(db, path);
    } catch (cause) {
      problem = toStoreError(path, cause).message;
    }
    const answer: FromCheckpoints = { kind: "done", problem };
    port.postMessage(answer);
  });
}

if (parentPort !== null) serve(parentPort);
