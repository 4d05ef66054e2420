import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { load, problemsOf } from "./load.ts";

const isOneLine = (problem: string): boolean => /^[^\p{Cc}]+$/u.test(problem);

const MISSING_UPSTREAM =
  "upstream: missing; say where the main registrar is: --upstream sip:HOST:PORT, or upstream: sip:HOST:PORT " +
  "in the configuration file, or MIDREG_UPSTREAM";

describe("a flag wins over the environment, that over the file, that over the default", () => {
  const yaml = "mid_registrar: {outgoing_expires: 100}";
  const MIDREG_CONFIG = "mid_registrar: {outgoing_expires: 200}";
  const MIDREG_MID_REGISTRAR__OUTGOING_EXPIRES = "300";
  const byFlag = { upstream: "sip:h", "outgoing-expires": "400" };

  test.each([
    ["default", {}, 3600],
    ["file", { yaml }, 100],
    ["MIDREG_CONFIG", { yaml, env: { MIDREG_CONFIG } }, 200],
    ["variable", { yaml, env: { MIDREG_CONFIG, MIDREG_MID_REGISTRAR__OUTGOING_EXPIRES } }, 300],
    [
      "flag",
      { yaml, env: { MIDREG_CONFIG, MIDREG_MID_REGISTRAR__OUTGOING_EXPIRES }, flags: byFlag },
      400,
    ],
  ])("%s", (_, given, expected) => {
    expect(load(given).settings.registrar.outgoingExpiresSec).toBe(expected);
  });

  test("sections are put together, lists are replaced", () => {
    const given = {
      yaml: "upstream: {uri: sip:a, trusted: [10.0.0.1], timeout: 3}\nlisten: [udp:10.0.0.1:1, udp:10.0.0.1:2]",
      env: { MIDREG_UPSTREAM__TRUSTED: "10.0.0.2 10.0.0.3", MIDREG_CONFIG: "upstream: sip:b" },
      flags: { listen: ["udp:10.0.0.1:3"] },
    };
    expect(load(given).settings).toMatchObject({
      upstream: { uri: "sip:b", trusted: ["10.0.0.2", "10.0.0.3"], timeoutMs: 3000 },
      listeners: [{ port: 3 }],
    });
  });

  test("every flag sets its setting", () => {
    const flags = {
      upstream: "sip:h",
      listen: ["udp:127.0.0.1:1", "udp:[::1]:2"],
      admin: "off",
      data: "/data",
      mode: "ct",
      "outgoing-expires": "2h",
      absorb: "open",
      "log-level": "error",
    };
    expect(load({ flags }).settings).toMatchObject({
      upstream: { uri: "sip:h" },
      listeners: [
        { address: "127.0.0.1", port: 1 },
        { address: "::1", port: 2 },
      ],
      admin: undefined,
      dataDir: "/data",
      registrar: { mode: "contact", outgoingExpiresSec: 7200, absorb: "open" },
      logLevel: "error",
    });
  });
});

