/** Section 7: address-of-record, Path, limits and errors. */
// oxlint-disable vitest/no-standalone-expect -- walk() runs the checks as tests.
import { expect } from "vitest";
import { parseNetwork } from "../../../src/location/network.ts";
import type { RegisterPolicy } from "../../../src/registrar/register-policy.ts";
import type { RegisterOptions } from "../../support/phone.ts";
import { CONTACT, type Outcome, PLACE, type Row, Stage, walk } from "./walk.ts";

/** Under which name the binding is kept. */
const names: readonly (readonly [
  string,
  string,
  string,
  Partial<RegisterPolicy["aor"]>,
  string,
  string,
])[] = [
  ["host", "in lower case", "equal", {}, "R13@EXAMPLE.com", "R13@example.com"],
  ["user", "case counts by default", "equal", {}, "r13@example.com", "r13@example.com"],
  [
    "case_sensitive off",
    "in lower case",
    "equal",
    { caseSensitive: false },
    "R13@example.com",
    "r13@example.com",
  ],
  ["use_domain off", "the user by itself", "equal", { useDomain: false }, "r13@example.com", "r13"],
  [
    "realm_prefix",
    "dropped",
    "equal",
    { realmPrefix: "sip." },
    "r13@sip.example.com",
    "r13@example.com",
  ],
  ["escapes", "undone", "equal", {}, "a%2fb@example.com", "a/b@example.com"],
  [
    "port and parameters",
    "not part of it",
    "equal",
    {},
    "r13@example.com:5070;x=y",
    "r13@example.com",
  ],
];

walk(
  "7.1 the address-of-record",
  names.map(
    ([what, reference, midreg, aor, to, expected]): Row => ({
      id: `7.1 ${what}`,
      reference,
      midreg,
      check: async () => {
        const base = (await import("../../support/world.ts")).POLICY.aor;
        const stage = await Stage.open({ aor: { ...base, ...aor } });
        stage.phone.send(
          stage.phone
            .buildRegister()
            .replace("<sip:alice@sip.test>\r\nCall", `<sip:${to}>\r\nCall`),
        );
        stage.world.pass(0.2);
        expect([...stage.world.store.records()].map((record) => record.aor)).toEqual([expected]);
      },
    }),
  ),
);

const PATH = "Path: <sip:edge.test;lr>";
const PATH_AND_SUPPORT = [PATH, "Supported: path"];

/** A REGISTER with Path under a policy: what becomes of it, what is stored, and what is given back. */
function path(
  [id, reference, midreg]: readonly [string, string, string],
  policy: Partial<RegisterPolicy>,
  headers: readonly string[],
  [outcome, stored, told]: readonly [Outcome, string, string],
): Row {
  return {
    id,
    reference,
    midreg,
    check: async () => {
      const stage = await Stage.open(policy);
      expect(stage.register({ headers })).toBe(outcome);
      expect(stage.bindings[0]?.path ?? "").toBe(stored);
      expect(stage.told("Path")).toBe(told);
    },
  };
}

const KEPT = "<sip:edge.test;lr>";

walk("7.2 and 7.3 Path and received", [
  path(
    ["7.2 no flag", "Path is lost", "T19: kept, lazy is the default"],
    {},
    [PATH],
    ["F 200", KEPT, ""],
  ),
  path(["7.2 path-off", "stored, not given back", "equal"], { pathMode: "off" }, PATH_AND_SUPPORT, [
    "F 200",
    KEPT,
    "",
  ]),
  path(["7.2 path-lazy", "given back where it is supported", "equal"], {}, PATH_AND_SUPPORT, [
    "F 200",
    KEPT,
    KEPT,
  ]),
  path(["7.2 path-strict", "given back", "equal"], { pathMode: "strict" }, PATH_AND_SUPPORT, [
    "F 200",
    KEPT,
    KEPT,
  ]),
  path(
    [
      "7.2 path-strict, not supported",
      "420 after the state has changed, or main's 200",
      "420 before anybody hears of it",
    ],
    { pathMode: "strict" },
    [PATH],
    ["E 420", "", ""],
  ),
  path(
    ["7.2 no lr", "400, but only once it is known", "400 always"],
    {},
    ["Path: <sip:edge.test>"],
    ["E 400", "", ""],
  ),
  path(
    ["7.2 length", "253 bytes, or 254 of several", "2048: flow tokens are long"],
    {},
    [`Path: <sip:${"a".repeat(300)}@e;lr>`],
    ["F 200", `<sip:${"a".repeat(300)}@e;lr>`, ""],
  ),
  path(
    ["7.2 too long", "400", "equal"],
    {},
    [`Path: <sip:${"a".repeat(2048)}@e;lr>`],
    ["E 400", "", ""],
  ),
  {
    id: "7.2 path-received, 7.3",
    reference:
      "received of the first Path URI, of the second behind r2; else received of contact or script",
    midreg:
      "equal for the proxies in path_use_received; else where the REGISTER came from, whatever is written",
    check: async () => {
      const networks = [parseNetwork("198.51.100.7")].flatMap((network) => network ?? []);
      const headers = ["Path: <sip:edge.test;lr;r2=on>, <sip:edge.test;lr;received=sip:9.9.9.9:9>"];
      for (const [pathUseReceived, from] of [
        [networks, "9.9.9.9:9"],
        [[], PLACE],
      ] as const) {
        // Each in a world of its own.
        // oxlint-disable-next-line no-await-in-loop
        const stage = await Stage.open({ pathUseReceived });
        stage.register({ headers, contact: `${CONTACT};received="sip:8.8.8.8:8"` });
        expect(stage.bindings[0]?.source).toBe(`udp:192.0.2.1:5060<${from}`);
      }
    },
  },
]);

