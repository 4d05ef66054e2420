import { createSocket } from "node:dgram";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test, vi } from "vitest";
import { statusOf } from "../support/messages.ts";
import { waitUntil } from "../support/wait-until.ts";
import { afterwards, makeDirectory } from "./left-over.ts";
import { MidregRun } from "./midreg-run.ts";
import { WirePhone } from "./wire-phone.ts";
import { WireRegistrar } from "./wire-registrar.ts";

// Two seconds is what most take; the machine may be busy with other things.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const NOBODY = "sip:127.0.0.1:9";
const { version: VERSION } = JSON.parse(readFileSync("package.json", "utf8")) as {
  version: string;
};
const SOON = { timeoutMs: 30_000, everyMs: 10 };
/** Ports that the system chooses; the log says which. */
const ANY_PORTS = ["--listen", "udp:127.0.0.1:0", "--admin", "127.0.0.1:0"];

function start(args: readonly string[], env: Record<string, string> = {}): MidregRun {
  const run = new MidregRun(args, env);
  afterwards(async () => run.dispose());
  return run;
}

/** A running midreg and where it can be reached. */
interface Ready {
  readonly run: MidregRun;
  readonly sipPort: number;
  readonly admin: string;
  readonly data: string;
}

/** Starts it on a data directory, a new one by default, and waits until it is ready. */
async function startReady(
  args: readonly string[],
  { data = makeDirectory(), env = {} }: { data?: string; env?: Record<string, string> } = {},
): Promise<Ready> {
  const run = start([...args, "--data", data], env);
  const { listeners, admin } = await run.logged("ready");
  const [{ id }] = listeners as [{ id: string }];
  return { run, data, sipPort: Number(id.split(":").at(-1)), admin: String(admin) };
}

async function openRegistrar(): Promise<WireRegistrar> {
  const registrar = await WireRegistrar.openRegistrar();
  afterwards(async () => registrar.close());
  return registrar;
}

async function openPhone(user: string, sipPort: number): Promise<WirePhone> {
  const phone = await WirePhone.openPhone(user, sipPort);
  afterwards(async () => phone.close());
  return phone;
}

/** Arguments that lead to a refusal, with the line that it has to be. */
interface Refusal {
  readonly args: readonly string[];
  readonly line: RegExp;
  readonly code: number;
}

function exactly(text: string): RegExp {
  return new RegExp(`^${text.replaceAll(/[.*+?^${}()|[\]\\]/gu, String.raw`\$&`)}$`, "u");
}

const REFUSED: Readonly<Record<string, () => Refusal | Promise<Refusal>>> = {
  "a port in use": async () => {
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    await once(socket, "listening");
    afterwards(() => void socket.close());
    const place = `udp:127.0.0.1:${socket.address().port}`;
    const args = ["--upstream", NOBODY, "--listen", place, "--admin", "off"];
    const advice = "stop the other process or choose another port";
    return {
      args,
      line: exactly(`cannot listen on ${place}: the port is in use; ${advice}`),
      code: 1,
    };
  },
  "an admin port in use": async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    afterwards(() => void server.close());
    const address = server.address();
    const place = typeof address === "object" ? `127.0.0.1:${address?.port}` : "";
    const args = ["--upstream", NOBODY, ...ANY_PORTS.slice(0, 3), place];
    const advice = "choose another with --admin, or --admin off";
    return {
      args,
      line: exactly(`admin listener ${place}: the port is in use; ${advice}`),
      code: 1,
    };
  },
  "an address of another machine": () => {
    const place = "udp:192.0.2.1:5060";
    const args = ["--upstream", NOBODY, "--listen", place, "--admin", "off"];
    const reason = "this machine has no such address; listen on one it has";
    return { args, line: exactly(`cannot listen on ${place}: ${reason}`), code: 1 };
  },
  "a mistake in the configuration file": () => {
    const file = join(makeDirectory(), "midreg.yaml");
    writeFileSync(file, `upstream: ${NOBODY}\nmid_registrar:\n  outgoing_expire: 3600\n`);
    const problem = "mid_registrar.outgoing_expire: unknown setting";
    const meant = 'did you mean "outgoing_expires"?';
    return {
      args: ["--config", file],
      line: exactly(`${file}:3:3: ${problem}; ${meant}`),
      code: 3,
    };
  },
  "a flag nobody knows": () => ({
    args: ["--upstrem", NOBODY],
    line: exactly("unknown option '--upstrem' (Did you mean --upstream?); see midreg --help"),
    code: 2,
  }),
  "no main registrar": () => ({
    args: [],
    line: /^upstream: missing; say where the main registrar is: --upstream sip:HOST:PORT, .+$/u,
    code: 3,
  }),
};

