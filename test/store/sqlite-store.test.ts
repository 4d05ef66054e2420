import { statSync } from "node:fs";
import { serialize } from "node:v8";
import Database from "better-sqlite3";
import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { buildChange } from "../../src/location/change.ts";
import type { SqliteStore } from "../../src/store/sqlite-store.ts";
import { anyChange, Model, testLocationStore } from "../contract/location-store.contract.ts";
import type { LogLine } from "./fixtures.ts";
import {
  AOR,
  buildBinding,
  buildDeRegistration,
  buildOptions,
  makeDirectory,
  openStore,
  put,
  readAll,
  save,
} from "./fixtures.ts";

testLocationStore({
  name: "The SQLite store",
  open: () => openStore(buildOptions(makeDirectory())),
  histories: 5,
});

const ALL_BYTES = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join("");

/** How much the tables and the journal hold, seen by another connection. */
function countRows(directory: string): Record<"binding" | "refresh" | "journal", number> {
  const db = new Database(buildOptions(directory).path, { readonly: true });
  const count = (table: string): number =>
    Number(db.prepare(`SELECT count(*) FROM ${table}`).pluck(true).get());
  const counts = {
    binding: count("binding"),
    refresh: count("refresh"),
    journal: count("journal"),
  };
  db.close();
  return counts;
}

/** Whether V8 holds a text in one byte for each character; the serialised form tells by a '"'. */
function isNarrow(store: SqliteStore): boolean {
  return serialize(store.lookupCtid("a")?.binding.contact)[2] === 0x22;
}

/** Everything that can be kept: several bindings and de-registrations, all kinds of changes, meta. */
async function fillStore(store: SqliteStore): Promise<void> {
  const rich = { params: ALL_BYTES, replay: ALL_BYTES, upstreamGruu: ALL_BYTES, q: 0 };
  await put(store, AOR, buildBinding("a"), buildBinding("b", rich), buildBinding("c"));
  await put(store, ALL_BYTES, buildBinding("d", { contact: ALL_BYTES }));
  await save(store, buildChange(AOR, { remove: ["a"], enqueue: [buildDeRegistration("a")] }));
  const touch = {
    ctid: "c",
    cseq: 77,
    expiresAtMs: 1_800_000_000_000,
    updatedAtMs: 1_700_000_000_001,
  };
  await save(store, buildChange(AOR, { touch: [touch] }));
  await put(store, AOR, buildBinding("b", { ...rich, source: "udp:l<h:9" }));
  await save(
    store,
    buildChange(AOR, { enqueue: [buildDeRegistration("b"), buildDeRegistration("c")] }),
  );
  await save(store, buildChange(AOR, { dequeue: ["c"] }));
  await new Promise<void>((resolve, reject) => {
    store.writeMeta("clock_offset_ms", "-12", { committed: resolve, failed: reject });
  });
}

test("a closed store has folded its journal, and opens with the same content", async () => {
  const directory = makeDirectory();
  const first = await openStore(buildOptions(directory));
  await fillStore(first);
  const content = readAll(first);
  await first.close();
  expect(countRows(directory)).toEqual({ binding: 3, refresh: 3, journal: 0 });
  const second = await openStore(buildOptions(directory));
  expect(readAll(second)).toEqual(content);
  expect(second.lookup(AOR)?.bindings.map(({ ctid }) => ctid)).toEqual(["b", "c"]);
  expect(second.readMeta("clock_offset_ms")).toBe("-12");
  expect(second.readMeta("nothing")).toBeUndefined();
});

