import Database from "better-sqlite3";
import { lockDatabase, openDatabase } from "./open-database.ts";
import { toStoreError, UnreadableContent } from "./store-error.ts";

/** A row of the table `credential`, as it is read and written. */
export interface StoredCredential {
  readonly username: string;
  readonly realm: string;
  readonly algorithm: string;
  readonly ha1: string;
}

/**
 * The credentials in the database of a midreg that does not run: for as long as this is open, none can
 * start. Every method throws a StoreError when the database cannot be used.
 */
export class CredentialStore {
  readonly #path: string;
  readonly #lock: Database.Database;
  readonly #db: Database.Database;

  /** Opens the database, and creates it when there is none. Throws a StoreError. */
  static open(path: string, migrationsDir: string): CredentialStore {
    let lock: Database.Database | undefined;
    try {
      lock = lockDatabase(path);
      return new CredentialStore(path, lock, openDatabase(path, migrationsDir));
    } catch (cause) {
      lock?.close();
      throw toStoreError(path, cause);
    }
  }

  private constructor(path: string, lock: Database.Database, db: Database.Database) {
    this.#path = path;
    this.#lock = lock;
    this.#db = db;
    // The answer of the command line is a promise, and this is no hot path.
    db.pragma("synchronous = FULL");
  }

  list(): readonly StoredCredential[] {
    return this.#try(() => [...readRows(this.#db)]);
  }

  /** Adds credentials, or replaces those of the same user, realm and algorithm; all of them or none. */
  put(credentials: readonly StoredCredential[]): void {
    this.#transact(() => this.#insert(credentials));
  }

  /** Puts credentials in the place of all that a user has in a realm. */
  replace(username: string, realm: string, credentials: readonly StoredCredential[]): void {
    this.#transact(() => {
      this.#delete(username, realm);
      this.#insert(credentials);
    });
  }

  /** Forgets all credentials of a user in a realm. Returns how many there were. */
  remove(username: string, realm: string): number {
    return this.#transact(() => this.#delete(username, realm));
  }

  close(): void {
    this.#db.close();
    this.#lock.close();
  }

  #insert(credentials: readonly StoredCredential[]): void {
    const insert = this.#db.prepare(
      "INSERT OR REPLACE INTO credential (realm, username, algorithm, ha1) VALUES (?, ?, ?, ?)",
    );
    for (const { realm, username, algorithm, ha1 } of credentials) {
      insert.run(realm, username, algorithm, ha1);
    }
  }

  #delete(username: string, realm: string): number {
    const remove = this.#db.prepare("DELETE FROM credential WHERE realm = ? AND username = ?");
    return remove.run(realm, username).changes;
  }

  #transact<T>(work: () => T): T {
    return this.#try(() => this.#db.transaction(work).immediate());
  }

  #try<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      throw toStoreError(this.#path, cause);
    }
  }
}

/**
 * Reads the credentials beside a store that has the database open; there may be a million, so they are given away
 * one by one. Throws a StoreError.
 */
export function readCredentials(path: string, take: (credential: StoredCredential) => void): void {
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { readonly: true, fileMustExist: true });
    for (const row of readRows(db)) take(row);
  } catch (cause) {
    throw toStoreError(path, cause);
  } finally {
    db?.close();
  }
}

function* readRows(db: Database.Database): Generator<StoredCredential, void> {
  const select = db.prepare(
    "SELECT username, realm, algorithm, ha1 FROM credential ORDER BY realm, username, algorithm",
  );
  for (const row of select.iterate()) {
    if (!isCredential(row)) throw new UnreadableContent("a credential has an unknown form");
    yield row;
  }
}

function isCredential(row: unknown): row is StoredCredential {
  if (typeof row !== "object" || row === null) return false;
  return Object.values(row).every((value) => typeof value === "string");
}
