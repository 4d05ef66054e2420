import { array, assert, integer, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { OutgoingPolicy } from "../../src/server/outgoing-policy.ts";
import { POLICY } from "../support/world.ts";

const short = { ...POLICY, rule: "short", outgoingExpiresSec: 300 };
const long = { ...POLICY, rule: "long", outgoingExpiresSec: 7200 };

describe("the lifetime that is asked of the main registrar", () => {
  test("is as it is set while the main registrar has said nothing", () => {
    const outgoing = new OutgoingPolicy([short, long]);
    expect(outgoing.applyTo(short)).toBe(short);
    expect(outgoing.longestSec).toBe(7200);
  });

  test("is raised where less is set, and nowhere else", () => {
    const outgoing = new OutgoingPolicy([short, long]);
    expect(outgoing.raise("", 1800)).toBe(true);
    expect(outgoing.applyTo(short)).toEqual({ ...short, outgoingExpiresSec: 1800 });
    expect(outgoing.applyTo(long)).toBe(long);
    expect(outgoing.longestSec).toBe(7200);
  });

  test("makes no new policy for each REGISTER", () => {
    const outgoing = new OutgoingPolicy([short]);
    outgoing.raise("", 1800);
    const raised = outgoing.applyTo(short);
    expect(outgoing.applyTo(short)).toBe(raised);
    outgoing.raise("", 3600);
    expect(outgoing.applyTo(short)).toMatchObject({ rule: "short", outgoingExpiresSec: 3600 });
  });

  test("never falls, whatever the main registrar says later, and only news is news", () => {
    assert(
      property(array(integer({ min: 1, max: 86_400 }), { minLength: 1 }), (demands) => {
        const outgoing = new OutgoingPolicy([short, long]);
        let floorSec = 0;
        for (const demand of demands) {
          expect(outgoing.raise("", demand)).toBe(demand > floorSec);
          floorSec = Math.max(floorSec, demand);
          expect(outgoing.applyTo(short).outgoingExpiresSec).toBe(Math.max(300, floorSec));
          expect(outgoing.longestSec).toBe(Math.max(7200, floorSec));
        }
      }),
    );
  });
});
