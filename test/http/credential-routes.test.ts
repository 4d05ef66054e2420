import { describe, expect, test } from "vitest";
import { computeHa1 } from "../../src/auth/digest.ts";
import { RunningCredentials } from "../../src/cli/credential-admin.ts";
import { toBytes } from "../../src/http/byte-text.ts";
import { credentialRoutes } from "../../src/http/credential-routes.ts";
import { World } from "../support/world.ts";
import { call } from "./api.ts";

const PATH = "/api/v1/credentials";
const HA1 = "0123456789abcdef0123456789abcdef";
const LONG = HA1 + HA1;

const imported = (...users: string[]): object => ({
  credentials: users.map((user) => ({ user, realm: "sip.test", ha1: HA1 })),
});

describe("credentials", () => {
  test("are set by password for every algorithm, in force at once, and never shown", async () => {
    const world = new World();
    const answer = await call(world, "PUT", `${PATH}/sip.test/j%C3%BCrg`, { password: "pä55" });
    expect(answer).toMatchObject({
      status: 200,
      body: { user: "jürg", realm: "sip.test", source: "database" },
    });
    const user = { username: toBytes("jürg"), realm: "sip.test" };
    const ha1 = computeHa1("SHA-256", { ...user, password: toBytes("pä55") });
    expect(world.credentials.ha1(user.username, user.realm, "SHA-256")).toBe(ha1);
    expect(JSON.stringify(answer)).not.toContain(ha1);
    const listed = await call(world, "GET", PATH);
    expect(listed.body).toEqual({
      credentials: [
        {
          user: "jürg",
          realm: "sip.test",
          algorithms: ["MD5", "SHA-256", "SHA-512-256"],
          source: "database",
        },
      ],
      next: null,
    });
  });

  test("take the place of all a user had, given as HA1 or for some algorithms", async () => {
    const world = new World();
    await call(world, "PUT", `${PATH}/sip.test/alice`, { password: "old" });
    const put = await call(world, "PUT", `${PATH}/sip.test/alice`, {
      ha1: { "sha-256": LONG.toUpperCase() },
    });
    expect(put.body).toMatchObject({ algorithms: ["SHA-256"] });
    expect(world.credentials.ha1("alice", "sip.test", "SHA-256")).toBe(LONG);
    const body = { password: "x", algorithms: ["md5"] };
    expect((await call(world, "PUT", `${PATH}/sip.test/alice`, body)).body).toMatchObject({
      algorithms: ["MD5"],
    });
  });

  test("are forgotten at once", async () => {
    const world = new World();
    await call(world, "POST", PATH, imported("alice"));
    expect(await call(world, "DELETE", `${PATH}/sip.test/alice`)).toMatchObject({
      status: 200,
      body: { user: "alice", realm: "sip.test", removed: 1 },
    });
    expect(world.credentials.has("alice", "sip.test")).toBe(false);
    expect(await call(world, "DELETE", `${PATH}/sip.test/alice`)).toMatchObject({ status: 404 });
    expect(await call(world, "GET", `${PATH}/sip.test/alice`)).toMatchObject({ status: 404 });
  });

  test("come many at once, and are listed page by page, by realm and beginning", async () => {
    const world = new World();
    expect(await call(world, "POST", PATH, imported("al", "bo", "ali"))).toMatchObject({
      status: 200,
      body: { imported: 3 },
    });
    await call(world, "PUT", `${PATH}/other/alf`, { password: "x" });
    const names: string[] = [];
    let cursor = "";
    for (;;) {
      // Each page needs the cursor of the one before.
      // oxlint-disable-next-line no-await-in-loop
      const { body } = await call(world, "GET", `${PATH}?limit=1&prefix=al${cursor}`);
      const page = body as unknown as { credentials: { user: string }[]; next: string | null };
      names.push(...page.credentials.map(({ user }) => user));
      if (page.next === null) break;
      cursor = `&cursor=${page.next}`;
    }
    expect(names).toEqual(["al", "ali", "alf"]);
    const { body } = await call(world, "GET", `${PATH}?realm=other`);
    expect(body).toMatchObject({ credentials: [{ user: "alf", realm: "other" }] });
  });

  test.each<["POST" | "PUT", unknown, number, string]>([
    ["PUT", {}, 422, "Give either password or ha1."],
    ["PUT", { password: "x", ha1: { MD5: HA1 } }, 422, "Give either password or ha1."],
    ["PUT", { password: "" }, 422, "password must be a text."],
    ["PUT", { password: 5 }, 422, "password must be a text."],
    ["PUT", { password: "x", algorithms: ["SHA-1"] }, 422, "Algorithms must be of MD5, SHA-256"],
    ["PUT", { password: "x", algorithms: [] }, 422, "algorithms must be a list of names."],
    ["PUT", { ha1: {} }, 422, "ha1 must be an object"],
    ["PUT", { ha1: { MD5: "xyz" } }, 422, "Ha1 of MD5 must have 32 hexadecimal digits."],
    ["PUT", { ha1: { MD5: "z".repeat(32) } }, 422, "Ha1 of MD5 must have 32 hexadecimal digits."],
    ["PUT", { ha1: { MD4: HA1 } }, 422, "The algorithm must be MD5, SHA-256 or SHA-512-256."],
    ["PUT", { pasword: "x" }, 400, "There is a field too many"],
    ["POST", { credentials: [] }, 422, "credentials must be a list."],
    ["POST", { credentials: [{ user: "a", ha1: HA1 }] }, 422, "Each of the credentials must have"],
    ["POST", imported("alice", "b:b"), 422, "Number 2 of them: the user must not hold a colon."],
    ["POST", imported("alice", ""), 422, "Number 2 of them: user and realm must not be empty."],
  ])("%s %j is refused, and nothing of it is stored", async (method, body, status, detail) => {
    const world = new World();
    const target = method === "PUT" ? `${PATH}/sip.test/alice` : PATH;
    const answer = await call(world, method, target, body);
    expect(answer).toMatchObject({ status, body: { detail: expect.stringContaining(detail) } });
    expect(world.credentials.size).toBe(0);
  });

  test("come a thousand at a time", async () => {
    const users = Array.from({ length: 1001 }, (_, at) => `user${at}`);
    const [most, tooMany] = [imported(...users.slice(1)), imported(...users)];
    expect(await call(new World(), "POST", PATH, most)).toMatchObject({ status: 200 });
    expect(await call(new World(), "POST", PATH, tooMany)).toMatchObject({ status: 422 });
  });

  test("of the file are not changed here", async () => {
    const world = new World();
    const alice = { username: "alice", realm: "sip.test", algorithm: "MD5" as const, ha1: HA1 };
    world.credentials.replaceFile([alice]);
    const user = `${PATH}/sip.test/alice`;
    const answers = [
      await call(world, "PUT", user, { password: "x" }),
      await call(world, "DELETE", user),
      await call(world, "POST", PATH, imported("bob", "alice")),
    ];
    expect(answers.map(({ status }) => status)).toEqual([409, 409, 409]);
    expect((await call(world, "GET", user)).body).toMatchObject({ source: "file" });
    expect([...world.credentials.names()]).toHaveLength(1);
  });
});

