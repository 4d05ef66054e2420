import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Settings } from "../../src/config/settings.ts";
import { settingsJsonSchema } from "../../src/config/settings-json-schema.ts";
import { load, problemsOf } from "./load.ts";

/** The first rule of a configuration whose rules begin with this one. */
function ruleOf(yaml: string, rest = ""): Settings["rules"][number] | undefined {
  return load({ yaml: `${rest}\nrules:\n  - {name: first, ${yaml}}\n` }).settings.rules[0];
}

describe("a rule", () => {
  test("in full", () => {
    const yaml = `
listen: [udp:10.0.0.1:5060, "udp:[::1]:5070"]
mid_registrar: {outgoing_expires: 2h, min_expires: 30, max_contacts: 5}
rules:
  - name: desk phones
    match:
      domain: example.com
      aor: ['1*', '/^2[0-9]{2}@/']
      user_agent: Yealink SIP-T46*, all of them
      source: [10.0.0.0/8, 2001:db8::/32, 192.0.2.7]
      listener: udp:10.0.0.1
      transport: udp
      push: no
    set: {outgoing_expires: 4h, expires_range: 20, absorb: open, attr: "desk, floor 3"}
  - name: the rest
`;
    const { rules, registrar, lookup } = load({ yaml }).settings;
    expect(rules).toEqual([
      {
        name: "desk phones",
        match: {
          domain: ["example.com"],
          aor: ["1*", "/^2[0-9]{2}@/"],
          userAgent: ["Yealink SIP-T46*, all of them"],
          source: ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"],
          listener: ["udp:10.0.0.1:5060"],
          transport: ["udp"],
          push: false,
        },
        registrar: {
          ...registrar,
          outgoingExpiresSec: 14_400,
          expiresRangePercent: 20,
          absorb: "open",
          attr: "desk, floor 3",
        },
        lookup,
        ping: "auto",
      },
      { name: "the rest", match: {}, registrar, lookup, ping: "auto" },
    ]);
    expect(registrar).toMatchObject({
      outgoingExpiresSec: 7200,
      minExpiresSec: 30,
      absorb: "proven",
    });
  });

  test("has its lifetimes fitted to each other together with the general ones", () => {
    const rest = "mid_registrar: {max_expires: 600, default_expires: 300}";
    expect(ruleOf("set: {min_expires: 900}", rest)?.registrar).toMatchObject({
      minExpiresSec: 900,
      maxExpiresSec: 900,
      defaultExpiresSec: 900,
    });
  });

  test("may set how devices are chosen for calls", () => {
    const set = [
      "fork: by-q",
      "group_ring_time: 7",
      "no_contact_status: 480",
      "method_filtering: on",
      "ua_filtering: Yealink*",
      "max_ping_latency: 200ms",
      "sort_by_latency: on",
    ];
    expect(ruleOf(`set: {${set.join(", ")}}`, "lookup: {no_branches: true}")?.lookup).toEqual({
      fork: "by-q",
      ringMs: 7000,
      noContactStatus: 480,
      filtersMethods: true,
      userAgent: "Yealink*",
      maxLatencyMs: 200,
      sortsByLatency: true,
      serveExpiredMs: 0,
    });
    expect(ruleOf("set: {no_branches: yes}")?.lookup).toMatchObject({ fork: "best" });
    expect(ruleOf("set: {max_contacts: 1}", "lookup: {fork: best}")?.lookup).toMatchObject({
      fork: "best",
    });
  });

  test("may set everything that holds for single registrations", () => {
    const set = [
      "mode: contact",
      "min_expires_mode: reject",
      "default_expires: 120",
      "max_expires: 240",
      "expires_max_deviation: 7",
      "default_expires_range: 9",
      "default_q: 0.3",
      "max_contacts: 2",
      "max_contacts_policy: evict-oldest",
      "matching_mode: instance",
      "path_mode: strict",
      "only_request_contacts: true",
      "extra_contact_params: site=b",
    ];
    expect(ruleOf(`set: {${set.join(", ")}}`)?.registrar).toMatchObject({
      mode: "contact",
      minExpiresMode: "reject",
      defaultExpiresSec: 120,
      maxExpiresSec: 240,
      expiresMaxDeviationSec: 7,
      defaultExpiresRangePercent: 9,
      defaultQ: 0.3,
      maxContacts: 2,
      maxContactsPolicy: "evict-oldest",
      matchingMode: "instance",
      pathMode: "strict",
      onlyRequestContacts: true,
      extraContactParams: ";site=b",
    });
  });
});

const PATTERN = "must be a glob such as Yealink*, or a regular expression such as /^T4[68]/i";

