import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runProgram } from "../../src/cli/program.ts";
import { makeTempDirectory } from "./temp-directory.ts";

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the program with these arguments; it is asked to stop as soon as it listens for that. */
async function run(
  argv: readonly string[],
  env: Record<string, string> = {},
  input = "",
): Promise<Ran> {
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
    readInput: () => input,
    onceStopped: (stop) => stop("SIGTERM"),
    onReload: () => undefined,
  });
  return { code, ...written };
}

const UPSTREAM = ["--upstream", "sip:127.0.0.1:5070"];

test.each([
  [["version"], /^midreg \d+\.\d+\.\d+\n$/u],
  [["--version"], /^midreg \d+\.\d+\.\d+\n$/u],
  [["--help"], /^Usage: midreg [^]*--outgoing-expires/u],
  [["check", ...UPSTREAM], /^midreg: the configuration is good\n$/u],
])("%j writes to standard output and ends well", async (argv, out) => {
  const ran = await run(argv);
  expect(ran).toMatchObject({ code: 0, out: expect.stringMatching(out) });
});

test("check warns on standard error about what is legal and probably not meant", async () => {
  const { code, err } = await run(["check", ...UPSTREAM, "--absorb", "open"]);
  expect(code).toBe(0);
  expect(err).toContain("midreg: warning: auth.absorb: open: any host that knows a contact");
});

test.each([
  ["a flag nobody knows", ["--upstrem", "sip:h"], 2, "unknown option '--upstrem'"],
  ["a command nobody knows", ["chekc"], 2, "unknown command 'chekc'"],
  ["no main registrar", ["run"], 3, "upstream: missing; say where the main registrar is"],
  ["no main registrar to check", ["check"], 3, "upstream: missing"],
  ["a value out of range", ["check", ...UPSTREAM, "--mode", "ct2"], 3, "mid_registrar.mode: "],
  ["a file that is not there", ["--config", "/nowhere/x.yaml"], 3, "/nowhere/x.yaml: "],
])("%s is one line on standard error, and nothing starts", async (_, argv, code, line) => {
  const ran = await run(argv);
  expect(ran).toMatchObject({ code, out: "" });
  expect(ran.err).toMatch(/^midreg: \P{Cc}+\n$/u);
  expect(ran.err).toContain(line);
});

test("every mistake of a file has its own line with the place", async () => {
  const path = join(makeTempDirectory(), "midreg.yaml");
  writeFileSync(path, "upstream: sip:10.0.0.2\nlisten: 5060\nlog: { levl: info }\n");
  const { code, err } = await run(["check", "--config", path]);
  expect(code).toBe(3);
  const places = err.split("\n").map((line) => line.slice("midreg: ".length).split(": ", 1)[0]);
  expect(places).toEqual([`${path}:2:9`, `${path}:3:8`, ""]);
});

test("check reads the files that the settings name, and tells what is wrong with each", async () => {
  const directory = makeTempDirectory();
  const path = join(directory, "midreg.yaml");
  const users = join(directory, "users.htdigest");
  const secret = join(directory, "webhook.secret");
  writeFileSync(
    path,
    `upstream: sip:10.0.0.2
listen: ["udp:127.0.0.1:5060", "tls:127.0.0.1:5061"]
tls: { certificates: [{ cert: ${directory}/a.pem, key: ${directory}/a.key }] }
auth: { absorb: digest, credentials_file: ${users} }
mid_registrar: { pn_enable: true }
push: { providers: { http: [{ name: acme, url: "https://push.test/", secret: ${secret} }] } }
`,
  );
  writeFileSync(users, "alice:sip.test:not-a-hash\n");
  const { code, out, err } = await run(["check", "--config", path]);
  expect({ code, out }).toEqual({ code: 3, out: "" });
  const lines = err
    .trimEnd()
    .split("\n")
    .filter((line) => !line.includes("warning"));
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(/^midreg: \S+users\.htdigest:1: /u);
  expect(lines[1]).toMatch(/^midreg: cannot read \S+a\.pem: /u);
  expect(lines[2]).toMatch(/^midreg: \S+webhook\.secret: cannot be read \(ENOENT\)/u);
  expect(err).not.toContain("not-a-hash");
});

test("run starts, drains when it is told to stop, and ends well", async () => {
  const env = { MIDREG_STORAGE__MODE: "memory", MIDREG_SECRET: "a secret for this test" };
  const flags = ["--listen", "udp:127.0.0.1:0", "--admin", "off", "--log-level", "silent"];
  expect(await run([...UPSTREAM, ...flags], env)).toEqual({ code: 0, out: "", err: "" });
});

test("run that cannot start says why in one line and fails", async () => {
  const path = join(makeTempDirectory(), "file");
  writeFileSync(path, "");
  const ran = await run([...UPSTREAM, "--admin", "off", "--log-level", "silent", "--data", path]);
  expect(ran).toMatchObject({ code: 1, out: "" });
  expect(ran.err).toMatch(
    /^midreg: data directory \S+: cannot be made \(a file is in the way\); .+\n$/u,
  );
});
