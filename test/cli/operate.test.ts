import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { runProgram } from "../../src/cli/program.ts";
import { FakeGateway } from "../support/fake-gateway.ts";
import { contactOf } from "../support/sleepers.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { World, type WorldOptions } from "../support/world.ts";
import { startAdminListener } from "./admin-listener.ts";
import { makeTempDirectory } from "./temp-directory.ts";

const closing: Array<() => unknown> = [];

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

interface Scene {
  readonly world: World;
  /** ADDRESS:PORT of its admin listener. */
  readonly admin: string;
}

/** A midreg with so many users, whose time passes while it is asked. */
async function scene(users: number, options: WorldOptions = {}): Promise<Scene> {
  const world = await World.start(options);
  for (let at = 0; at < users; at += 1) {
    world.phone(`user${at}`, `198.51.100.7:${20_000 + at}`).register({ expires: 600 });
  }
  world.pass(1);
  const { place, stop } = await startAdminListener(world);
  const ticking = setInterval(() => world.pass(0.5), 5);
  closing.push(() => clearInterval(ticking), stop);
  return { world, admin: place };
}

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function midreg(argv: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const written = { out: "", err: "" };
  const code = await runProgram({
    argv,
    env,
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
    onceStopped: () => undefined,
    onReload: () => undefined,
    readInput: () => "",
  });
  return { code, ...written };
}

describe("midreg aor", () => {
  test("list prints a table", async () => {
    const { admin } = await scene(2);
    const { code, out, err } = await midreg(["aor", "list", "--admin", admin]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(
      /^AOR {13}CONTACTS {2}EXPIRES {2}UPSTREAM\nuser0@sip\.test {2}1 {9}9m\d+s +59m\d+s\nuser1@sip\.test /u,
    );
    expect(out.split("\n")).toHaveLength(4);
  });

  test("list gives up at its limit and says so, and reads all pages up to it", async () => {
    const { admin } = await scene(1200);
    const short = await midreg(["aor", "list", "--admin", admin, "--limit", "3"]);
    expect(short.out.split("\n")).toHaveLength(5);
    expect(short.err).toBe("midreg: there may be more; see --limit and --prefix\n");
    const long = await midreg(["aor", "list", "--admin", admin, "--limit", "5000"]);
    expect(long.out.split("\n")).toHaveLength(1202);
    expect(long.err).toBe("");
  });

  test("dump --json gives an object a line, with everything", async () => {
    const { admin } = await scene(3);
    const { out } = await midreg(["aor", "dump", "--json", "--prefix", "user", "--admin", admin]);
    const lines = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(lines).toHaveLength(3);
    expect(lines[2]).toMatchObject({
      aor: "user2@sip.test",
      contacts: [{ contact: "sip:user2@198.51.100.7:20002", upstream: { cseq: 1 } }],
    });
    const table = await midreg(["aor", "dump", "--admin", admin]);
    expect(table.out).toMatch(/^AOR +CONTACT +RUID [^]*user2@sip\.test +sip:user2@198/u);
  });

  test("show prints contacts and decisions, and nothing that steers a terminal", async () => {
    const { world, admin } = await scene(1);
    const headers = ["User-Agent: Evil\x1b]0;owned\x07\x9b31m"];
    world.phone("user0", "198.51.100.9:5060").register({ expires: 600, headers });
    world.pass(1);
    const { code, out } = await midreg(["aor", "show", "sip:user0@sip.test", "--admin", admin]);
    expect(code).toBe(0);
    expect(out).toMatch(/^user0@sip\.test: \d contacts?\n\n {2}contact +sip:user0@198/u);
    expect(out).toMatch(/LAST +TIMES +DECISION +REASON +OUTCOME [^]* forward +new-aor +accepted /u);
    expect(out.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
    const json = await midreg(["aor", "show", "user0@sip.test", "--json", "--admin", admin]);
    expect(JSON.parse(json.out)).toMatchObject({ decisions: expect.any(Array) });
  });

  test("rm and rm-contact say what is gone; what is not there has an exit code of its own", async () => {
    const { world, admin } = await scene(2);
    const [binding] = world.record("user1@sip.test")?.bindings ?? [];
    expect(await midreg(["aor", "rm", "user0@sip.test", "--admin", admin])).toEqual({
      code: 0,
      out: "user0@sip.test: 1 contact removed\n",
      err: "",
    });
    const args = ["user1@sip.test", binding?.ctid ?? "", "--admin", admin];
    expect(await midreg(["aor", "rm-contact", ...args])).toMatchObject({
      code: 0,
      out: "user1@sip.test: 1 contact removed\n",
    });
    expect(await midreg(["aor", "rm-contact", ...args])).toEqual({
      code: 4,
      out: "",
      err: "midreg: The address-of-record has no such contact.\n",
    });
    expect(world.store.status().bindings).toBe(0);
  });

  test("add registers a contact, and says why it could not", async () => {
    const { world, admin } = await scene(0);
    const args = ["door@sip.test", "sip:door@203.0.113.9", "--expires", "300", "--q", "0.5"];
    const { code, out } = await midreg(["aor", "add", ...args, "--admin", admin]);
    expect(code).toBe(0);
    expect(out).toMatch(/^door@sip\.test: contact registered\n {2}contact +sip:door@203/u);
    expect(world.record("door@sip.test")?.bindings).toMatchObject([{ q: 500 }]);
    world.main.isChallenging = true;
    const refused = ["door@sip.test", "sip:door@203.0.113.10", "--admin", admin];
    expect(await midreg(["aor", "add", ...refused])).toMatchObject({
      code: 1,
      err: "midreg: The main registrar wants credentials that midreg does not have.\n",
    });
  });
});

describe("midreg resync", () => {
  test("shows how far it is while it runs, and how it ended", async () => {
    const { world, admin } = await scene(300);
    world.main.forget();
    const { code, out, err } = await midreg(["resync", "--rate", "5", "--admin", admin]);
    expect(code).toBe(0);
    expect(err).toMatch(/^(midreg: resync: \d+ of 300 contacts; \d+ accepted\n)+$/u);
    expect(out).toBe("resync finished: 300 of 300 contacts, 0 skipped; 300 accepted\n");
    expect(world.main.contactsFor("sip:user299@sip.test")).toHaveLength(1);
  });

  test("that was not accepted altogether fails, and JSON says all of it", async () => {
    const { world, admin } = await scene(1);
    world.main.isChallenging = true;
    const { code, out } = await midreg(["resync", "--json", "--admin", admin]);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      state: "finished",
      results: { accepted: 0, challenged: 1 },
    });
    expect(await midreg(["resync", "--status", "--admin", admin])).toMatchObject({
      code: 1,
      out: "resync finished: 1 of 1 contacts, 0 skipped; 0 accepted, 1 challenged\n",
    });
  });

  test("is looked at and stopped from elsewhere", async () => {
    const { world, admin } = await scene(20);
    world.server.admin.startResync({ aor: undefined, upstream: undefined, rate: 1 });
    expect(await midreg(["resync", "--admin", admin])).toMatchObject({
      code: 1,
      err: "midreg: A resync is running already; DELETE it first, or wait.\n",
    });
    const { out } = await midreg(["resync", "--stop", "--admin", admin]);
    expect(out).toMatch(/^resync stopped: /u);
  });
});

