import { expect, test } from "vitest";
import { buildRegisterPolicy } from "../../src/cli/register-policy.ts";
import { loadSettings } from "../../src/config/load-settings.ts";
import type { Settings } from "../../src/config/settings.ts";
import { FakeGateway } from "../support/fake-gateway.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

function settingsOf(upstream: string, yaml = ""): Settings {
  const file = { configFile: "midreg.yaml", readFile: () => yaml };
  return loadSettings({ flags: { upstream }, env: {}, ...file }).settings;
}

test.each([
  ["sip:10.0.0.2:5070", "10.0.0.2:5070"],
  ["sip:10.0.0.2", "10.0.0.2"],
  ["sip:registrar.example.com", "registrar.example.com"],
  ["sip:[2001:db8::2]:5070", "[2001:db8::2]:5070"],
  ["sip:[2001:db8::2]", "[2001:db8::2]"],
  ["sip:registrar.example.com;transport=udp", "registrar.example.com"],
])("with the main registrar at %s, requests go to %s", (upstream, host) => {
  expect(buildRegisterPolicy(settingsOf(upstream), undefined).upstreamHost).toBe(host);
});

test("everything that is set about registrations reaches the decisions, and every limit has a value", () => {
  const yaml = [
    "mid_registrar:",
    "  outgoing_expires: 7200",
    "  min_expires: 30",
    "  max_expires: 1800",
    "  default_expires: 900",
    "  max_contacts: 4",
    "  max_username_len: 20",
    "  max_domain_len: 30",
    "  max_aor_len: 40",
    "  case_sensitive: false",
    "  realm_prefix: sip.",
    "  retry_after: 15",
    "  default_q: 0.25",
    "usrloc: { use_domain: false, cseq_delay: 7 }",
    "auth: { absorb: open }",
  ].join("\n");
  expect(buildRegisterPolicy(settingsOf("sip:10.0.0.2", yaml), undefined)).toMatchObject({
    outgoingExpiresSec: 7200,
    minExpiresSec: 30,
    maxExpiresSec: 1800,
    defaultExpiresSec: 900,
    maxContacts: 4,
    retryAfterSec: 15,
    defaultQ: 250,
    cseqDelaySec: 7,
    absorb: "open",
    maxCallIdLength: 255,
    maxPathLength: 2048,
    maxContactLength: 2048,
    aor: {
      useDomain: false,
      caseSensitive: false,
      realmPrefix: "sip.",
      maxUsernameLength: 20,
      maxDomainLength: 30,
      maxAorLength: 40,
    },
  });
});

test("devices are woken by the providers there are and the operator wants, once there are any", () => {
  const settings = settingsOf(
    "sip:10.0.0.2",
    "mid_registrar: { pn_enable: 1, pn_providers: [FCM, apns] }",
  );
  const gateway = new FakeGateway(new VirtualClock(), { providers: ["apns", "webpush"] });
  expect(buildRegisterPolicy(settings, undefined).push).toBeUndefined();
  expect(buildRegisterPolicy(settings, gateway).push).toEqual({
    providers: ["apns"],
    matchParams: ["pn-provider", "pn-prid", "pn-param"],
    pnsregIntervalSec: 130,
    hasPurr: false,
    unsupported: "forward",
    afterExpiryMs: 3_600_000,
    gateway,
  });
  expect(buildRegisterPolicy(settingsOf("sip:10.0.0.2"), gateway).push).toBeUndefined();
});