test("the journal alone brings everything back, and so does a half-folded one", async () => {
  const directory = makeDirectory();
  const first = await openStore(buildOptions(directory));
  await fillStore(first);
  const content = readAll(first);
  const reader = new Database(buildOptions(directory).path, { readonly: true });
  const journal = reader
    .prepare<unknown[], unknown[]>("SELECT seq, touches, changes FROM journal")
    .raw(true)
    .all();
  reader.close();
  expect(countRows(directory)).toMatchObject({ binding: 0, journal: journal.length });
  await first.close();

  // As after a crash: the tables hold all, some, or nothing of what the journal says.
  for (const lost of ["id > 3", "id = 2", "1"]) {
    const db = new Database(buildOptions(directory).path);
    db.exec(`DELETE FROM binding WHERE ${lost}; DELETE FROM refresh WHERE ${lost}`);
    db.exec("UPDATE deregistration SET ctid = 'c', attempts = 99 WHERE ctid = 'b'");
    db.exec("UPDATE meta SET value = 'stale'");
    for (const row of journal) db.prepare("INSERT INTO journal VALUES (?, ?, ?)").run(...row);
    db.close();
    // oxlint-disable no-await-in-loop -- One life after the other, on the same database.
    const again = await openStore(buildOptions(directory));
    expect(readAll(again)).toEqual(content);
    expect(again.readMeta("clock_offset_ms")).toBe("-12");
    await again.close();
    // oxlint-enable no-await-in-loop
  }
});

test("the journal is folded while the store runs, as soon as it is large enough", async () => {
  const directory = makeDirectory();
  const log: LogLine[] = [];
  const store = await openStore(buildOptions(directory, { foldAfterBytes: 2000 }), log);
  await put(store, AOR, buildBinding("a"));
  const touchOnce = (cseq: number): Promise<void> => {
    const touch = { ctid: "a", cseq, expiresAtMs: 1_700_000_000_000 + cseq, updatedAtMs: cseq };
    return save(store, buildChange(AOR, { touch: [touch] }));
  };
  let cseq = 1;
  await expect
    .poll(
      async () => {
        await touchOnce((cseq += 1));
        return log.filter(({ text }) => text === "journal folded").length;
      },
      { interval: 1, timeout: 10_000 },
    )
    .toBeGreaterThan(1);
  expect(countRows(directory).binding).toBe(1);
  expect(countRows(directory).journal).toBeLessThan(cseq);
  await store.close();
  const again = await openStore(buildOptions(directory));
  expect(again.lookupCtid("a")?.binding.cseq).toBe(cseq);
});

test("a small journal is folded when it is old enough", async () => {
  const directory = makeDirectory();
  const store = await openStore(buildOptions(directory, { foldAfterMs: 20 }));
  await put(store, AOR, buildBinding("a"));
  await put(store, AOR, buildBinding("b"));
  await expect.poll(() => countRows(directory).binding).toBe(1);
  expect(store.status()).toMatchObject({ isWritable: true, problem: "", bindings: 2 });
});

test("the write-ahead log is written back into the database while the store runs", async () => {
  const directory = makeDirectory();
  const store = await openStore(buildOptions(directory));
  const size = (): number => statSync(buildOptions(directory).path).size;
  const before = size();
  let saved = 0;
  await expect
    .poll(
      async () => {
        saved += 1;
        await put(store, `sip:${saved}@example.com`, buildBinding(`c${saved}`));
        return size();
      },
      { interval: 0, timeout: 15_000 },
    )
    .toBeGreaterThan(before);
  expect(saved).toBeGreaterThan(1000);
  expect(store.status().problem).toBe("");
});

test("texts come back from the tables in one byte for each character", async () => {
  const directory = makeDirectory();
  const first = await openStore(buildOptions(directory));
  await put(first, AOR, buildBinding("a", { contact: ALL_BYTES }));
  expect(isNarrow(first)).toBe(true);
  await first.close();
  const second = await openStore(buildOptions(directory));
  expect(second.lookupCtid("a")?.binding.contact).toBe(ALL_BYTES);
  expect(isNarrow(second)).toBe(true);
});

test("a ctid that turns up under another address-of-record moves there for good", async () => {
  const directory = makeDirectory();
  const first = await openStore(buildOptions(directory));
  await put(first, AOR, buildBinding("a"));
  await put(first, "sip:bob@example.com", buildBinding("a"));
  expect(first.lookup(AOR)).toBeUndefined();
  const content = readAll(first);
  await first.close();
  expect(countRows(directory).binding).toBe(1);
  expect(readAll(await openStore(buildOptions(directory)))).toEqual(content);
});

