import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runProgram } from "../../src/cli/program.ts";
import { documentSchema, type RuleSetting } from "../../src/config/settings.ts";
import { settingNames } from "../../src/config/settings-shape.ts";
import { makeTempDirectory } from "./temp-directory.ts";

const CONFIG = `
upstream: sip:10.0.0.2
listen: [udp:10.0.0.1:5060, "udp:[::1]:5070"]
mid_registrar: {outgoing_expires: 2h, min_expires: 60}
rules:
  - name: office
    match: {source: 10.0.0.0/8}
  - name: yealink
    match: {user_agent: Yealink*, domain: example.com}
    set: {outgoing_expires: 4h, min_expires_mode: reject, default_q: 0.5, attr: desk}
  - name: alice
    match: {aor: alice@*}
  - name: other side
    match: {listener: "udp:[::1]:5070"}
`;

const REGISTER = [
  "REGISTER sip:example.com SIP/2.0",
  "Via: SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bK-1;received=198.51.100.7",
  "From: <sip:alice@example.com>;tag=1",
  "To: <sip:alice@example.com>",
  "Call-ID: c",
  "CSeq: 1 REGISTER",
  "Contact: <sip:alice@192.168.1.5>;expires=600",
  "User-Agent: Yealink SIP-T46S",
  "Content-Length: 0",
  "",
  "",
].join("\r\n");

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function explain(register: string | undefined, ...more: string[]): Promise<Ran> {
  return explainWith(CONFIG, register, ...more);
}

async function explainWith(
  configuration: string,
  register: string | undefined,
  ...more: string[]
): Promise<Ran> {
  const directory = makeTempDirectory();
  const [config, file] = [join(directory, "midreg.yaml"), join(directory, "register.txt")];
  writeFileSync(config, configuration);
  if (register !== undefined) writeFileSync(file, register, "latin1");
  const written = { out: "", err: "" };
  const code = await runProgram({
    argv: ["explain", "--config", config, "--register", file, ...more],
    env: {},
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text.replaceAll(file, "FILE");
    },
    onceStopped: () => undefined,
    onReload: () => undefined,
    readInput: () => "",
  });
  return { code, ...written };
}

