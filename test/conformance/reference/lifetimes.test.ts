/** Sections 1.7 and 1.8: lifetimes, and the 200 to the phone. */
// oxlint-disable vitest/no-standalone-expect -- walk() runs the checks as tests.
import { expect } from "vitest";
import type { RegisterPolicy } from "../../../src/registrar/register-policy.ts";
import { headerLines } from "../../support/messages.ts";
import type { RegisterOptions } from "../../support/phone.ts";
import { CONTACT, type Row, Stage, walk } from "./walk.ts";

/** The lifetime the phone is told, by what it asked for. */
const lifetimes: readonly (readonly [
  string,
  string,
  string,
  Partial<RegisterPolicy>,
  RegisterOptions,
  number,
])[] = [
  [
    "parameter",
    "goes before the header",
    "equal",
    {},
    { contact: `${CONTACT};expires=70`, expires: 80 },
    70,
  ],
  [
    "malformed parameter",
    "default_expires",
    "equal",
    { defaultExpiresSec: 90 },
    { contact: `${CONTACT};expires=soon`, expires: 80 },
    90,
  ],
  [
    "negative parameter",
    "default_expires",
    "equal",
    { defaultExpiresSec: 90 },
    { contact: `${CONTACT};expires=-5` },
    90,
  ],
  ["neither", "default_expires", "equal", { defaultExpiresSec: 90 }, { expires: undefined }, 90],
  [
    "4294967295",
    "overflows into a negative lifetime",
    "T29: a bounded number, clamped",
    { maxExpiresSec: 100 },
    { contact: `${CONTACT};expires=4294967295` },
    100,
  ],
  [
    "beyond 32 bits",
    "default_expires",
    "RFC 3261 section 20.19: too large is as large as can be",
    { maxExpiresSec: 100, defaultExpiresSec: 90 },
    { contact: `${CONTACT};expires=${"9".repeat(30)}` },
    100,
  ],
  ["below min_expires", "raised", "equal", { minExpiresSec: 30 }, { expires: 5 }, 30],
  ["above max_expires", "lowered", "equal", { maxExpiresSec: 50 }, { expires: 500 }, 50],
  ["min_expires 0", "switches it off", "equal", { minExpiresSec: 0 }, { expires: 3 }, 3],
  [
    "max_expires 0",
    "switches it off",
    "equal; a shorter grant rules all the same",
    { maxExpiresSec: 0, outgoingExpiresSec: 10_002 },
    { expires: 9000 },
    9000,
  ],
  [
    "longer than granted",
    "min(e, granted)",
    "equal, less the margin",
    { outgoingExpiresSec: 100 },
    { expires: 500 },
    98,
  ],
];

walk("1.7 lifetimes", [
  ...lifetimes.map(
    ([what, reference, midreg, policy, options, expected]): Row => ({
      id: `1.7 ${what}`,
      reference,
      midreg,
      check: async () => {
        const stage = await Stage.open(policy);
        expect(stage.register(options)).toBe("F 200");
        expect(stage.told("Contact")).toBe(`${CONTACT};expires=${expected}`);
      },
    }),
  ),
  {
    id: "1.7 expires_max_deviation",
    reference: "added afterwards, so a binding may outlive its registration upstream",
    midreg: "T3: it is counted in before deciding, and upstream outlives it",
    check: async () => {
      const stage = await Stage.open({ outgoingExpiresSec: 80, expiresMaxDeviationSec: 30 });
      stage.world.ids.nextFraction = 0.99;
      expect(stage.each([{ expires: 60 }, { expires: 60 }])).toEqual(["F 200", "F 200"]);
      const [binding] = stage.bindings;
      expect(binding?.upstream.expiresAtMs).toBeGreaterThanOrEqual(
        (binding?.expiresAtMs ?? 0) + 1500,
      );
    },
  },
]);

/** Headers of a forwarded and of an absorbed 200. */
async function told(
  name: string,
  extra: readonly string[],
  options: RegisterOptions = {},
): Promise<readonly string[][]> {
  const stage = await Stage.open();
  stage.world.main.extraHeaders = extra;
  expect(stage.each([options, options])).toEqual(["F 200", "A 200"]);
  return stage.phone.responses.map((text) => headerLines(text, name));
}