describe("the environment", () => {
  test.each([
    ["MIDREG_DATA", "/x", { dataDir: "/x" }],
    ["MIDREG_LISTEN", "udp:127.0.0.1:1,udp:127.0.0.1:2", { listeners: [{ port: 1 }, { port: 2 }] }],
    ["MIDREG_ADMIN", "off", { admin: undefined }],
    ["MIDREG_ADMIN__LISTEN", "127.0.0.1:99", { admin: { port: 99 } }],
    ["MIDREG_UPSTREAM__TIMEOUT", "2", { upstream: { timeoutMs: 2000 } }],
    ["MIDREG_STORAGE__MODE", "memory", { storage: { mode: "memory" } }],
    ["MIDREG_DATA", "", { dataDir: "./.midreg" }],
  ])("%s=%s", (name, text, expected) => {
    expect(load({ env: { [name]: text } }).settings).toMatchObject(expected);
  });

  test.each([
    ["MIDREG_DAAT", "unknown variable; did you mean MIDREG_DATA?"],
    ["MIDREG_MID_REGISTRAR_MODE", "unknown variable; did you mean MIDREG_MID_REGISTRAR__MODE?"],
    [
      "MIDREG_OUTGOING_EXPIRES",
      "unknown variable; did you mean MIDREG_MID_REGISTRAR__OUTGOING_EXPIRES?",
    ],
    ["MIDREG_LOG", "unknown variable; did you mean MIDREG_LOG__LEVEL?"],
    ["MIDREG_ZZZZZZZZ", "unknown variable"],
  ])("%s is refused", (name, message) => {
    expect(problemsOf({ env: { [name]: "x" } })).toEqual([`${name}: ${message}`]);
  });

  test.each([
    "MIDREG_SERVICE_HOST",
    "MIDREG_SERVICE_PORT",
    "MIDREG_SERVICE_PORT_SIP_UDP",
    "MIDREG_PORT",
    "MIDREG_PORT_5060_UDP",
    "MIDREG_PORT_5060_UDP_ADDR",
    "MIDREG_ADMIN_PORT_8080_TCP_PROTO",
    "OTHER",
  ])("%s, as Kubernetes sets it, is left alone", (name) => {
    expect(problemsOf({ env: { [name]: "udp://10.0.0.1:5060" } })).toEqual([]);
  });

  test("a wrong value is reported under the name of the variable", () => {
    expect(problemsOf({ env: { MIDREG_AUTH__ABSORB: "opne" } })).toEqual([
      'MIDREG_AUTH__ABSORB: auth.absorb: must be one of proven, digest, open, not "opne"; did you mean "open"?',
    ]);
  });
});

describe("mistakes", () => {
  test("without an upstream, the message says how to give one", () => {
    expect(problemsOf({ flags: {} })).toEqual([MISSING_UPSTREAM]);
    expect(problemsOf({ flags: {}, yaml: "upstream:\n" })).toEqual([MISSING_UPSTREAM]);
    expect(problemsOf({ flags: {}, yaml: "log: {level: info}\nupstream: {timeout: 3}" })).toEqual([
      `midreg.yaml:2:11: ${MISSING_UPSTREAM}`,
    ]);
  });

  test("all of them are reported, in the order of the file, with line and column", () => {
    const yaml = [
      "upstream: sip:h",
      "mid_registrar:",
      "  outgoing_expire: 7200",
      "  mode: mirror",
      "  pinging_mode: 1",
      "outgoing_expires: 1",
      "constructor: 1",
      "__proto__: 1",
      "auth: {absorb: {a: 1}}",
      '"two\\nlines": 1',
    ].join("\n");
    expect(problemsOf({ yaml, flags: { mode: "aors" } })).toEqual([
      'midreg.yaml:3:3: mid_registrar.outgoing_expire: unknown setting; did you mean "outgoing_expires"?',
      "midreg.yaml:5:3: mid_registrar.pinging_mode: unknown setting; OpenSIPS has it, this version of midreg does not",
      'midreg.yaml:6:1: outgoing_expires: unknown setting; did you mean "mid_registrar.outgoing_expires"?',
      "midreg.yaml:7:1: constructor: unknown setting",
      "midreg.yaml:8:1: __proto__: unknown setting",
      "midreg.yaml:9:16: auth.absorb: must be one value",
      'midreg.yaml:10:1: "two\\nlines": unknown setting',
      '--mode: mid_registrar.mode: must be one of mirror, contact, aor, not "aors"; did you mean "aor"?',
    ]);
  });

  test("a mistake in one setting does not hide how others fit together", () => {
    const yaml = "mid_registrar: {extra_contact_params: ctid, mode: x}";
    expect(problemsOf({ yaml })).toEqual([
      'midreg.yaml:1:39: mid_registrar.extra_contact_params: must not have the parameter that contact_id_param names, not "ctid"',
      'midreg.yaml:1:51: mid_registrar.mode: must be one of mirror, contact, aor, not "x"',
    ]);
  });

  test("an endless report is cut", () => {
    const yaml = Array.from({ length: 60 }, (_, at) => `x${at}: 1`).join("\n");
    const problems = problemsOf({ yaml });
    expect(problems).toHaveLength(51);
    expect(problems.at(-1)).toBe("and 10 more");
  });

  test.each([
    ["no such file", "ENOENT", "no such file"],
    ["a directory", "EISDIR", "it is a directory"],
    ["no permission", "EACCES", "permission denied"],
    ["a broken disk", "EIO", "EIO"],
  ])("a configuration file that cannot be read: %s", (_, code, words) => {
    const files = { "midreg.yaml": Object.assign(new Error("x"), { code }) };
    const given = { files, flags: {} };
    expect(() => load({ ...given, configFile: "midreg.yaml" })).toThrow(
      `midreg.yaml: cannot be read: ${words}; give the path of a YAML file with --config`,
    );
  });

  test("MIDREG_CONFIG is reported with its lines", () => {
    expect(problemsOf({ env: { MIDREG_CONFIG: "log:\n  levl: info" } })).toEqual([
      'MIDREG_CONFIG:2:3: log.levl: unknown setting; did you mean "level"?',
    ]);
  });
});

