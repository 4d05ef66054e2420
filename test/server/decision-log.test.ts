import { array, assert, constantFrom, integer, property, record } from "fast-check";
import { describe, expect, test } from "vitest";
import type { Decision, DecisionFacts } from "../../src/location/decision.ts";
import { DecisionLog } from "../../src/server/decision-log.ts";

const AOR = "alice@sip.test";

function facts(parts: Partial<DecisionFacts> = {}): DecisionFacts {
  return {
    kind: "absorb",
    reason: "refresh",
    outcome: "",
    ctid: "c1",
    contacts: 1,
    ageSec: 30,
    expiresSec: 60,
    upstreamSec: 3000,
    proof: "flow",
    status: undefined,
    durationMs: undefined,
    rule: "",
    source: "udp:192.0.2.1:5060<198.51.100.7:40000",
    ...parts,
  };
}

/** A log with this room, filled with one decision after the other, a millisecond apart. */
function filled(
  given: ReadonlyArray<readonly [aor: string, parts: Partial<DecisionFacts>]>,
  options = { perAor: 3, maxEntries: 1000 },
): DecisionLog {
  const log = new DecisionLog(options);
  for (const [at, [aor, parts]] of given.entries()) log.record(aor, true, facts(parts), at);
  return log;
}

const said = (decisions: readonly Decision[]): string[] =>
  decisions.map(({ kind, reason, ctid, count }) => `${kind} ${reason} ${ctid} x${count}`);

describe("the record of recent decisions", () => {
  test("says everything about a decision", () => {
    const log = filled([[AOR, {}]]);
    expect(log.of(AOR)).toEqual([{ ...facts(), firstAtMs: 0, atMs: 0, count: 1 }]);
    expect(log.of("bob@sip.test")).toEqual([]);
  });

  test("equal decisions in a row are one entry with the facts of the last", () => {
    const log = filled([
      [AOR, { ageSec: 1 }],
      [AOR, { ageSec: 2 }],
      [AOR, { ageSec: 3, expiresSec: 70 }],
    ]);
    expect(log.of(AOR)).toEqual([
      { ...facts({ ageSec: 3, expiresSec: 70 }), firstAtMs: 0, atMs: 2, count: 3 },
    ]);
  });

  test.each<[string, Partial<DecisionFacts>]>([
    ["kind", { kind: "forward" }],
    ["reason", { reason: "retransmission" }],
    ["outcome", { outcome: "accepted" }],
    ["proof", { proof: "open" }],
    ["status", { status: 401 }],
    ["rule", { rule: "lobby" }],
    ["source", { source: "elsewhere" }],
  ])("another %s begins another entry", (_, parts) => {
    expect(
      filled([
        [AOR, {}],
        [AOR, parts],
        [AOR, {}],
      ]).of(AOR),
    ).toHaveLength(3);
  });

  test("devices that take turns have a run each, the latest first", () => {
    const turns = ["c1", "c2", "c1", "c2", "c3", "c1"].map((ctid) => [AOR, { ctid }] as const);
    expect(said(filled(turns).of(AOR))).toEqual([
      "absorb refresh c1 x3",
      "absorb refresh c3 x1",
      "absorb refresh c2 x2",
    ]);
  });

  test("of one address-of-record the last N are kept", () => {
    const reasons = ["a", "b", "c", "d", "e"].map((reason) => [AOR, { reason }] as const);
    expect(said(filled(reasons).of(AOR))).toEqual(
      ["e", "d", "c"].map((reason) => `absorb ${reason} c1 x1`),
    );
  });

  test("when there is no more room, the address-of-record that was quiet longest is forgotten", () => {
    const log = filled(
      [
        ["a", {}],
        ["b", {}],
        ["c", {}],
        ["a", {}],
        ["d", {}],
      ],
      { perAor: 3, maxEntries: 4 },
    );
    expect(["a", "b", "c", "d"].map((aor) => log.of(aor).length)).toEqual([1, 0, 1, 1]);
    expect(log.size).toBe(3);
  });

  test("whatever comes, no more is kept than there is room for, and that is right", () => {
    const log = new DecisionLog({ perAor: 3, maxEntries: 50 });
    for (let at = 0; at < 5000; at += 1) {
      const aor = `user${(at * 7919) % 90}`;
      log.record(aor, true, facts({ reason: `r${at % 5}`, ctid: aor, source: aor }), at);
      expect(log.size).toBeLessThanOrEqual(50);
      expect(log.of(aor)[0]).toMatchObject({ reason: `r${at % 5}`, source: aor, atMs: at });
      for (const { source } of log.of(aor)) expect(source).toBe(aor);
    }
  });

  test("any history is what a plain list of runs would hold", () => {
    const steps = record({
      aor: constantFrom("a", "b"),
      ctid: constantFrom("1", "2", "3"),
      reason: constantFrom("x", "y"),
      ageSec: integer({ min: 0, max: 9 }),
    });
    assert(
      property(array(steps, { maxLength: 60 }), (given) => {
        const log = new DecisionLog({ perAor: 4, maxEntries: 1000 });
        const plain = new Map<string, string[][]>([
          ["a", []],
          ["b", []],
        ]);
        for (const [at, { aor, ...parts }] of given.entries()) {
          log.record(aor, true, facts(parts), at);
          const runs = plain.get(aor) ?? [];
          const index = runs.findIndex(([ctid]) => ctid === parts.ctid);
          const [run] = runs[index]?.[1] === parts.reason ? runs.splice(index, 1) : [];
          const count = Number(run?.[2] ?? 0) + 1;
          runs.unshift([parts.ctid, parts.reason, String(count), String(parts.ageSec)]);
          runs.splice(4);
        }
        for (const [aor, runs] of plain) {
          const found = log.of(aor).map(({ ctid, reason, count, ageSec }) => {
            return [ctid, reason, String(count), String(ageSec)];
          });
          expect(found).toEqual(runs);
        }
      }),
    );
  });

  test("names that nothing is bound to cannot have real ones forgotten", () => {
    const log = new DecisionLog({ perAor: 3, maxEntries: 100 });
    log.record(AOR, true, facts(), 0);
    for (let at = 1; at < 1000; at += 1) log.record(`made-up-${at}`, false, facts(), at);
    expect(log.of(AOR)).toHaveLength(1);
    expect(log.of("made-up-999")).toHaveLength(1);
    expect(log.size).toBeLessThanOrEqual(100);
  });

  test("what was decided before anything was bound stands beside what came after", () => {
    const log = new DecisionLog({ perAor: 3, maxEntries: 100 });
    log.record(AOR, false, facts({ outcome: "challenged" }), 1);
    log.record(AOR, true, facts({ outcome: "accepted" }), 2);
    expect(log.of(AOR).map(({ outcome }) => outcome)).toEqual(["accepted", "challenged"]);
  });

  test("with room for none per address-of-record nothing is kept", () => {
    const log = filled([[AOR, {}]], { perAor: 0, maxEntries: 100 });
    expect(log.isOn).toBe(false);
    expect(log.size).toBe(0);
  });
});
