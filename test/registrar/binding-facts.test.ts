import { describe, expect, test } from "vitest";
import { parseNetwork } from "../../src/location/network.ts";
import { compilePattern } from "../../src/pattern/pattern.ts";
import { BindingFacts } from "../../src/registrar/binding-facts.ts";
import { firstMatch, type RuleMatch } from "../../src/registrar/rules.ts";
import { AOR, buildBinding } from "./fixtures.ts";

const binding = buildBinding({
  contact: "sip:alice@198.51.100.7:40000;pn-provider=fcm;pn-prid=x",
  source: "tls:192.0.2.1:5061<198.51.100.7:40000#a.1",
  userAgent: "Yealink T46",
});

const network = (text: string) => parseNetwork(text) ?? [];
const rows: ReadonlyArray<readonly [what: string, match: RuleMatch, isMatched: boolean]> = [
  ["nothing", {}, true],
  ["its transport", { transport: ["tls"] }, true],
  ["another transport", { transport: ["udp"] }, false],
  ["its listener", { listener: ["tls:192.0.2.1:5061"] }, true],
  ["another listener", { listener: ["tls:192.0.2.1:5062"] }, false],
  ["its network", { source: [network("198.51.100.0/24")].flat() }, true],
  ["another network", { source: [network("203.0.113.0/24")].flat() }, false],
  ["the domain of its To", { domain: [compilePattern("sip.test")] }, true],
  ["another domain", { domain: [compilePattern("other.test")] }, false],
  ["its address-of-record", { aor: [compilePattern("alice@*")] }, true],
  ["another one", { aor: [compilePattern("bob@*")] }, false],
  ["its User-Agent", { userAgent: [compilePattern("/t46/i")] }, true],
  ["another User-Agent", { userAgent: [compilePattern("Snom*")] }, false],
  ["push parameters", { push: true }, true],
  ["no push parameters", { push: false }, false],
];

describe("a rule about", () => {
  test.each(rows)("%s, held against a binding", (_what, match, isMatched) => {
    const facts = new BindingFacts(AOR, binding);
    expect(firstMatch(facts, [{ match }]) !== undefined).toBe(isMatched);
  });
});

test("a contact that only looks as if it had push parameters has none", () => {
  const facts = new BindingFacts(AOR, buildBinding({ contact: "sip:pn-provider@198.51.100.7" }));
  expect(facts.hasPush).toBe(false);
});