describe("secrets", () => {
  const value = "correct horse battery";

  test.each([
    [
      "a file named by its twin",
      { yaml: "secret_file: /run/s", files: { "/run/s": `${value}\n` } },
    ],
    [
      "a file in the text",
      { yaml: "secret: '${file:/run/s}'", files: { "/run/s": `${value}\r\n` } },
    ],
    [
      "a variable in the text",
      { yaml: "secret: correct ${env:REST}", env: { REST: "horse battery" } },
    ],
    ["MIDREG_SECRET", { env: { MIDREG_SECRET: value } }],
    ["MIDREG_SECRET_FILE", { env: { MIDREG_SECRET_FILE: "/s" }, files: { "/s": value } }],
    [
      "the environment's file rather than the file's text",
      {
        yaml: "secret: 0123456789abcdef",
        env: { MIDREG_SECRET_FILE: "/s" },
        files: { "/s": value },
      },
    ],
  ])("come from %s", (_, given) => {
    expect(load(given).settings.secret).toBe(value);
  });

  test("older ones are a list, or the lines of a file", () => {
    const given = ["correct horse, battery", "staple correct horse"];
    const yaml = `secret_previous:\n${given.map((one) => `  - "${one}"\n`).join("")}`;
    expect(load({ yaml }).settings.olderSecrets).toEqual(given);
    const files = { "/old": `${given.join("\n")}\n\n` };
    expect(load({ yaml: "secret_previous_file: /old", files }).settings.olderSecrets).toEqual(
      given,
    );
    const env = { MIDREG_SECRET_PREVIOUS_FILE: "/old" };
    expect(load({ env, files }).settings.olderSecrets).toEqual(given);
  });

  test("any other text can come from a file or a variable too", () => {
    const given = {
      yaml: "listen: ['udp:${env:IP}:5060']\ndata: ${file:/d}",
      env: { IP: "10.0.0.1" },
      files: { "/d": "/data" },
    };
    expect(load(given).settings).toMatchObject({
      listeners: [{ address: "10.0.0.1" }],
      dataDir: "/data",
    });
  });

  test.each([
    [
      "both",
      "secret: 0123456789abcdef\nsecret_file: /s",
      "2:1: secret_file: given together with secret; give one of them",
    ],
    [
      "no such file",
      "secret_file: /none",
      "1:14: secret_file: the file /none cannot be read: no such file",
    ],
    [
      "no such variable",
      "data: ${env:NONE}",
      "1:7: data: the environment variable NONE is not set",
    ],
    [
      "no such file in a list",
      "listen: ['${file:/none}']",
      "1:10: listen[0]: the file /none cannot be read: no such file",
    ],
  ])("one line when there is a mistake: %s", (_, yaml, problem) => {
    expect(problemsOf({ yaml, files: { "/s": value } })).toEqual([`midreg.yaml:${problem}`]);
  });

  test.each([
    ["a short secret", { yaml: "secret: hunter2" }],
    ["a list of secrets", { yaml: "secret: [hunter2]" }],
    ["a secret that looks like an alias", { yaml: "secret: *hunter2" }],
    ["a secret that is not closed", { yaml: 'secret: "hunter2' }],
    ["a secret that is not quoted", { yaml: "secret: hunter2: hunter2" }],
    ["a secret with a tag", { yaml: "secret: !hunter2 x" }],
    ["a secret with a stray bracket", { yaml: "secret: hunter2\n]hunter2" }],
    [
      "a file that was meant for the secret",
      { yaml: "log: {level: '${file:/s}'}", files: { "/s": "hunter2" } },
    ],
    ["a variable that was meant for it", { yaml: "listen: '${env:S}'", env: { S: "hunter2" } }],
    ["the password of a URI", { yaml: "upstream: sip:me:hunter2@pbx", flags: {} }],
    ["a short secret in the environment", { env: { MIDREG_SECRET: "hunter2" } }],
    ["a short secret from before", { yaml: "secret_previous: [hunter2]" }],
    [
      "a short secret from before in a file",
      { yaml: "secret_previous_file: /s", files: { "/s": "hunter2\n" } },
    ],
    ["too many from before", { yaml: `secret_previous: [${"hunter2hunter2hunter2, ".repeat(4)}]` }],
  ])("are never shown: %s", (_, given) => {
    const problems = problemsOf(given);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.join("\n")).not.toContain("hunter2");
  });
});

