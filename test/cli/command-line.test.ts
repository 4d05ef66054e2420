import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Command, parseCommandLine } from "../../src/cli/command-line.ts";

const run = (flags: object, configFile?: string): object => ({ kind: "run", configFile, flags });

const operate = (operation: object): object => ({
  kind: "operate",
  operation,
  admin: undefined,
  configFile: undefined,
  isJson: false,
});

test.each<[line: string, expected: object]>([
  ["", run({})],
  ["run", run({})],
  ["--upstream sip:h:5060", run({ upstream: "sip:h:5060" })],
  ["run --upstream sip:h", run({ upstream: "sip:h" })],
  ["--upstream=sip:h", run({ upstream: "sip:h" })],
  ["--listen udp:127.0.0.1:1", run({ listen: ["udp:127.0.0.1:1"] })],
  [
    "--listen udp:127.0.0.1:1 --listen udp:[::1]:2",
    run({ listen: ["udp:127.0.0.1:1", "udp:[::1]:2"] }),
  ],
  ["--admin off", run({ admin: "off" })],
  ["--data /x --mode contact", run({ data: "/x", mode: "contact" })],
  ["--outgoing-expires 7200", run({ "outgoing-expires": "7200" })],
  ["--absorb open --log-level debug", run({ absorb: "open", "log-level": "debug" })],
  ["--config midreg.yaml", run({}, "midreg.yaml")],
  ["run --config a.yaml --upstream sip:h", run({ upstream: "sip:h" }, "a.yaml")],
  ["check --config a.yaml", { kind: "check", configFile: "a.yaml", flags: {} }],
  ["check --mode ct", { kind: "check", configFile: undefined, flags: { mode: "ct" } }],
  [
    "credential import users --data /x",
    {
      kind: "credential",
      action: { name: "import", file: "users" },
      configFile: undefined,
      dataDir: "/x",
    },
  ],
  [
    "credential set alice sip.test --config a.yaml",
    {
      kind: "credential",
      action: { name: "set", username: "alice", realm: "sip.test", algorithm: undefined },
      configFile: "a.yaml",
      dataDir: undefined,
    },
  ],
  [
    "credential rm alice sip.test",
    {
      kind: "credential",
      action: { name: "rm", username: "alice", realm: "sip.test" },
      configFile: undefined,
      dataDir: undefined,
    },
  ],
  [
    "credential list",
    { kind: "credential", action: { name: "list" }, configFile: undefined, dataDir: undefined },
  ],
  [
    "secret rotate --data /x",
    { kind: "secret", action: "rotate", configFile: undefined, dataDir: "/x" },
  ],
  [
    "secret forget --config a.yaml",
    { kind: "secret", action: "forget", configFile: "a.yaml", dataDir: undefined },
  ],
  ["aor list", operate({ name: "list", prefix: "", limit: undefined })],
  ["aor list --prefix al --limit 5", operate({ name: "list", prefix: "al", limit: "5" })],
  ["aor dump --json", { ...operate({ name: "dump", prefix: "" }), isJson: true }],
  ["aor show a@b", operate({ name: "show", aor: "a@b" })],
  [
    "aor show a@b --admin 127.0.0.1:1",
    { ...operate({ name: "show", aor: "a@b" }), admin: "127.0.0.1:1" },
  ],
  ["aor rm --config m.yaml a@b", { ...operate({ name: "rm", aor: "a@b" }), configFile: "m.yaml" }],
  ["aor rm-contact a@b c1", operate({ name: "rm-contact", aor: "a@b", contact: "c1" })],
  [
    "aor add a@b sip:c --expires 60 --q 0.5",
    operate({ name: "add", aor: "a@b", contact: "sip:c", expires: "60", q: "0.5" }),
  ],
  ["resync", operate({ name: "resync", aor: undefined, upstream: undefined, rate: undefined })],
  [
    "resync --aor a@b --upstream h --rate 5",
    operate({ name: "resync", aor: "a@b", upstream: "h", rate: "5" }),
  ],
  ["resync --status", operate({ name: "resync-status" })],
  ["resync --stop", operate({ name: "resync-stop" })],
  ["push test a@b", operate({ name: "push-test", aor: "a@b", contact: undefined })],
  ["push test a@b --contact c1", operate({ name: "push-test", aor: "a@b", contact: "c1" })],
  ["version", { kind: "version" }],
  ["--version", { kind: "version" }],
  ["-V", { kind: "version" }],
])("midreg %s", (line, expected) => {
  expect(parseCommandLine(line.split(" ").filter((word) => word !== ""))).toEqual(expected);
});

