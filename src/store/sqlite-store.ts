import type { Database } from "better-sqlite3";
import type { AorRecord, Binding, DeRegistration } from "../location/binding.ts";
import type { AorChange } from "../location/change.ts";
import type { Commit, HeldBinding, LocationStore, Log, Metrics, StoreStatus } from "../ports.ts";
import type { CredentialChange } from "./credential-rows.ts";
import type { Durability } from "./journal-writer.ts";
import { JournalWriter } from "./journal-writer.ts";
import { loadLocation } from "./load-location.ts";
import { lockDatabase, openDatabase } from "./open-database.ts";
import { toStoreError } from "./store-error.ts";
import type { WorkingCopy } from "./working-copy.ts";

/** 262,144 refreshes: read back in a fraction of a second at start, folded in half a second. */
const FOLD_AFTER_BYTES = 8 * 1024 * 1024;
const FOLD_AFTER_MS = 300_000;

export interface SqliteStoreOptions {
  /** The database file. Its directory is created when missing. */
  readonly path: string;
  readonly durability: Durability;
  /** Where the numbered SQL files are. */
  readonly migrationsDir: string;
  /** The compiled sqlite-worker.js. */
  readonly worker: URL;
  /** Size of the journal from which on it is folded into the tables; 8 MiB when absent. */
  readonly foldAfterBytes?: number;
  /** Time after which it is folded however small; five minutes when absent. */
  readonly foldAfterMs?: number;
  /** Ceiling for the size of the database file; only the disk limits it when absent. */
  readonly maxSizeBytes?: number;
}

export interface SqliteStoreModules {
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * The embedded store. Reads are served from a working copy in memory; changes are appended to a
 * journal by a thread of their own, many in one commit, and become visible when they are committed.
 */
export class SqliteStore implements LocationStore {
  readonly #copy: WorkingCopy;
  readonly #writer: JournalWriter;
  readonly #lock: Database;

  /** Use openSqliteStore. */
  constructor(copy: WorkingCopy, writer: JournalWriter, lock: Database) {
    this.#copy = copy;
    this.#writer = writer;
    this.#lock = lock;
  }

  lookup(aor: string): AorRecord | undefined {
    return this.#copy.lookup(aor);
  }

  lookupCtid(ctid: string): { readonly aor: string; readonly binding: Binding } | undefined {
    return this.#copy.lookupCtid(ctid);
  }

  hasSource(source: string): boolean {
    return this.#copy.hasSource(source);
  }

  bindingAt(source: string): Binding | undefined {
    return this.#copy.bindingAt(source);
  }

  bindingsAt(source: string): readonly HeldBinding[] {
    return this.#copy.bindingsAt(source);
  }

  save(change: AorChange, commit: Commit): void {
    this.#writer.save(change, commit);
  }

  records(): Iterable<AorRecord> {
    return this.#copy.records();
  }

  deRegistrations(): Iterable<DeRegistration> {
    return this.#copy.deRegistrations();
  }

  deRegistration(ctid: string): DeRegistration | undefined {
    return this.#copy.deRegistration(ctid);
  }

  readMeta(key: string): string | undefined {
    return this.#copy.readMeta(key);
  }

  metaOf(prefix: string): Iterable<readonly [key: string, value: string]> {
    return this.#copy.metaOf(prefix);
  }

  writeMeta(key: string, value: string, commit: Commit): void {
    this.#writer.writeMeta(key, value, commit);
  }

  /** Changes the stored credentials, on the disk before it says so. */
  writeCredentials(change: CredentialChange, commit: Commit): void {
    this.#writer.writeCredentials(change, commit);
  }

  status(): StoreStatus {
    const { isWritable, problem } = this.#writer;
    return { isWritable, problem, ...this.#copy.counts() };
  }

  async close(): Promise<void> {
    await this.#writer.close();
    this.#lock.close();
  }
}

/** Opens or creates the database and reads it into memory. Rejects with a StoreError. */
export async function openSqliteStore(
  options: SqliteStoreOptions,
  modules: SqliteStoreModules,
): Promise<SqliteStore> {
  const { path, durability, worker } = options;
  let lock: Database | undefined;
  try {
    lock = lockDatabase(path);
    const { copy, lastSeq } = load(options, modules);
    const journal = {
      path,
      isFsynced: durability === "fsync",
      foldAfterBytes: options.foldAfterBytes ?? FOLD_AFTER_BYTES,
      foldAfterMs: options.foldAfterMs ?? FOLD_AFTER_MS,
      maxSizeBytes: options.maxSizeBytes,
    };
    const writer = new JournalWriter(
      { worker, durability, journal, lastSeq },
      { copy, ...modules },
    );
    await writer.open();
    return new SqliteStore(copy, writer, lock);
  } catch (cause) {
    lock?.close();
    throw toStoreError(path, cause);
  }
}

function load(
  { path, migrationsDir }: SqliteStoreOptions,
  { log, metrics }: SqliteStoreModules,
): ReturnType<typeof loadLocation> {
  const startedMs = performance.now();
  const db = openDatabase(path, migrationsDir);
  try {
    const loaded = loadLocation(db);
    const tookSec = (performance.now() - startedMs) / 1000;
    metrics.timing("storage_op_duration_seconds", { op: "load" }).observe(tookSec);
    log.info({ path, ...loaded.copy.counts(), tookSec }, "store loaded");
    return loaded;
  } finally {
    db.close();
  }
}