const UNUSABLE_DATA: Readonly<Record<string, (directory: string) => [string, string | RegExp]>> = {
  "a file in place of the data directory": (directory) => {
    const path = join(directory, "file");
    writeFileSync(path, "");
    return [path, `data directory ${path}: cannot be made (a file is in the way); name another `];
  },
  "a data directory below a file": (directory) => {
    writeFileSync(join(directory, "file"), "");
    const path = join(directory, "file", "data");
    return [path, `data directory ${path}: cannot be made (a file is in the way); name another `];
  },
  "a data directory where none can be made": () => [
    "/proc/midreg",
    "data directory /proc/midreg: cannot be made (ENOENT); name another with --data",
  ],
  "a database that is none": (directory) => {
    writeFileSync(join(directory, "midreg.db"), "no database at all, and long enough".repeat(40));
    return [directory, `${directory}/midreg.db: the database is damaged (`];
  },
  "a database cut to nothing": (directory) => {
    writeFileSync(join(directory, "midreg.db"), "");
    return [directory, `${directory}/midreg.db: the database is damaged (the file is empty); `];
  },
  "a directory in place of the database": (directory) => {
    mkdirSync(join(directory, "midreg.db"));
    return [directory, `${directory}/midreg.db: the database cannot be `];
  },
  "the database of a newer midreg": (directory) => {
    const db = new Database(join(directory, "midreg.db"));
    db.exec("CREATE TABLE later (x); PRAGMA user_version = 999");
    db.close();
    const path = `${directory}/midreg.db`;
    return [directory, `${path}: the database has schema 999, and this midreg knows schemas up to`];
  },
  "a damaged install secret": (directory) => {
    writeFileSync(join(directory, "install.secret"), "half a sec");
    const advice = "restore it, or remove it and let every phone register anew";
    return [directory, `${directory}/install.secret: the install secret is damaged; ${advice}`];
  },
};

async function expectRefused(run: MidregRun, code: number): Promise<string> {
  expect(await run.ended()).toEqual({ code, signal: null });
  expect(run.stderr).toMatch(/^midreg: \P{Cc}+\n$/u);
  expect(run.stdout).not.toContain('"msg":"ready"');
  return run.stderr.slice("midreg: ".length, -1);
}

describe.concurrent("what keeps it from starting is one line on standard error", () => {
  test.each(Object.entries(REFUSED))("%s", async (_, prepare) => {
    const { args, line, code } = await prepare();
    const data = args.length > 2 ? ["--data", makeDirectory()] : [];
    const said = await expectRefused(start([...args, ...data]), code);
    expect(said).toMatch(line);
  });
});

describe.concurrent("data that cannot be used is one line on standard error", () => {
  test.each(Object.entries(UNUSABLE_DATA))("%s", async (_, prepare) => {
    const [data, line] = prepare(makeDirectory());
    const run = start(["--upstream", NOBODY, ...ANY_PORTS, "--data", data]);
    expect(await expectRefused(run, 1)).toContain(line);
  });

  test("data that another midreg works on, which is not disturbed", async () => {
    const first = await startReady(["--upstream", NOBODY, ...ANY_PORTS]);
    const second = start(["--upstream", NOBODY, ...ANY_PORTS, "--data", first.data]);
    const advice = "stop that one, or give this one its own data directory";
    expect(await expectRefused(second, 1)).toBe(
      `${first.data}/midreg.db: the database is in use by another process; ${advice}`,
    );
    expect((await fetch(`${first.admin}/livez`)).status).toBe(200);
  });
});

