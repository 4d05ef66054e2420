import { writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { beforeEach, expect, test } from "vitest";
import { migrate } from "../../src/store/migrate.ts";
import { makeDirectory } from "./fixtures.ts";

let db: Database.Database;
let directory: string;

const version = (): unknown => db.pragma("user_version", { simple: true });
const tables = (): unknown[] =>
  db.prepare("SELECT name FROM sqlite_schema ORDER BY name").pluck(true).all();

beforeEach(() => {
  db = new Database(":memory:");
  directory = makeDirectory();
  writeFileSync(join(directory, "0001_first.sql"), "CREATE TABLE a (x); CREATE TABLE b (x);");
  writeFileSync(join(directory, "README.md"), "Not SQL.");
});

test("an empty database gets every migration, and a second run does nothing", () => {
  migrate(db, directory);
  expect([version(), tables()]).toEqual([1, ["a", "b"]]);
  migrate(db, directory);
  expect(version()).toBe(1);
});

test("an older database gets what it lacks and keeps its rows", () => {
  migrate(db, directory);
  db.exec("INSERT INTO a VALUES (5)");
  writeFileSync(join(directory, "0002_second.sql"), "ALTER TABLE a ADD COLUMN y; DROP TABLE b;");
  migrate(db, directory);
  expect([version(), tables()]).toEqual([2, ["a"]]);
  expect(db.prepare("SELECT x, y FROM a").get()).toEqual({ x: 5, y: null });
});

test("a migration that fails leaves the database at the one before", () => {
  writeFileSync(join(directory, "0002_second.sql"), "CREATE TABLE c (x); CREATE TABLE a (x);");
  expect(() => migrate(db, directory)).toThrow(/table a already exists/u);
  expect([version(), tables()]).toEqual([1, ["a", "b"]]);
});

test("a newer database, and one of another program, are left alone", () => {
  db.exec("CREATE TABLE theirs (x)");
  expect(() => migrate(db, directory)).toThrow(/another program/u);
  db.pragma("user_version = 2");
  expect(() => migrate(db, directory)).toThrow(/schema 2, and this midreg knows schemas up to 1/u);
  expect(tables()).toEqual(["theirs"]);
});