test.each<[yaml: string, problems: readonly string[]]>([
  [
    "match: {usr_agent: x}",
    ['4:11: rules[0].match.usr_agent: unknown setting; did you mean "user_agent"?'],
  ],
  [
    "set: {outgoing_expire: 5}",
    ['4:9: rules[0].set.outgoing_expire: unknown setting; did you mean "outgoing_expires"?'],
  ],
  ["set: {storage: memory}", ["4:9: rules[0].set.storage: unknown setting"]],
  [
    "match: {aor: '/(a/'}",
    [`4:16: rules[0].match.aor[0]: ${PATTERN}, not "/(a/"; it has a ( without its )`],
  ],
  [
    "match: {user_agent: [ok, '/a/x']}",
    [`4:28: rules[0].match.user_agent[1]: ${PATTERN}, not "/a/x"; it has a flag other than i`],
  ],
  ["match: {aor: []}", ["4:16: rules[0].match.aor: must have at least one item"]],
  [
    "match: {source: 10.0.0.0/33}",
    [
      '4:19: rules[0].match.source[0]: must be an IP address or NETWORK/BITS such as 10.0.0.0/8 or 2001:db8::/32, not "10.0.0.0/33"',
    ],
  ],
  [
    "match: {source: '::ffff:10.0.0.0/104'}",
    [
      '4:19: rules[0].match.source[0]: must be an IP address or NETWORK/BITS such as 10.0.0.0/8 or 2001:db8::/32, not "::ffff:10.0.0.0/104"; write the IPv4 address by itself',
    ],
  ],
  [
    "match: {listener: udp:10.0.0.1:5070}",
    ['4:21: rules[0].match.listener[0]: must be one of udp:0.0.0.0:5060, not "udp:10.0.0.1:5070"'],
  ],
  [
    "match: {transport: sctp}",
    ['4:22: rules[0].match.transport[0]: must be one of udp, tcp, tls, ws, wss, not "sctp"'],
  ],
  ["match: {push: maybe}", ['4:17: rules[0].match.push: must be true or false, not "maybe"']],
  [
    "set: {extra_contact_params: ctid=1}",
    [
      '4:31: rules[0].set.extra_contact_params: must not have the parameter that contact_id_param names, not "ctid=1"',
    ],
  ],
])("rules: {name: r, %s} is refused with its place", (yaml, problems) => {
  const lines = problemsOf({ yaml: `\nrules:\n -\n  ${yaml}\n  name: r\n` });
  expect(lines).toEqual(problems.map((problem) => `midreg.yaml:${problem}`));
});

test.each([
  [
    "one that is no section",
    "rules: 5",
    "midreg.yaml:1:8: rules[0]: must be a section: lines of the form setting: value",
  ],
  ["one without a name", "rules: [{match: {aor: x}}]", "midreg.yaml:1:9: rules[0].name: missing"],
  [
    "two of one name",
    "rules: [{name: a}, {name: a}]",
    'midreg.yaml:1:27: rules[1].name: must not be given twice, not "a"',
  ],
  [
    "more than a hundred",
    `rules: [${"{name: x},".repeat(101)}]`,
    "midreg.yaml:1:8: rules: must have at most 100 items",
  ],
  [
    "too many patterns",
    `rules: [${Array.from({ length: 9 }, (_, at) => `{name: r${at}, match: {aor: [${"x,".repeat(32)}]}},`).join("")}]`,
    "midreg.yaml:1:8: rules: must have at most 256 patterns together",
  ],
])("rules are refused: %s", (_, yaml, problem) => {
  expect(problemsOf({ yaml })).toContain(problem);
});

describe("what is legal and probably not meant is warned about", () => {
  test.each([
    [
      "{name: a}, {name: b}",
      ["rules[0] (a): matches everything, so no rule after it is looked at"],
    ],
    [
      "{name: a, match: {aor: x}, set: {absorb: open}}",
      [
        "rules[0] (a).absorb: open: any host that knows a contact can refresh it, without proof of who it is",
      ],
    ],
    [
      "{name: a, set: {outgoing_expires: 60}}",
      [expect.stringContaining("rules[0] (a).outgoing_expires: 60 is too short")],
    ],
    ["{name: a, set: {outgoing_expires: 9000}}", []],
  ])("rules: [%s]", (rules, expected) => {
    const yaml = `mid_registrar: {outgoing_expires: 2h}\nrules: [${rules}]`;
    expect(load({ yaml }).warnings).toEqual(expected);
  });
});

test("the example in the README is a good configuration", () => {
  const readme = readFileSync("README.md", "utf8");
  const blocks = [...readme.matchAll(/```yaml\n([^]*?)```/gu)].map(([, block = ""]) => block);
  const { settings, warnings } = load({ yaml: blocks.join("\n"), flags: {} });
  expect(settings.rules.map(({ name }) => name)).toEqual(["office phones", "mobiles", "guests"]);
  expect(warnings).toEqual([
    // The examples are of several chapters.
    expect.stringContaining("push.providers: nobody is woken by them"),
    expect.stringContaining("rules[0] (office phones).absorb: open"),
  ]);
});

test("editors are told one value or a list", () => {
  const schema = settingsJsonSchema();
  const short = { anyOf: [{ type: "string" }, { type: "array", minItems: 1, maxItems: 32 }] };
  expect(schema).toMatchObject({
    properties: {
      rules: {
        anyOf: [
          { type: "string" },
          {
            items: {
              required: ["name"],
              properties: { match: { properties: { user_agent: short, source: short } } },
            },
          },
        ],
      },
    },
  });
  expect(JSON.stringify(schema)).not.toContain("isWhole");
});