describe("midreg explain", () => {
  test("prints each rule with its verdict, and the settings in force", async () => {
    expect(await explain(REGISTER)).toEqual({
      code: 0,
      err: "",
      out: `REGISTER for alice@example.com from 198.51.100.7 to udp:10.0.0.1:5060

Rules:
  1. office: no match: source 198.51.100.7 is not in 10.0.0.0/8
  2. yealink: MATCH
  3. alice: would match, but rule 2 comes first
  4. other side: no match: listener udp:10.0.0.1:5060 is not udp:[::1]:5070

In force, * by rule yealink:
  mode                    contact
* outgoing_expires        14400
  min_expires             60
* min_expires_mode        reject
  default_expires         3600
  max_expires             3600
  expires_max_deviation   0
  expires_range           0
  default_expires_range   0
* default_q               0.5
  max_contacts            0
  max_contacts_policy     refuse
  matching_mode           contact
  path_mode               lazy
  outbound_mode           supported
  regid_mode              no
  flow_timer              0
  only_request_contacts   no
  extra_contact_params    none
* attr                    desk
  pn_enable               no
  pn_enable_purr          no
  pn_pnsreg_interval      130
  pn_unsupported          forward
  fork                    all
  group_ring_time         20
  no_branches             no
  no_contact_status       404
  method_filtering        no
  ua_filtering            none
  max_ping_latency        0
  sort_by_latency         no
  ping                    auto
  absorb                  proven
  upstream                main
`,
    });
  });

  // Of everything that a rule may set, a value that is not the default.
  const OTHERS: Readonly<Record<RuleSetting, readonly [given: string, shown: string]>> = {
    mode: ["aor", "aor"],
    outgoing_expires: ["2h", "7200"],
    min_expires: ["20", "20"],
    min_expires_mode: ["reject", "reject"],
    default_expires: ["300", "300"],
    max_expires: ["10m", "600"],
    expires_max_deviation: ["7", "7"],
    expires_range: ["10", "10"],
    default_expires_range: ["15", "15"],
    default_q: ["0.5", "0.5"],
    max_contacts: ["3", "3"],
    max_contacts_policy: ["evict-oldest", "evict-oldest"],
    matching_mode: ["instance", "instance"],
    path_mode: ["off", "off"],
    outbound_mode: ["required", "required"],
    regid_mode: ["yes", "yes"],
    flow_timer: ["120", "120"],
    only_request_contacts: ["yes", "yes"],
    extra_contact_params: [";x=y", ";x=y"],
    attr: ["desk", "desk"],
    pn_enable: ["yes", "yes"],
    pn_enable_purr: ["yes", "yes"],
    pn_pnsreg_interval: ["200", "200"],
    pn_unsupported: ["reject", "reject"],
    fork: ["by-q", "by-q"],
    group_ring_time: ["7", "7"],
    no_branches: ["yes", "yes"],
    no_contact_status: ["480", "480"],
    method_filtering: ["yes", "yes"],
    ua_filtering: ["Yealink*", "Yealink*"],
    max_ping_latency: ["300ms", "300ms"],
    sort_by_latency: ["yes", "yes"],
    ping: ["never", "never"],
    absorb: ["open", "open"],
    upstream: ["second", "second"],
  };
  const NAMES = settingNames(documentSchema, ["rules", 0, "set"]);

  test("shows everything that a rule may set, in the order of the schema", async () => {
    const { out } = await explain(REGISTER);
    const [, shown = ""] = out.split("In force, * by rule yealink:\n");
    expect(shown.match(/^[* ] \w+/gmu)?.map((line) => line.slice(2))).toEqual(NAMES);
  });

  test.each(NAMES)("marks %s where the rule sets it", async (name) => {
    const [given, shown] = OTHERS[name as RuleSetting];
    const configuration = `
upstream: sip:10.0.0.2
upstreams: [{name: second, uri: "sip:10.0.0.3"}]
rules: [{name: one, set: {${name}: "${given}"}}]
`;
    const { out, err } = await explainWith(configuration, REGISTER);
    expect(err).toBe("");
    expect(out.split("\n")).toContain(`* ${name.padEnd(24)}${shown}`);
  });

  test.each([
    ["--source", "10.9.9.9:5060", "  1. office: MATCH\n"],
    ["--source", "10.9.9.9", "  1. office: MATCH\n"],
    ["--source", "[2001:db8::1]:5060", "source 2001:db8::1 is not in 10.0.0.0/8\n"],
    ["--source", "2001:db8::1", "source 2001:db8::1 is not in 10.0.0.0/8\n"],
    ["--listener", "udp:[::1]:5070", "  4. other side: would match, but rule 2 comes first\n"],
  ])("with %s %s", async (flag, value, line) => {
    const { code, out } = await explain(REGISTER, flag, value);
    expect(code).toBe(0);
    expect(out).toContain(line);
  });

  test("takes a file with LF and without an end", async () => {
    const text = `\n${REGISTER.replaceAll("\r\n", "\n").trim()}`;
    expect((await explain(text)).out).toBe((await explain(REGISTER)).out);
  });

  test("says when no rule matches", async () => {
    const text = REGISTER.replaceAll("alice", "bob").replace("Yealink", "Snom");
    const { out } = await explain(text);
    expect(out).toContain(
      "In force, without a rule:\n  mode                    contact\n  outgoing_expires        7200\n",
    );
    expect(out).toContain('  3. alice: no match: aor "bob@example.com" is not like alice@*\n');
  });

  test("says when the REGISTER is refused right away", async () => {
    const { code, out } = await explain(REGISTER.replace("expires=600", "expires=30"));
    expect(code).toBe(0);
    expect(out).toMatch(/\n\nIt is refused with 423 Interval Too Brief\.\n$/u);
  });

  test.each([
    ["its sender", "<sip:198.51.100.7;lr>", false],
    ["midreg, and its sender behind it", "<sip:10.0.0.1;lr>, <sip:198.51.100.7;lr>", false],
    ["another", "<sip:203.0.113.9;lr>", true],
    ["another behind midreg", "<sip:[::1]:5070;lr>, <sip:203.0.113.9;lr>", true],
  ])("says whether a Path to %s is refused", async (_, path, isRefused) => {
    const text = REGISTER.replace("User-Agent", `Path: ${path}\r\nUser-Agent`);
    const { out } = await explain(text.replace("expires=600", "expires=900"));
    expect(out.includes("It is refused with 403 Path leads elsewhere.")).toBe(isRefused);
  });

  test.each<[string, string | undefined, readonly string[], string]>([
    ["no file", undefined, [], "cannot be read: no such file"],
    [
      "no message",
      "hello",
      [],
      "holds no REGISTER: a request line, Via and the other headers, as text",
    ],
    [
      "another method",
      REGISTER.replaceAll("REGISTER", "OPTIONS"),
      [],
      "holds no REGISTER: a request line, Via and the other headers, as text",
    ],
    [
      "a malformed one",
      REGISTER.replace("CSeq: 1", "CSeq: x"),
      [],
      expect.stringMatching(/^malformed: .+$/u) as string,
    ],
    [
      "a source that is none",
      REGISTER,
      ["--source", "h:5060"],
      '--source must be ADDRESS or ADDRESS:PORT, not "h:5060"',
    ],
    [
      "a Via that names a host",
      REGISTER.replace(";received=198.51.100.7", "").replace("192.168.1.5:5060;", "h.test;"),
      [],
      '--source must be ADDRESS or ADDRESS:PORT, not "the Via names h.test"',
    ],
    [
      "another listener",
      REGISTER,
      ["--listener", "udp:1.1.1.1:1"],
      "--listener must be one of udp:10.0.0.1:5060, udp:[::1]:5070",
    ],
  ])("with %s fails in one line", async (_, register, flags, reason) => {
    const { code, out, err } = await explain(register, ...flags);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err.replace(/^midreg: FILE: /u, "").replace(/\n$/u, "")).toEqual(reason);
  });

  test("wants to know which REGISTER", async () => {
    const written: string[] = [];
    const code = await runProgram({
      argv: ["explain"],
      env: {},
      out: () => undefined,
      err: (text) => written.push(text),
      onceStopped: () => undefined,
      onReload: () => undefined,
      readInput: () => "",
    });
    expect(code).toBe(2);
    expect(written).toEqual([
      "midreg: required option '--register <FILE>' not specified; see midreg --help\n",
    ]);
  });
});
