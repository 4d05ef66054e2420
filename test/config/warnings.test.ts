import { describe, expect, test } from "vitest";
import { expectedReduction } from "../../src/config/warnings.ts";
import { load } from "./load.ts";

/** The default lets phones ask for as long as midreg itself asks upstream; operators should hear of it. */
const DEFAULT_WARNING =
  "mid_registrar.outgoing_expires: 3600 is too short for the lifetimes that phones may have: no refresh of a " +
  "phone asking 3598 seconds or more can be absorbed; expected reduction: 98 % for phones asking 60 s, " +
  "80 % for phones asking 600 s, 0 % for phones asking 3600 s; raise outgoing_expires, or lower max_expires " +
  "and default_expires";

test("as OpenSIPS' defaults hardly throttle, that is the one warning of a bare start", () => {
  expect(load({}).warnings).toEqual([DEFAULT_WARNING]);
});

test.each([
  ["outgoing_expires: 1d", []],
  ["{outgoing_expires: 3603}", []],
  ["{outgoing_expires: 3602}", [/3602 is too short .* asking 3600 seconds or more/u]],
  [
    "{outgoing_expires: 1d, max_expires: 0}",
    [/86400 is too short .* asking 86398 seconds or more/u],
  ],
  [
    "{outgoing_expires: 1}",
    [/no refresh of a phone asking 1 seconds or more .* 0 % for phones asking 60 s/u],
  ],
  [
    "{outgoing_expires: 1d, max_expires: 5}",
    [/^mid_registrar\.max_expires: 10 is used, to fit min_expires/u],
  ],
  [
    "{outgoing_expires: 1d, max_expires: 600, default_expires: 1h}",
    [/^mid_registrar\.default_expires: 600 is used, to fit min_expires and max_expires$/u],
  ],
])("mid_registrar: %s", (yaml, expected) => {
  const section = yaml.startsWith("{") ? yaml : `{${yaml}}`;
  const { warnings } = load({ yaml: `mid_registrar: ${section}` });
  expect(warnings).toHaveLength(expected.length);
  for (const [at, pattern] of expected.entries()) expect(warnings[at]).toMatch(pattern);
});

test("open absorption and forgetful storage are pointed out", () => {
  const yaml =
    "mid_registrar: {outgoing_expires: 1d}\nauth: {absorb: open}\nstorage: {mode: memory}";
  expect(load({ yaml }).warnings).toEqual([
    "auth.absorb: open: any host that knows a contact can refresh it, without proof of who it is",
    "storage.mode: memory: registrations are forgotten when midreg stops",
  ]);
});

describe("the expected reduction is that of counting refreshes one by one", () => {
  test.each([
    [3600, 60],
    [3600, 600],
    [7200, 3600],
    [86_400, 3600],
    [20, 4],
    [100, 100],
  ])("outgoing_expires %i, lifetime %i", (outgoingSec, lifetimeSec) => {
    const yaml = `mid_registrar: {outgoing_expires: ${outgoingSec}, min_expires: 0}`;
    const { registrar } = load({ yaml }).settings;
    let absorbed = 0;
    let forwarded = 0;
    let upstreamEndsAt = 0;
    for (let now = 0; now < lifetimeSec * 100_000; now += lifetimeSec) {
      if (upstreamEndsAt - now > lifetimeSec + registrar.upstreamMarginSec) absorbed += 1;
      else {
        forwarded += 1;
        upstreamEndsAt = now + outgoingSec;
      }
    }
    const counted = absorbed / (absorbed + forwarded);
    expect(expectedReduction(registrar, lifetimeSec)).toBeCloseTo(counted, 3);
  });
});

const HOOK = `push: {providers: {http: [{name: acme, url: "https://push.example.com", secret: s}]}}`;

function pushWarnings(yaml: string, more = HOOK): readonly string[] {
  const registrar = `mid_registrar: {pn_enable: on, outgoing_expires: 4h, ${yaml}}`;
  return load({ yaml: `${registrar}\n${more}` }).warnings;
}

test("push providers that nobody is woken by, and devices that nobody wakes, are pointed out", () => {
  expect(pushWarnings("pn_enable_purr: off", "")).toEqual([
    "mid_registrar.pn_enable: nobody can be woken, since there is nothing in push.providers",
  ]);
  expect(pushWarnings("pn_providers: [acme, fcm]")).toEqual([
    "mid_registrar.pn_providers: there is no fcm in push.providers",
  ]);
  const off = load({ yaml: `mid_registrar: {outgoing_expires: 4h}\n${HOOK}` });
  expect(off.warnings).toEqual([
    "push.providers: nobody is woken by them while mid_registrar.pn_enable is off",
  ]);
  const rule = "rules: [{name: apps, match: {push: true}, set: {pn_enable: on}}]";
  const byRule = load({ yaml: `mid_registrar: {outgoing_expires: 4h}\n${HOOK}\n${rule}` });
  expect(byRule.warnings).toEqual([]);
});

test("push settings that wake devices late, or take them for one another, are warned about", () => {
  expect(pushWarnings("max_expires: 90")).toEqual([
    "mid_registrar.pn_trigger_interval: 120 is as long as a registration may last (max_expires 90): " +
      "devices are woken after half of their lifetime",
  ]);
  expect(pushWarnings("pn_trigger_interval: 130")).toEqual([
    "mid_registrar.pn_pnsreg_interval: 130 is not more than pn_trigger_interval (130), so that devices " +
      "which wake by themselves are late",
  ]);
  expect(pushWarnings("pn_ct_match_params: pn-provider")).toEqual([
    "mid_registrar.pn_ct_match_params: without pn-prid all devices of a user are one",
  ]);
  expect(pushWarnings("")).toEqual([]);
});
