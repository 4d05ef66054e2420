import { describe, expect, test } from "vitest";
import { load, problemsOf } from "./load.ts";

const TWO = "upstreams:\n  - name: second\n    uri: sip:192.0.2.60\n";

describe("several main registrars", () => {
  test("have names, and rules choose among them", () => {
    const rules =
      "rules:\n  - name: a\n    set: { upstream: second }\n  - name: b\n    set: { upstream: main }\n";
    const { settings } = load({ yaml: TWO + rules });
    expect(settings.upstreams).toEqual([
      { name: "second", uri: "sip:192.0.2.60", trusted: [], timeoutMs: 10_000 },
    ]);
    expect(settings.registrar.upstream).toBe("");
    expect(settings.rules.map(({ registrar }) => registrar.upstream)).toEqual(["second", ""]);
  });

  test.each([
    [
      "a rule that names none of them",
      `${TWO}rules:\n  - name: a\n    set: { upstream: third }\n`,
      "must be one of main, second",
    ],
    [
      "a name given twice",
      `${TWO}  - name: second\n    uri: sip:192.0.2.61\n`,
      "must not be given twice",
    ],
    [
      "a place listed twice",
      `${TWO}  - name: third\n    uri: SIP:192.0.2.60\n`,
      "must not be listed twice",
    ],
    [
      "the place of the default one",
      "upstreams:\n  - name: a\n    uri: sip:192.0.2.1\n",
      "must not be listed twice",
    ],
    [
      "the name of the default one",
      "upstreams:\n  - name: main\n    uri: sip:192.0.2.60\n",
      "must not be main",
    ],
  ])("refuses %s", (_, yaml, complaint) => {
    expect(problemsOf({ yaml }).join("\n")).toContain(complaint);
  });
});
