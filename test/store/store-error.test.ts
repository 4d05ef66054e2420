import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { buildStoreError, toStoreError, UnreadableContent } from "../../src/store/store-error.ts";

const PATH = "/data/midreg.db";

test.each([
  [new Database.SqliteError("x", "SQLITE_BUSY"), "STORE_LOCKED"],
  [new Database.SqliteError("x", "SQLITE_BUSY_SNAPSHOT"), "STORE_LOCKED"],
  [new Database.SqliteError("x", "SQLITE_CORRUPT_VTAB"), "STORE_CORRUPT"],
  [new Database.SqliteError("x", "SQLITE_NOTADB"), "STORE_CORRUPT"],
  [new Database.SqliteError("x", "SQLITE_READONLY_DIRECTORY"), "STORE_READONLY"],
  [new Database.SqliteError("x", "SQLITE_CANTOPEN"), "STORE_READONLY"],
  [new Database.SqliteError("x", "SQLITE_FULL"), "STORE_FULL"],
  [new Database.SqliteError("x", "SQLITE_IOERR_FSYNC"), "STORE_IO"],
  [Object.assign(new Error("x"), { code: "EROFS" }), "STORE_READONLY"],
  [Object.assign(new Error("x"), { code: "ENOSPC" }), "STORE_FULL"],
  [new UnreadableContent("x"), "STORE_CORRUPT"],
  [new Error("x"), "STORE_IO"],
  ["x", "STORE_IO"],
])("%o becomes %s, naming the file and the detail in one line", (cause, code) => {
  const error = toStoreError(PATH, cause);
  expect(error).toMatchObject({ code, cause });
  expect(error.message).toMatch(/^\/data\/midreg\.db: the(re)? .+/u);
});

test("an error that is a StoreError already passes unchanged", () => {
  const error = buildStoreError("STORE_FULL", PATH, "line\nbreak");
  expect(toStoreError("/elsewhere", error)).toBe(error);
  expect(error.message).toBe(
    "/data/midreg.db: there is no space left for the database (line break); free some or raise the limit",
  );
});