describe("whatever the file holds, loading ends with settings or with a ConfigError", () => {
  const words = [
    "upstream",
    "listen",
    "mid_registrar",
    "mode",
    "secret",
    "admin",
    "__proto__",
    "x",
  ];
  const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
  const name = fc.oneof(fc.constantFrom(...words), fc.string());
  const tree = fc.letrec((tie) => ({
    node: fc.oneof({ maxDepth: 4 }, leaf, tie("list"), tie("section")),
    list: fc.array(tie("node"), { maxLength: 4 }),
    section: fc.dictionary(name, tie("node"), { maxKeys: 6 }),
  })).section;
  const fragments = [
    ": ",
    "- ",
    "\n",
    "  ",
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "!!map ",
    "|",
    ">",
    '"',
    "'",
    "? ",
    "---\n",
  ];
  const noise = fc
    .array(fc.oneof(fc.constantFrom(...fragments, ...words), fc.string({ maxLength: 5 })), {
      maxLength: 30,
    })
    .map((parts) => parts.join(""));

  test("sections, lists and values in any arrangement", () => {
    fc.assert(
      fc.property(tree, (value) => {
        expect(problemsOf({ yaml: JSON.stringify(value) }).every(isOneLine)).toBe(true);
      }),
    );
  });

  test("text that is hardly YAML", () => {
    fc.assert(
      fc.property(noise, (yaml) => {
        expect(problemsOf({ yaml }).every(isOneLine)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ["thousands of brackets", "[".repeat(50_000)],
    ["brackets that close", `a: ${"[".repeat(30)}${"]".repeat(30)}`],
    ["an alias of itself", "a: &a [*a]"],
    ["a merge key", "<<: {mode: x}"],
    ["a mapping as a name", "? {a: b}\n: c"],
    ["two documents", "a: 1\n---\nb: 2"],
    ["too much", "#".repeat(300_000)],
    ["a list", "- a"],
    ["a word", "midreg"],
    ["the same setting twice", "data: /a\ndata: /b"],
    ["tabs", "log:\n\tlevel: info"],
  ])("%s", (_, yaml) => {
    expect(problemsOf({ yaml }).length).toBeGreaterThan(0);
  });

  test.each([
    ["nothing", ""],
    ["a comment", "# midreg"],
    ["a byte order mark", "\uFEFFdata: /x"],
    ["JSON", '{"data": "/x"}'],
  ])("fine: %s", (_, yaml) => {
    expect(problemsOf({ yaml })).toEqual([]);
  });
});
