import { array, assert, boolean, property, record } from "fast-check";
import { describe, expect, test } from "vitest";
import { type Network, parseNetwork } from "../../src/location/network.ts";
import { compilePattern } from "../../src/pattern/pattern.ts";
import { explainRules } from "../../src/registrar/explain-rules.ts";
import {
  policyFor,
  RegisterFacts,
  type RegisterOrigin,
  type RegisterRule,
  type RuleMatch,
} from "../../src/registrar/rules.ts";
import { requestOf } from "../support/messages.ts";
import { POLICY } from "../support/world.ts";
import { type RegisterParts, registerText } from "./fixtures.ts";

const ORIGIN: RegisterOrigin = {
  listener: { id: "udp:192.0.2.1:5060", protocol: "udp" },
  address: "198.51.100.7",
};
const patterns = (...sources: string[]): RuleMatch["aor"] => sources.map(compilePattern);
const networks = (...sources: string[]): readonly Network[] =>
  sources.flatMap((source) => parseNetwork(source) ?? []);

function rule(name: string, match: RuleMatch): RegisterRule {
  return { match, policy: { ...POLICY, rule: name } };
}

/** Why a rule does not match; empty when it does. */
function reasonFor(match: RuleMatch, parts: RegisterParts = {}, origin = ORIGIN): string {
  const facts = new RegisterFacts(requestOf(registerText(parts)), origin, POLICY);
  return explainRules([rule("r", match)], facts)[0]?.reason ?? "nothing";
}

const yealink = { headers: ["User-Agent: Yealink SIP-T46S 66.85.0.5"] };
const woken = "<sip:a@h;pn-provider=fcm;pn-prid=x>";

describe("a rule", () => {
  test.each<[string, RuleMatch, RegisterParts]>([
    ["without conditions", {}, {}],
    ["the transport", { transport: ["tcp", "udp"] }, {}],
    ["the listener", { listener: ["udp:192.0.2.1:5060"] }, {}],
    ["the source", { source: networks("10.0.0.0/8", "198.51.100.0/24") }, {}],
    ["the domain", { domain: patterns("other.test", "*.TEST") }, {}],
    [
      "the domain without port and case",
      { domain: patterns("sip.test") },
      { to: "<sip:a@SIP.Test:5099>" },
    ],
    ["the address-of-record", { aor: patterns("/^(alice|bob)@/") }, {}],
    [
      "the address-of-record with its escapes undone",
      { aor: patterns("alice@*") },
      { to: "<sip:%61lice@h>" },
    ],
    ["the User-Agent", { userAgent: patterns("Grandstream*", "Yealink*") }, yealink],
    ["no User-Agent", { userAgent: patterns("/^$/") }, {}],
    ["push parameters", { push: true }, { contacts: ["<sip:a@h>", woken] }],
    ["no push parameters", { push: false }, {}],
    [
      "no push parameters where the words stand elsewhere",
      { push: false },
      { contacts: ["<sip:a@h>;x=pn-provider"] },
    ],
    ["no push parameters in a removal of all", { push: false }, { contacts: ["*"], expires: "0" }],
    [
      "all of several",
      { domain: patterns("sip.test"), userAgent: patterns("*T46*"), push: false },
      yealink,
    ],
  ])("matches by %s", (_, match, parts) => {
    expect(reasonFor(match, parts)).toBe("");
  });

  test.each<[RuleMatch, RegisterParts, string]>([
    [{ transport: ["tcp"] }, {}, "transport udp is not tcp"],
    [
      { listener: ["udp:10.0.0.1:5060"] },
      {},
      "listener udp:192.0.2.1:5060 is not udp:10.0.0.1:5060",
    ],
    [
      { source: networks("10.0.0.0/8", "::1") },
      {},
      "source 198.51.100.7 is not in 10.0.0.0/8 or ::1",
    ],
    [
      { domain: patterns("a.test", "b.test") },
      {},
      'domain "sip.test" is not like a.test or b.test',
    ],
    [{ aor: patterns("ali") }, {}, 'aor "alice@sip.test" is not like ali'],
    [{ aor: patterns("*") }, { to: "<tel:+49>" }, ""],
    [{ aor: patterns("?*") }, { to: "<tel:+49>" }, 'aor "" is not like ?*'],
    [
      { userAgent: patterns("Yealink") },
      yealink,
      'user_agent "Yealink SIP-T46S 66.85.0.5" is not like Yealink',
    ],
    [{ push: true }, {}, "no contact has push parameters"],
    [{ push: false }, { contacts: [woken] }, "a contact has push parameters"],
    [{ push: true }, { contacts: ["<sip:pn-provider@h>"] }, "no contact has push parameters"],
    [{ push: true, domain: patterns("x") }, {}, 'domain "sip.test" is not like x'],
  ])("%o says why it does not match", (match, parts, reason) => {
    expect(reasonFor(match, parts)).toBe(reason);
  });

  test("never matches by source what has no address", () => {
    const origin = { ...ORIGIN, address: "unknown" };
    expect(reasonFor({ source: networks("0.0.0.0/0") }, {}, origin)).toContain("source unknown");
  });
});

describe("of several rules", () => {
  const request = requestOf(registerText());
  const named = (rules: readonly RegisterRule[]): string =>
    policyFor(request, ORIGIN, rules, POLICY).rule;

  test("the first that matches counts, and none when none does", () => {
    const [hit, miss] = [{ aor: patterns("alice*") }, { aor: patterns("bob*") }];
    expect(named([])).toBe("");
    expect(named([rule("a", miss)])).toBe("");
    expect(named([rule("a", miss), rule("b", hit), rule("c", hit)])).toBe("b");
  });

  test("that is so whatever matches", () => {
    const conditions = record({ isListener: boolean(), isDomain: boolean() });
    assert(
      property(array(conditions, { maxLength: 6 }), (all) => {
        const rules = all.map(({ isListener, isDomain }, at) =>
          rule(String(at), {
            listener: isListener ? [ORIGIN.listener.id] : ["udp:10.9.9.9:5060"],
            domain: patterns(isDomain ? "sip.*" : "*.invalid"),
          }),
        );
        const first = all.findIndex(({ isListener, isDomain }) => isListener && isDomain);
        expect(named(rules)).toBe(first === -1 ? "" : String(first));
        const facts = new RegisterFacts(request, ORIGIN, POLICY);
        expect(explainRules(rules, facts).findIndex(({ isMatched }) => isMatched)).toBe(first);
      }),
    );
  });
});
