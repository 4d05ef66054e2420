import type { Database } from "better-sqlite3";
import { UnreadableContent } from "./store-error.ts";

/** A row of the table `credential`, as it is read and written. */
export interface StoredCredential {
  readonly username: string;
  readonly realm: string;
  readonly algorithm: string;
  readonly ha1: string;
}

/** What is done to the table in one transaction: a user's credentials go first, others come after. */
export interface CredentialChange {
  readonly remove: { readonly username: string; readonly realm: string } | undefined;
  readonly put: readonly StoredCredential[];
}

/**
 * Carries out a change, all of it or nothing, and returns how many rows went. It is on the disk itself when this
 * returns: who changed a password was promised that, and it is no hot path. What is not said so is put back after.
 */
export function changeCredentials(db: Database, { remove, put }: CredentialChange): number {
  const synchronous: unknown = db.pragma("synchronous", { simple: true });
  db.pragma("synchronous = FULL");
  try {
    return db
      .transaction(() => {
        const removed = remove === undefined ? 0 : deleteUser(db, remove);
        insert(db, put);
        return removed;
      })
      .immediate();
  } finally {
    db.pragma(`synchronous = ${Number(synchronous)}`);
  }
}

function deleteUser(
  db: Database,
  { username, realm }: NonNullable<CredentialChange["remove"]>,
): number {
  const remove = db.prepare("DELETE FROM credential WHERE realm = ? AND username = ?");
  return remove.run(realm, username).changes;
}

function insert(db: Database, credentials: readonly StoredCredential[]): void {
  const statement = db.prepare(
    "INSERT OR REPLACE INTO credential (realm, username, algorithm, ha1) VALUES (?, ?, ?, ?)",
  );
  for (const { realm, username, algorithm, ha1 } of credentials) {
    statement.run(realm, username, algorithm, ha1);
  }
}

/** Throws UnreadableContent. */
export function* readCredentialRows(db: Database): Generator<StoredCredential, void> {
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