describe("credentials with a store", () => {
  test("are in force when they are stored, and not before or otherwise", async () => {
    const { credentials: table } = new World();
    const commits: Array<{ committed: () => void; failed: (reason: string) => void }> = [];
    const store = {
      writeCredentials: (_: unknown, commit: (typeof commits)[0]) => void commits.push(commit),
    };
    const admin = new RunningCredentials({ table, store, reload: () => undefined });
    const route = credentialRoutes(admin).find(({ path }) => path.endsWith("/:realm/:user"));
    const put = async (user: string): Promise<{ status: number }> => {
      const params = { realm: "r", user };
      const asked = { params, query: new URLSearchParams(), body: { password: "x" } };
      return (await route?.handlers.PUT?.(asked)) ?? { status: 0 };
    };
    const [alice, bob] = [put("alice"), put("bob")];
    expect(table.size).toBe(0);
    commits[0]?.committed();
    commits[1]?.failed("the disk is full");
    expect(await alice).toMatchObject({ status: 200 });
    expect(await bob).toMatchObject({ status: 503, headers: { "Retry-After": "5" } });
    expect([...table.names()]).toEqual([{ username: "alice", realm: "r" }]);
  });

  test("are read anew on demand, or it is said why not", async () => {
    const { credentials: table } = new World();
    let mistake: string | undefined = "users:2: must be user:realm:ha1";
    const admin = new RunningCredentials({ table, store: undefined, reload: () => mistake });
    const route = credentialRoutes(admin).find(({ path }) => path.endsWith("/reload"));
    const reload = async (): Promise<unknown> =>
      route?.handlers.POST?.({ params: {}, query: new URLSearchParams(), body: {} });
    expect(await reload()).toMatchObject({ status: 422, body: expect.stringContaining("users:2") });
    mistake = undefined;
    expect(await reload()).toMatchObject({ status: 200, body: '{"users":0}\n' });
  });
});
