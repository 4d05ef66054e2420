import { expect, test } from "vitest";
import { type Credential, CredentialTable } from "../../src/auth/credential-table.ts";

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

const [ALICE, BOB] = ["alice", "bob"].map((username) => {
  return { username, realm: "a", algorithm: "MD5" as const, ha1: `file ${username}` };
}) as [Credential, Credential];

test("what the file says wins, and what is stored comes back when the file is silent", () => {
  const table = tableOf(["alice", "a", "MD5"], ["alice", "a", "SHA-256"]);
  table.replaceFile([ALICE, BOB]);
  expect(table.ha1("alice", "a", "MD5")).toBe("file alice");
  expect(table.ha1("alice", "a", "SHA-256")).toBe("alice a SHA-256");
  expect(table.ha1("bob", "a", "MD5")).toBe("file bob");
  expect(table.size).toBe(2);
  table.add({ ...ALICE, ha1: "new" });
  expect(table.ha1("alice", "a", "MD5")).toBe("file alice");
  table.replaceFile([]);
  expect(table.ha1("alice", "a", "MD5")).toBe("new");
  expect(table.has("bob", "a")).toBe(false);
});

test("a user that is removed is nobody, in that realm, and no challenge remembers", () => {
  const table = tableOf(["alice", "a", "MD5"], ["bob", "a", "SHA-256"], ["alice", "b", "MD5"]);
  table.remove("alice", "a");
  table.remove("nobody", "nowhere");
  expect(table.has("alice", "a")).toBe(false);
  expect(table.has("alice", "b")).toBe(true);
  expect(table.answerable(["nobody"], "a", ALL)).toEqual(["SHA-256"]);
  table.remove("bob", "a");
  expect(table.answerable(["nobody"], "a", ALL)).toEqual(ALL);
  expect(table.size).toBe(1);
});

test("every user is listed once, with what may be shown", () => {
  const table = tableOf(["alice", "a", "SHA-256"], ["carol", "b", "MD5"]);
  table.replaceFile([ALICE, BOB]);
  const users = [...table.names()].map(({ username, realm }) => table.find(username, realm));
  expect(users).toEqual([
    { username: "alice", realm: "a", algorithms: ["MD5", "SHA-256"], isInFile: true },
    { username: "carol", realm: "b", algorithms: ["MD5"], isInFile: false },
    { username: "bob", realm: "a", algorithms: ["MD5"], isInFile: true },
  ]);
  expect(table.find("bob", "b")).toBeUndefined();
});