/** The ctid under which a main registrar gets to know a phone that registers through midreg. */
async function ctidOf(phone: WirePhone, registrar: WireRegistrar, port: number): Promise<string> {
  expect(statusOf(await phone.register({ port }))).toBe(200);
  const contact = registrar.contactOf(phone.address);
  return /;ctid=([0-9a-f]{16})$/u.exec(contact)?.[1] ?? contact;
}

describe.concurrent("it starts", () => {
  test("with flags only, and absorbs", async () => {
    const registrar = await openRegistrar();
    const upstream = `sip:127.0.0.1:${registrar.port}`;
    const { run, sipPort } = await startReady(["--upstream", upstream, ...ANY_PORTS]);
    const phone = await openPhone("alice", sipPort);
    expect(statusOf(await phone.register())).toBe(200);
    expect(statusOf(await phone.register())).toBe(200);
    expect(registrar.registers).toHaveLength(1);
    run.signal("SIGINT");
    expect(await run.ended()).toEqual({ code: 0, signal: null });
    expect(run.stderr).toBe("");
    expect(run.log.at(-1)).toMatchObject({ level: "info", msg: "stopped", isClean: true });
  });

  test("with a file, over which the environment and then a flag win", async () => {
    const [file, secret] = [join(makeDirectory(), "midreg.yaml"), join(makeDirectory(), "secret")];
    writeFileSync(secret, "a secret of the operator\n");
    const lines = [
      `upstream: ${NOBODY}`,
      "listen: udp:127.0.0.1:0",
      "admin: 127.0.0.1:0",
      `secret_file: ${secret}`,
      "auth: { absorb: open }",
      "log: { level: warn }",
    ];
    writeFileSync(file, lines.join("\n"));
    const env = {
      MIDREG_LOG__LEVEL: "info",
      MIDREG_UPSTREAM: "sip:127.0.0.1:10",
    };
    const args = ["run", "--config", file, "--upstream", "sip:127.0.0.1:11"];
    const { run, data } = await startReady(args, { env });
    expect(await run.logged("ready")).toMatchObject({
      upstream: "sip:127.0.0.1:11",
      absorb: "open",
      mode: "contact",
    });
    expect(existsSync(join(data, "install.secret"))).toBe(false);
  });

  test("with the environment only", async () => {
    const env = {
      MIDREG_UPSTREAM: NOBODY,
      MIDREG_LISTEN: "udp:127.0.0.1:0",
      MIDREG_ADMIN: "off",
      STATE_DIRECTORY: makeDirectory(),
    };
    const run = start([], env);
    expect(await run.logged("ready")).toMatchObject({ upstream: NOBODY, admin: "off" });
    expect(readdirSync(env.STATE_DIRECTORY)).toContain("midreg.db");
  });

  test("without an answer of the main registrar, and says so without being unready", async () => {
    const { admin } = await startReady(["--upstream", NOBODY, ...ANY_PORTS]);
    const ready = await fetch(`${admin}/readyz`);
    expect(ready.status).toBe(200);
    const { checks } = (await ready.json()) as { checks: Record<string, unknown> };
    expect(checks["upstream"]).toMatchObject({ ok: false, informational: true });
  });
});

test.concurrent.each([
  [
    ["check", "--upstream", "sip:10.0.0.2"],
    0,
    "midreg: the configuration is good\n",
    /^midreg: w/u,
  ],
  [["check"], 3, "", /^midreg: upstream: missing; .+\n$/u],
  [["version"], 0, `midreg ${VERSION}\n`, /^$/u],
])("midreg %j ends with %i", async (args, code, stdout, stderr) => {
  const run = start(args);
  expect(await run.ended()).toEqual({ code, signal: null });
  expect(run.stdout).toBe(stdout);
  expect(run.stderr).toMatch(stderr);
});

test.concurrent("midreg --help shows the flags and ends well", async () => {
  const run = start(["--help"]);
  expect(await run.ended()).toEqual({ code: 0, signal: null });
  expect(run.stdout).toMatch(/^Usage: midreg [^]*\n  --upstream URI [^]*\n  --absorb RULE /u);
});

