import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import type { CredentialChange, StoredCredential } from "../../src/store/credential-rows.ts";
import { CredentialStore, readCredentials } from "../../src/store/credential-store.ts";
import type { SqliteStore } from "../../src/store/sqlite-store.ts";
import {
  AOR,
  buildBinding,
  buildOptions,
  MIGRATIONS,
  makeDirectory,
  openStore,
  put,
} from "./fixtures.ts";

const ALICE = { username: "alice", realm: "sip.test", algorithm: "MD5", ha1: "a1" };
const ALICE_SHA = { ...ALICE, algorithm: "SHA-256", ha1: "a2" };
const BOB = { username: "bob", realm: "sip.test", algorithm: "MD5", ha1: "b1" };

function open(path: string): CredentialStore {
  const store = CredentialStore.open(path, MIGRATIONS);
  onTestFinished(() => store.close());
  return store;
}

function readAll(path: string): StoredCredential[] {
  const all: StoredCredential[] = [];
  readCredentials(path, (credential) => all.push(credential));
  return all;
}

/** Changes them in a running store; rejects with its reason. */
async function change(store: SqliteStore, wanted: CredentialChange): Promise<void> {
  return new Promise((resolve, reject) => {
    store.writeCredentials(wanted, {
      committed: resolve,
      failed: (reason) => reject(new Error(reason)),
    });
  });
}

const newPath = (): string => join(makeDirectory(), "midreg.db");

describe("stored credentials", () => {
  test("are there after closing and opening again, in order", () => {
    const path = newPath();
    const first = CredentialStore.open(path, MIGRATIONS);
    first.put([BOB, ALICE_SHA, ALICE]);
    first.close();
    expect(open(path).list()).toEqual([ALICE, ALICE_SHA, BOB]);
    expect(readAll(path)).toEqual([ALICE, ALICE_SHA, BOB]);
  });

  test("keep every byte of their names", () => {
    const bytes = Array.from({ length: 224 }, (_, code) => String.fromCharCode(code + 32)).join("");
    const store = open(newPath());
    store.put([{ ...ALICE, username: bytes, realm: bytes }]);
    expect(store.list()).toEqual([{ ...ALICE, username: bytes, realm: bytes }]);
  });

  test("are replaced by later ones of the same user, realm and algorithm", () => {
    const store = open(newPath());
    store.put([ALICE, ALICE_SHA]);
    store.put([
      { ...ALICE, ha1: "new" },
      { ...ALICE, realm: "other" },
    ]);
    expect(store.list().map(({ realm, ha1 }) => `${realm} ${ha1}`)).toEqual([
      "other a1",
      "sip.test new",
      "sip.test a2",
    ]);
  });

  test("make way for all new ones of their user at once", () => {
    const store = open(newPath());
    store.put([ALICE, ALICE_SHA, BOB]);
    store.replace("alice", "sip.test", [{ ...ALICE, ha1: "new" }]);
    expect(store.list()).toEqual([{ ...ALICE, ha1: "new" }, BOB]);
  });

  test("go with their user, in one realm", () => {
    const store = open(newPath());
    store.put([ALICE, ALICE_SHA, BOB, { ...ALICE, realm: "other" }]);
    expect(store.remove("alice", "sip.test")).toBe(2);
    expect(store.remove("alice", "sip.test")).toBe(0);
    expect(store.list()).toEqual([{ ...ALICE, realm: "other" }, BOB]);
  });

  test("can be read, and not be changed, while a midreg has the database", async () => {
    const options = buildOptions(makeDirectory());
    const before = CredentialStore.open(options.path, MIGRATIONS);
    before.put([ALICE]);
    before.close();
    const store = await openStore(options);
    await put(store, AOR, buildBinding("a"));
    expect(readAll(options.path)).toEqual([ALICE]);
    expect(() => CredentialStore.open(options.path, MIGRATIONS)).toThrow(
      /midreg\.db: the database is in use by another process; stop that one/u,
    );
    await store.close();
    expect(open(options.path).list()).toEqual([ALICE]);
  });

  test("are changed by the midreg that has the database, in order, and are on the disk when it says so", async () => {
    const options = buildOptions(makeDirectory(), { durability: "relaxed" });
    const store = await openStore(options);
    void put(store, AOR, buildBinding("a"));
    const first = change(store, { remove: undefined, put: [ALICE, ALICE_SHA, BOB] });
    await change(store, { remove: BOB, put: [] });
    await first;
    expect(readAll(options.path)).toEqual([ALICE, ALICE_SHA]);
    await change(store, { remove: ALICE, put: [{ ...ALICE, ha1: "new" }] });
    expect(readAll(options.path)).toEqual([{ ...ALICE, ha1: "new" }]);
    await store.close();
    await expect(change(store, { remove: ALICE, put: [] })).rejects.toThrow("the store is closed");
  });

  test("stay as they were, all of them, when one of a change cannot be stored", async () => {
    const options = buildOptions(makeDirectory());
    const store = await openStore(options);
    const bad = { ...BOB, ha1: undefined as unknown as string };
    await expect(change(store, { remove: undefined, put: [ALICE, bad] })).rejects.toThrow(
      /midreg\.db: /u,
    );
    expect(readAll(options.path)).toEqual([]);
    await change(store, { remove: undefined, put: [ALICE] });
    expect(readAll(options.path)).toEqual([ALICE]);
  });

  test("are added to a database of the version before them", () => {
    const path = newPath();
    const db = new Database(path);
    const [first = ""] = readdirSync(MIGRATIONS).toSorted();
    db.exec(readFileSync(join(MIGRATIONS, first), "utf8"));
    db.pragma("user_version = 1");
    db.close();
    expect(open(path).list()).toEqual([]);
  });
});

test("a database that is none is refused in one line", () => {
  const path = join(makeDirectory(), "missing", "midreg.db");
  expect(() => readAll(path)).toThrow(/^\P{Cc}+midreg\.db: \P{Cc}+$/u);
});