const SERVICE_ROUTE = "<sip:main.test;lr>";
const answers: readonly (readonly [string, string, string, () => Promise<unknown>, unknown])[] = [
  [
    "received",
    "shown to the phone",
    "never shown: it is of no use to it",
    async () => told("Contact", []),
    [[`${CONTACT};expires=60`], [`${CONTACT};expires=60`]],
  ],
  [
    "other parameters",
    "not echoed",
    "RFC 3261 section 10.3 step 8: they are",
    async () => told("Contact", [], { contact: `${CONTACT};methods="INVITE"` }),
    [[`${CONTACT};methods="INVITE";expires=60`], [`${CONTACT};methods="INVITE";expires=60`]],
  ],
  [
    "Expires",
    "none, or main's where it contradicts",
    "T21: none",
    async () => told("Expires", ["Expires: 9"]),
    [[], []],
  ],
  [
    "Path",
    "echoed to those that support it",
    "equal (path_mode lazy)",
    async () => told("Path", [], { headers: ["Supported: path", "Path: <sip:e;lr>"] }),
    [["<sip:e;lr>"], ["<sip:e;lr>"]],
  ],
  [
    "Path, not supported",
    "not echoed",
    "equal",
    async () => told("Path", [], { headers: ["Path: <sip:e;lr>"] }),
    [[], []],
  ],
  [
    "Service-Route",
    "missing in absorbed answers",
    "T20: kept and given again",
    async () => told("Service-Route", [`Service-Route: ${SERVICE_ROUTE}`]),
    [[SERVICE_ROUTE], [SERVICE_ROUTE]],
  ],
  [
    "other headers of main's",
    "pass on forwarded answers only",
    "equal",
    async () => told("X-Main", ["X-Main: y"]),
    [["y"], []],
  ],
];

walk("1.8 the 200 to the phone", [
  ...answers.map(
    ([what, reference, midreg, run, expected]): Row => ({
      id: `1.8 ${what}`,
      reference,
      midreg,
      check: async () => {
        expect(await run()).toEqual(expected);
      },
    }),
  ),
  {
    id: "1.8 which contacts, order",
    reference: "all of the user, by descending q; a refresh with another q misplaces it",
    midreg: "equal, and sorted anew each time (section 4.2-6)",
    check: async () => {
      const stage = await Stage.open();
      const second = "<sip:b@192.0.2.99>";
      stage.register({ contact: `${CONTACT};q=0.5, ${second};q=0.2` });
      stage.register({ contact: `${second};q=1` });
      expect(stage.told("Contact")).toBe(`${second};q=1;expires=60, ${CONTACT};q=0.5;expires=59`);
      stage.register({ contact: `${second};q=0.1` });
      expect(stage.told("Contact")).toBe(`${CONTACT};q=0.5;expires=59, ${second};q=0.1;expires=60`);
    },
  },
  {
    id: "1.8 only-request-contacts",
    reference: "lists those of the request",
    midreg: "equal (only_request_contacts)",
    check: async () => {
      const stage = await Stage.open({ onlyRequestContacts: true });
      stage.register({}, stage.other);
      stage.register();
      expect(stage.told("Contact")).toBe(`${CONTACT};expires=60`);
    },
  },
  {
    id: "1.8 foreign contacts",
    reference: "main's own contacts are hidden",
    midreg: "equal",
    check: async () => {
      const stage = await Stage.open();
      stage.world.main.extraHeaders = ["Contact: <sip:foreign@192.0.2.99>;expires=99"];
      stage.register();
      expect(stage.phone.last).not.toContain("foreign");
    },
  },
  {
    id: "1.8 statelessness",
    reference: "a retransmission of an absorbed REGISTER is decided from scratch",
    midreg: "T27: the same answer again, and nothing moves",
    check: async () => {
      const stage = await Stage.open();
      stage.register();
      stage.phone.send(stage.phone.register());
      stage.world.pass(0.2);
      expect(stage.phone.responses.at(-1)).toBe(stage.phone.responses.at(-2));
    },
  },
]);
