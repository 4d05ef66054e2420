import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { buildChange } from "../../src/location/change.ts";
import { JournalFold } from "../../src/store/journal-fold.ts";
import { loadLocation } from "../../src/store/load-location.ts";
import { migrate } from "../../src/store/migrate.ts";
import type { Operation } from "../../src/store/operation.ts";
import { buildOperations } from "../../src/store/operation.ts";
import { buildBinding, MIGRATIONS } from "./fixtures.ts";

const BINDINGS = 500;

let db: Database.Database;

function write(seq: number, touches: readonly number[], operations: readonly Operation[]): void {
  const blob = Buffer.from(new Float64Array(touches).buffer);
  db.prepare("INSERT INTO journal VALUES (?, ?, ?)").run(seq, blob, JSON.stringify(operations));
}

function countJournal(): number {
  return Number(db.prepare("SELECT count(*) FROM journal").pluck(true).get());
}

/** Every binding's cseq, and whether it is there, as a start would find them. */
function loadCseqs(): (number | undefined)[] {
  const { copy } = loadLocation(db);
  return Array.from({ length: BINDINGS }, (_, index) => copy.lookupCtid(`c${index}`)?.binding.cseq);
}

beforeEach(() => {
  db = new Database(":memory:");
  migrate(db, MIGRATIONS);
  let lastId = 0;
  const ids = { rowIdOf: () => undefined, takeRowId: () => (lastId += 1) };
  const puts = Array.from({ length: BINDINGS }, (_, index) =>
    buildOperations(buildChange(`sip:${index}`, { put: [buildBinding(`c${index}`)] }), ids),
  );
  write(1, [], puts.flat());
  for (let id = 1; id <= BINDINGS; id += 3) write(1 + id, [id, 100 + id, 5, 6], []);
  write(BINDINGS + 2, [1, 999, 5, 6], [["remove", [BINDINGS, `c${BINDINGS - 1}`]]]);
});

afterEach(() => {
  vi.restoreAllMocks();
  db.close();
});

const EXPECTED = Array.from({ length: BINDINGS }, (_, index) => {
  if (index === 0) return 999;
  if (index === BINDINGS - 1) return undefined;
  return index % 3 === 0 ? 101 + index : 1;
});

test("a pass moves everything into the tables and empties the journal", () => {
  const pass = new JournalFold(db).run(BINDINGS + 2);
  let step = pass.next();
  while (step.done === false) step = pass.next();
  expect(step.value).toBe(BINDINGS);
  expect(countJournal()).toBe(0);
  expect(loadCseqs()).toEqual(EXPECTED);
});

test("rows after the last acknowledged one stay in the journal", () => {
  expect([...new JournalFold(db).run(BINDINGS + 1)]).not.toHaveLength(0);
  expect(countJournal()).toBe(1);
  expect(loadCseqs()).toEqual(EXPECTED);
});

test("a crash between any two slices loses nothing, even if the clock leaves a slice no time", () => {
  let nowMs = 0;
  vi.spyOn(performance, "now").mockImplementation(() => (nowMs += 1000));
  let slices = 0;
  for (const _ of new JournalFold(db).run(BINDINGS + 2)) {
    slices += 1;
    expect(db.inTransaction).toBe(false);
    // As a start would find them now; looked at now and then, because it takes its time.
    const found = slices % 16 === 0 ? loadCseqs() : EXPECTED;
    expect(found).toEqual(EXPECTED);
  }
  expect(slices).toBeGreaterThan(BINDINGS / 16);
  expect(countJournal()).toBe(0);
  expect(loadCseqs()).toEqual(EXPECTED);
});

test("a pass that fails leaves the journal as it was, and the next one completes it", () => {
  db.exec(
    "CREATE TRIGGER stop BEFORE INSERT ON refresh WHEN NEW.id = 400 BEGIN SELECT RAISE(ABORT, 'no'); END",
  );
  const fold = new JournalFold(db);
  const before = countJournal();
  expect(() => [...fold.run(BINDINGS + 2)]).toThrow("no");
  expect(db.inTransaction).toBe(false);
  expect(countJournal()).toBe(before);
  expect(loadCseqs()).toEqual(EXPECTED);
  db.exec("DROP TRIGGER stop");
  expect([...fold.run(BINDINGS + 2)]).not.toHaveLength(0);
  expect(countJournal()).toBe(0);
  expect(loadCseqs()).toEqual(EXPECTED);
});
