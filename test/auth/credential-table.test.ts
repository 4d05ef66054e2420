import { expect, test } from "vitest";
import { CredentialTable } from "../../src/auth/credential-table.ts";

const ALL = ["SHA-512-256", "SHA-256", "MD5"] as const;

function tableOf(...entries: readonly (readonly [string, string, (typeof ALL)[number]])[]) {
  const table = new CredentialTable();
  for (const [username, realm, algorithm] of entries) {
    table.add({ username, realm, algorithm, ha1: `${username} ${realm} ${algorithm}` });
  }
  return table;
}

test("a credential is found by user, realm and algorithm, and by nothing less", () => {
  const table = tableOf(["alice", "a", "MD5"], ["alice", "b", "SHA-256"]);
  expect(table.ha1("alice", "a", "MD5")).toBe("alice a MD5");
  expect(table.ha1("alice", "b", "SHA-256")).toBe("alice b SHA-256");
  expect(table.ha1("alice", "a", "SHA-256")).toBeUndefined();
  expect(table.ha1("bob", "a", "MD5")).toBeUndefined();
  expect(table.ha1("alice", "A", "MD5")).toBeUndefined();
  expect(table.size).toBe(2);
});

test("the later of two credentials for the same counts", () => {
  const table = tableOf(["alice", "a", "MD5"]);
  table.add({ username: "alice", realm: "a", algorithm: "MD5", ha1: "new" });
  expect(table.ha1("alice", "a", "MD5")).toBe("new");
  expect(table.size).toBe(1);
});

test("only what a user can answer with is offered, in the order that is wanted", () => {
  const table = tableOf(["alice", "a", "MD5"], ["bob", "a", "MD5"], ["bob", "a", "SHA-256"]);
  expect(table.answerable(["alice"], "a", ALL)).toEqual(["MD5"]);
  expect(table.answerable(["bob"], "a", ALL)).toEqual(["SHA-256", "MD5"]);
  expect(table.answerable(["x", "bob"], "a", ALL)).toEqual(["SHA-256", "MD5"]);
  expect(table.answerable(["bob"], "a", ["SHA-512-256"])).toEqual(["SHA-512-256"]);
});

test("an unknown user is offered what the first user of the realm has, and everything in an empty realm", () => {
  const table = tableOf(["alice", "a", "MD5"], ["bob", "a", "SHA-256"]);
  expect(table.answerable(["nobody"], "a", ALL)).toEqual(["MD5"]);
  expect(table.answerable(["nobody"], "b", ALL)).toEqual(ALL);
});