/** The first of two devices, and then the second, where only one may be registered. */
async function crowded(
  policy: Partial<RegisterPolicy>,
): Promise<{ stage: Stage; outcome: Outcome }> {
  const stage = await Stage.open({ maxContacts: 1, ...policy });
  stage.register();
  stage.world.pass(1);
  return { stage, outcome: stage.register({}, stage.other) };
}

walk("7.4 max_contacts", [
  ...(["mirror", "contact", "aor"] as const).map(
    (mode): Row => ({
      id: `7.4 over the limit (${mode})`,
      reference:
        mode === "aor"
          ? "503 where it is absorbed, else the disaster of 2.1-5"
          : "the disaster of 2.1-5",
      midreg: "503 before anybody hears of it",
      check: async () => {
        const { stage, outcome } = await crowded({ mode });
        expect([outcome, stage.contacts, stage.forwarded]).toEqual([
          "E 503",
          [`sip:alice@${PLACE}`],
          1,
        ]);
      },
    }),
  ),
  {
    id: "7.4 force-registration",
    reference: "the one with the highest q goes first, and is de-registered in CT",
    midreg:
      "the one heard least recently (max_contacts_policy: evict-oldest), once main has accepted the new one",
    check: async () => {
      const { stage, outcome } = await crowded({ maxContactsPolicy: "evict-oldest" });
      expect([outcome, stage.contacts]).toEqual(["F 200", ["sip:alice@198.51.100.8:40000"]]);
      stage.world.pass(5);
      expect(stage.held).toHaveLength(1);
    },
  },
  {
    id: "7.4 what counts",
    reference: "valid contacts; 0 is off",
    midreg: "equal",
    check: async () => {
      const { stage } = await crowded({});
      stage.world.pass(70);
      expect(stage.register({}, stage.other)).toBe("F 200");
      expect((await crowded({ maxContacts: 0 })).outcome).toBe("F 200");
    },
  },
]);

/** One REGISTER, and what midreg itself answers. */
function error(
  [id, reference, midreg]: readonly [string, string, string],
  options: RegisterOptions | ((text: string) => string),
  status: number,
): Row {
  return {
    id,
    reference,
    midreg,
    check: async () => {
      const stage = await Stage.open();
      const edit = typeof options === "function" ? options : (text: string): string => text;
      stage.phone.send(
        edit(stage.phone.buildRegister(typeof options === "function" ? {} : options)),
      );
      stage.world.pass(0.5);
      expect([stage.phone.lastStatus, stage.forwarded]).toEqual([status, status === 200 ? 1 : 0]);
    },
  };
}

const to =
  (uri: string) =>
  (text: string): string =>
    text.replace(/To: .*\r\n/u, `To: <sip:${uri}>\r\n`);

walk("7.5 and 7.6 limits and errors", [
  error(["7.5 username", "64", "equal"], to(`${"a".repeat(64)}@h`), 200),
  error(["7.5 username, longer", "an error", "400"], to(`${"a".repeat(65)}@h`), 400),
  error(["7.5 domain", "64", "equal"], to(`a@${"h".repeat(65)}`), 400),
  error(
    ["7.5 AoR", "256: 500", "400, since it is the phone's"],
    to(`${"a".repeat(64)}@${"h".repeat(200)}`),
    400,
  ),
  error(
    ["7.5 contact", "255, from the second on", "2048, each"],
    { contact: `<sip:${"a".repeat(2049)}@h>` },
    400,
  ),
  error(["7.5 Call-ID", "255, else 200 and an orphan", "400"], { callId: "c".repeat(256) }, 400),
  {
    id: "7.5 User-Agent",
    reference: "255, longer is n/a",
    midreg: "cut off there",
    check: async () => {
      const stage = await Stage.open();
      stage.phone.send(
        stage.phone
          .buildRegister()
          .replace("User-Agent: test phone", `User-Agent: ${"u".repeat(300)}`),
      );
      stage.world.pass(0.2);
      expect(stage.bindings[0]?.userAgent).toBe("u".repeat(255));
    },
  },
  error(
    ["7.6 400, CSeq missing", "400", "equal"],
    (text) => text.replace(/CSeq: .*\r\n/u, ""),
    400,
  ),
  error(["7.6 400, user that cannot be unescaped", "400", "equal"], to("a%00b@h"), 400),
  error(["7.6 400, Contact", "400", "equal"], { contact: "<sip:" }, 400),
  error(["7.6 400, Path", "400", "equal"], { headers: ["Path: nonsense"] }, 400),
  {
    id: "7.6 reasons",
    reference: "P-Registrar-Error says why",
    midreg: "the reason phrase does",
    check: async () => {
      const stage = await Stage.open();
      stage.register({ callId: "c".repeat(256) });
      expect(stage.phone.last).toMatch(/^SIP\/2\.0 400 Call-ID too long\r\n/u);
      expect(stage.phone.last).not.toContain("P-Registrar-Error");
    },
  },
  {
    id: "7.6 Retry-After",
    reference: "on 5xx where retry_after is set",
    midreg: "equal, up to half as long again so that they spread",
    check: async () => {
      const { stage } = await crowded({ retryAfterSec: 10 });
      expect(stage.told("Retry-After", stage.other)).toBe("13");
    },
  },
]);