test.concurrent("a ctid outlives a restart, and a re-install with the same secret", async () => {
  const registrar = await openRegistrar();
  const args = ["--upstream", `sip:127.0.0.1:${registrar.port}`, ...ANY_PORTS];
  const first = await startReady(args);
  const phone = await openPhone("alice", first.sipPort);
  const ctid = await ctidOf(phone, registrar, first.sipPort);
  expect(ctid).toMatch(/^[0-9a-f]{16}$/u);
  first.run.signal("SIGTERM");
  await first.run.ended();

  const installs = [first.data, makeDirectory(), makeDirectory()];
  copyFileSync(join(first.data, "install.secret"), join(installs[1] ?? "", "install.secret"));
  const seen = await Promise.all(
    installs.map(async (data) => {
      const other = await openRegistrar();
      const upstream = ["--upstream", `sip:127.0.0.1:${other.port}`];
      const { sipPort } = await startReady([...upstream, ...ANY_PORTS], { data });
      return ctidOf(phone, other, sipPort);
    }),
  );
  expect(seen.slice(0, 2)).toEqual([ctid, ctid]);
  expect(seen[2]).not.toBe(ctid);
});

describe.concurrent("SIGTERM", () => {
  test("lets REGISTERs that wait for a slow main registrar be answered, and takes no new ones", async () => {
    const registrar = await openRegistrar();
    registrar.delayMs = 1500;
    const args = ["--upstream", `sip:127.0.0.1:${registrar.port}`, "--admin", "127.0.0.1:0"];
    const { run, sipPort, admin, data } = await startReady([
      ...args,
      "--listen",
      "udp:127.0.0.1:0",
    ]);
    const users = ["a", "b", "c", "d", "e"];
    const phones = await Promise.all(users.map(async (user) => openPhone(user, sipPort)));
    const answers = Promise.all(phones.map(async (phone) => phone.register()));
    await waitUntil("all are under way", () => registrar.registers.length === 5, SOON);
    run.signal("SIGTERM");
    await run.logged("stopping");
    const late = await openPhone("late", sipPort);
    const lateAnswer = late.register();
    const ready = await fetch(`${admin}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({
      status: "not ready",
      checks: { listeners: { ok: false, detail: "draining" } },
    });
    expect((await answers).map((text) => statusOf(text))).toEqual([200, 200, 200, 200, 200]);
    expect(await run.ended()).toEqual({ code: 0, signal: null });
    expect(run.stderr).toBe("");
    expect(run.log.at(-1)).toMatchObject({ msg: "stopped", isClean: true });
    expect(registrar.countOf(late.address)).toBe(0);

    // Its retransmission finds the process that starts next, which knows the others.
    registrar.delayMs = 0;
    await startReady([...args, "--listen", `udp:127.0.0.1:${sipPort}`], { data });
    expect(statusOf(await lateAnswer)).toBe(200);
    const again = await Promise.all(phones.map(async (phone) => phone.register()));
    expect(again.map((text) => statusOf(text))).toEqual([200, 200, 200, 200, 200]);
    expect(registrar.registers).toHaveLength(6);
  });

  test("twice ends it at once", async () => {
    const registrar = await openRegistrar();
    registrar.isDeafTo = () => true;
    const upstream = `sip:127.0.0.1:${registrar.port}`;
    const { run, sipPort } = await startReady(["--upstream", upstream, ...ANY_PORTS]);
    const phone = await openPhone("alice", sipPort);
    const answer = phone.register();
    const isHeard = (): boolean => registrar.requests.some((text) => text.startsWith("REGISTER"));
    await waitUntil("the REGISTER is under way", isHeard, SOON);
    run.signal("SIGTERM");
    await run.logged("stopping");
    const askedAtMs = performance.now();
    run.signal("SIGTERM");
    expect(await run.ended()).toEqual({ code: 0, signal: null });
    expect(performance.now() - askedAtMs).toBeLessThan(5000);
    expect(run.log.at(-1)).toMatchObject({ msg: "stopped", isClean: false });
    phone.giveUp();
    await expect(answer).rejects.toThrow("no final response");
  });
});