describe("where the running midreg is", () => {
  test("comes from the flag, the configuration, or the environment", async () => {
    const { admin } = await scene(1);
    const file = join(makeTempDirectory(), "midreg.yaml");
    writeFileSync(file, `upstream: sip:192.0.2.1\nadmin: ${admin}\n`);
    for (const ran of await Promise.all([
      midreg(["aor", "list", "--admin", admin]),
      midreg(["aor", "list", "--config", file]),
      midreg(["aor", "list"], { MIDREG_ADMIN: admin }),
    ])) {
      expect(ran).toMatchObject({ code: 0, out: expect.stringContaining("user0@sip.test") });
    }
  });

  test.each<[string, readonly string[], number, string]>([
    [
      "nobody there",
      ["--admin", "127.0.0.1:1"],
      1,
      "127.0.0.1:1: nothing listens there; is midreg",
    ],
    ["an address of elsewhere", ["--admin", "192.0.2.1:80"], 2, "--admin must be a loopback"],
    ["no address", ["--admin", "x"], 2, "--admin must be ADDRESS:PORT"],
    ["none at all", ["--admin", "off"], 2, "the admin listener is off"],
    ["a port that nobody knows", ["--admin", "127.0.0.1:0"], 2, "the system has chosen"],
    ["no configuration", ["--config", "/nowhere.yaml"], 3, "/nowhere.yaml: "],
  ])("%s is one line", async (_, args, code, line) => {
    const ran = await midreg(["aor", "list", ...args]);
    expect(ran).toMatchObject({ code, out: "" });
    expect(ran.err).toMatch(/^midreg: \P{Cc}+\n$/u);
    expect(ran.err).toContain(line);
  });

  test("something else that listens there is one line as well", async () => {
    const other = createServer((_, response) => response.end("<html>")).listen(0, "127.0.0.1");
    await new Promise((resolve) => {
      other.once("listening", resolve);
    });
    closing.push(() => other.close());
    const address = other.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    const { code, err } = await midreg(["aor", "list", "--admin", `127.0.0.1:${port}`]);
    expect(code).toBe(1);
    expect(err).toBe(`midreg: 127.0.0.1:${port}: no midreg of this version is there\n`);
  });

  test("numbers are looked at before anything is asked", async () => {
    const { admin } = await scene(1);
    const { code, err } = await midreg(["resync", "--rate", "fast", "--admin", admin]);
    expect({ code, err }).toEqual({ code: 2, err: "midreg: --rate must be a number\n" });
  });
});

describe("midreg push test", () => {
  test.each([
    ["accepted", 0],
    ["rejected", 1],
  ] as const)("prints what the provider said: %s", async (result, expected) => {
    const clock = new VirtualClock();
    const gateway = new FakeGateway(clock);
    gateway.answer = () => ({ result, reason: "Code", detail: "what it means" });
    const { world, admin } = await scene(0, { clock, gateway });
    const place = "198.51.100.9:40000";
    world.phone("alice", place).register({ contact: contactOf(place), expires: 600 });
    world.pass(1);
    const { code, out } = await midreg(["push", "test", "alice@sip.test", "--admin", admin]);
    expect(code).toBe(expected);
    const said = out.split("\n").map((line) => line.trim().split(/ {2,}/u));
    expect(said).toEqual(
      expect.arrayContaining([
        ["provider", "apns"],
        ["result", result],
        ["code", "Code"],
        ["meaning", "what it means"],
      ]),
    );
  });
});
