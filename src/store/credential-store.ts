import Database from "better-sqlite3";
import {
  type CredentialChange,
  changeCredentials,
  readCredentialRows,
  type StoredCredential,
} from "./credential-rows.ts";
import { lockDatabase, openDatabase } from "./open-database.ts";
import { toStoreError } from "./store-error.ts";

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
  }

  list(): readonly StoredCredential[] {
    return this.#try(() => [...readCredentialRows(this.#db)]);
  }

  /** Adds credentials, or replaces those of the same user, realm and algorithm; all of them or none. */
  put(credentials: readonly StoredCredential[]): void {
    this.#change({ remove: undefined, put: credentials });
  }

  /** Puts credentials in the place of all that a user has in a realm. */
  replace(username: string, realm: string, credentials: readonly StoredCredential[]): void {
    this.#change({ remove: { username, realm }, put: credentials });
  }

  /** Forgets all credentials of a user in a realm. Returns how many there were. */
  remove(username: string, realm: string): number {
    return this.#change({ remove: { username, realm }, put: [] });
  }

  close(): void {
    this.#db.close();
    this.#lock.close();
  }

  #change(change: CredentialChange): number {
    return this.#try(() => changeCredentials(this.#db, change));
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
    for (const row of readCredentialRows(db)) take(row);
  } catch (cause) {
    throw toStoreError(path, cause);
  } finally {
    db?.close();
  }
}
