import { expect, test } from "vitest";
import { load, problemsOf } from "./load.ts";

const RULE =
  "must not be edge with mode aor, where one contact at the main registrar stands for all flows";

test.each(["mirror", "contact"])("outbound_mode edge goes with mode %s", (mode) => {
  const { settings } = load({ yaml: `mid_registrar: {mode: ${mode}, outbound_mode: edge}` });
  expect(settings.registrar).toMatchObject({ mode, outboundMode: "edge" });
});

test.each<[yaml: string, problem: string]>([
  ["mid_registrar: {mode: aor, outbound_mode: edge}", "1:43: mid_registrar.outbound_mode"],
  [
    "mid_registrar: {mode: aor}\nrules: [{name: r, set: {outbound_mode: edge}}]",
    "2:40: rules[0].set.outbound_mode",
  ],
  [
    "mid_registrar: {outbound_mode: edge}\nrules: [{name: r, set: {mode: aor}}]",
    "2:31: rules[0].set.mode",
  ],
  ["rules: [{name: r, set: {mode: aor, outbound_mode: edge}}]", "1:51: rules[0].set.outbound_mode"],
])("outbound_mode edge is refused where devices share a contact: %s", (yaml, problem) => {
  const word = problem.endsWith("set.mode") ? "aor" : "edge";
  expect(problemsOf({ yaml })).toEqual([`midreg.yaml:${problem}: ${RULE}, not "${word}"`]);
});

test("a rule may have either where the other is not", () => {
  const yaml =
    "mid_registrar: {mode: aor}\n" +
    "rules: [{name: r, set: {mode: contact, outbound_mode: edge}}, {name: s, set: {mode: mirror}}]";
  const { settings } = load({ yaml });
  expect(settings.rules.map(({ registrar }) => [registrar.mode, registrar.outboundMode])).toEqual([
    ["contact", "edge"],
    ["mirror", "supported"],
  ]);
});
