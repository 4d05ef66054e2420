/**
 * Any dialog through midreg, whoever is in it and whichever proxies stay on its path: a request inside of it comes out
 * at the other party, its Request-URI as it was, by every proxy that has recorded itself, and at nobody else.
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { runs } from "../../support/effort.ts";
import { World } from "../../support/world.ts";
import { DialogWalk, EDGES, FAR, type Kind, MAIN, type Plan, type Step } from "./dialog-walk.ts";

const kind = fc.constantFrom<Kind>("phone", "edged phone", "outside");
const plans: fc.Arbitrary<Plan> = fc
  .record({
    caller: kind,
    callee: kind,
    recording: fc.subarray([MAIN, FAR, ...EDGES]),
    hasFar: fc.boolean(),
    steps: fc.array(
      fc.record({
        what: fc.constantFrom<Step["what"]>(
          "INVITE",
          "ACK",
          "BYE",
          "INFO",
          "UPDATE",
          "REFER",
          "DANCE",
          "move",
          "restart",
        ),
        isFromCaller: fc.boolean(),
      }),
      { minLength: 2, maxLength: 8 },
    ),
  })
  .filter(({ caller, callee }) => caller !== "outside" || callee !== "outside");

test("requests in any dialog come out at the other party with the route set intact", async () => {
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      expect(await new DialogWalk(await World.start(), plan).run()).toEqual([]);
    }),
    runs(100),
  );
}, 60_000);