test.each<[line: string, reason: string]>([
  ["chekc", "unknown command 'chekc' (Did you mean check?)"],
  ["restart", "unknown command 'restart'"],
  ["--upstrem sip:h", "unknown option '--upstrem' (Did you mean --upstream?)"],
  [
    "check --outgoing-expire 1",
    "unknown option '--outgoing-expire' (Did you mean --outgoing-expires?)",
  ],
  ["--zzz", "unknown option '--zzz'"],
  ["credential set alice", "missing required argument 'REALM'"],
  ["secret rotat", "unknown command 'rotat' (Did you mean rotate?)"],
  ["credential lst", "unknown command 'lst' (Did you mean list?)"],
  ["--upstream", "option '--upstream <URI>' argument missing"],
  [
    "--upstream sip:h check",
    "unexpected argument: a command goes first, a value right after its flag",
  ],
  ["aor show", "missing required argument 'AOR'"],
  ["aor rm a@b c", "unexpected argument: a command goes first, a value right after its flag"],
  ["aor lsit", "unknown command 'lsit' (Did you mean list?)"],
  ["resync --rte 5", "unknown option '--rte' (Did you mean --rate?)"],
  ["run x", "unexpected argument: a command goes first, a value right after its flag"],
])("midreg %s is a usage error in one line", (line, reason) => {
  expect(parseCommandLine(line.split(" "))).toEqual({
    kind: "usage-error",
    text: `midreg: ${reason}; see midreg --help\n`,
    exitCode: 2,
  });
});

/** The help that a command line asks for; empty when it asks for something else. */
function helpOf(line: string): string {
  const command = parseCommandLine(line.split(" "));
  return command.kind === "help" ? command.text : "";
}

describe("help", () => {
  test.each(["--help", "-h", "help"])("midreg %s shows the commands and every flag", (line) => {
    const text = helpOf(line);
    for (const name of ["run", "check", "version"]) expect(text).toContain(`\n  ${name}`);
    const flags = [
      "--config",
      "--upstream",
      "--listen",
      "--admin",
      "--data",
      "--mode",
      "--outgoing-expires",
      "--absorb",
      "--log-level",
    ];
    for (const flag of flags) expect(text).toContain(`\n  ${flag} `);
  });

  test.each(["run --help", "check -h", "help run", "--upstream sip:h --help"])(
    "midreg %s shows the flags",
    (line) => {
      expect(helpOf(line)).toMatch(/^Usage: midreg (run|check) \[options\]\n[^]*--upstream <URI>/u);
    },
  );
});

test("whatever is typed, the answer is a command, and nothing is printed or ended", () => {
  const word = fc.oneof(
    fc.constantFrom(
      "run",
      "check",
      "version",
      "help",
      "--upstream",
      "--config",
      "--listen",
      "-",
      "--",
      "-x",
      "--no-data",
    ),
    fc.string(),
  );
  const kinds: Command["kind"][] = ["run", "check", "version", "help", "usage-error"];
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (argv) => {
      const command = parseCommandLine(argv);
      const line = command.kind === "usage-error" ? command.text : "midreg: fine\n";
      expect(kinds).toContain(command.kind);
      expect(line).toMatch(/^midreg: \P{Cc}+\n$/u);
    }),
    { numRuns: 300 },
  );
});