test("a row id that the journal mentions is not used for another binding", async () => {
  const directory = makeDirectory();
  await (await openStore(buildOptions(directory))).close();
  const db = new Database(buildOptions(directory).path);
  onTestFinished(() => {
    db.close();
  });
  db.exec(`INSERT INTO journal VALUES (1, NULL, '[["remove",[50,"gone"]]]')`);
  await put(await openStore(buildOptions(directory)), AOR, buildBinding("a"));
  const changes = db.prepare("SELECT changes FROM journal WHERE seq = 2").pluck(true).get();
  expect(changes).toMatch(/^\[\["put",\[51,/u);
});

test("what an older midreg has journaled is at the default main registrar", async () => {
  const directory = makeDirectory();
  const writer = await openStore(buildOptions(directory));
  const { upstream } = buildBinding("a");
  await put(writer, AOR, buildBinding("a", { upstream: { ...upstream, upstream: "second" } }));
  const db = new Database(buildOptions(directory).path);
  onTestFinished(() => {
    db.close();
  });
  const changes = String(db.prepare("SELECT changes FROM journal").pluck(true).get());
  await writer.close();
  const old = changes.replace(/,"second",""\]/u, "]");
  expect(old).not.toBe(changes);
  db.exec("DELETE FROM binding; DELETE FROM refresh");
  db.prepare("INSERT INTO journal VALUES (1, NULL, ?)").run(old);
  const reader = await openStore(buildOptions(directory));
  expect(reader.lookup(AOR)?.bindings).toEqual([buildBinding("a")]);
});

test("new bindings come after those from before a restart", async () => {
  const directory = makeDirectory();
  const first = await openStore(buildOptions(directory));
  await put(first, AOR, buildBinding("a"), buildBinding("b"));
  await save(first, buildChange(AOR, { remove: ["b"] }));
  await first.close();
  const second = await openStore(buildOptions(directory));
  await put(second, AOR, buildBinding("b"));
  await put(second, AOR, buildBinding("a", { cseq: 2 }));
  await second.close();
  const third = await openStore(buildOptions(directory));
  expect(third.lookup(AOR)?.bindings.map(({ ctid }) => ctid)).toEqual(["a", "b"]);
});

test.each(["fsync", "relaxed"] as const)(
  "with durability %s a clean close keeps everything",
  async (durability) => {
    const directory = makeDirectory();
    const first = await openStore(buildOptions(directory, { durability }));
    await fillStore(first);
    const content = readAll(first);
    await first.close();
    expect(readAll(await openStore(buildOptions(directory)))).toEqual(content);
  },
);

test("with durability relaxed nobody waits for the disk, and order is kept within one journal row", async () => {
  const directory = makeDirectory();
  const first = await openStore(buildOptions(directory, { durability: "relaxed" }));
  // The first row goes out at once; everything after it shares the next one, a second later.
  await put(first, "sip:first@example.com", buildBinding("first"));
  await put(first, AOR, buildBinding("a"));
  const touch = { ctid: "a", cseq: 5, expiresAtMs: 6, updatedAtMs: 7 };
  await save(first, buildChange(AOR, { touch: [touch] }));
  await put(first, AOR, buildBinding("b"));
  await save(first, buildChange(AOR, { remove: ["b"] }));
  expect(countRows(directory).journal).toBeLessThan(3);
  const content = readAll(first);
  expect(content.records.map(({ bindings }) => bindings)).toContainEqual([
    buildBinding("a", { cseq: 5, expiresAtMs: 6, updatedAtMs: 7 }),
  ]);
  await first.close();
  expect(readAll(await openStore(buildOptions(directory)))).toEqual(content);
});

test("any history survives restarts in between, whatever is folded", async () => {
  const lives = fc.array(fc.array(anyChange(), { maxLength: 12 }), { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(
      lives,
      fc.constantFrom(1, 1000, 1_000_000),
      async (histories, foldAfterBytes) => {
        const directory = makeDirectory();
        const model = new Model();
        for (const history of histories) {
          // oxlint-disable no-await-in-loop -- Changes and lives come one at a time.
          const store = await openStore(buildOptions(directory, { foldAfterBytes }));
          expect(readAll(store)).toEqual(model.content());
          for (const change of history) {
            await save(store, change);
            model.apply(change);
          }
          await store.close();
          // oxlint-enable no-await-in-loop
        }
        expect(readAll(await openStore(buildOptions(directory)))).toEqual(model.content());
      },
    ),
    { numRuns: 5 },
  );
});
