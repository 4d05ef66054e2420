/** Section 1.4: absorb or forward. */
// oxlint-disable vitest/no-standalone-expect -- walk() runs the checks as tests.
import { expect } from "vitest";
import type { RegisterPolicy } from "../../../src/registrar/register-policy.ts";
import { answerTo, headerLine } from "../../support/messages.ts";
import type { RegisterOptions } from "../../support/phone.ts";
import { ALICE, CONTACT, type Outcome, PLACE, type Row, Stage, walk } from "./walk.ts";

const SECOND = "<sip:alice@198.51.100.8:40000>";
const UNKNOWN = "<sip:alice@192.0.2.99>";

interface Sequence {
  readonly policy?: Partial<RegisterPolicy>;
  readonly sent: readonly RegisterOptions[];
  readonly expected: readonly Outcome[];
}

/** What becomes of REGISTERs of one phone, one after the other. */
function sequence(
  [id, reference, midreg]: readonly [string, string, string],
  { policy, sent, expected }: Sequence,
): Row {
  return {
    id,
    reference,
    midreg,
    check: async () => {
      expect((await Stage.open(policy)).each(sent)).toEqual(expected);
    },
  };
}

const AOR = { mode: "aor" } as const;
const T1 = "T1: it has to be proven, so the main registrar decides; absorb: open is as there";

/** A refresh with something changed, under both kinds of proof. */
function changed(what: string, options: RegisterOptions): Row {
  return {
    id: "1.4 C7",
    reference: `a changed ${what} is absorbed and overwrites the record`,
    midreg: T1,
    check: async () => {
      for (const [absorb, outcome] of [
        ["proven", "F"],
        ["open", "A"],
      ] as const) {
        // Each kind in a world of its own.
        // oxlint-disable-next-line no-await-in-loop
        const stage = await Stage.open({ absorb });
        expect(stage.each([{}, options]).map(([kind]) => kind)).toEqual(["F", outcome]);
        expect(stage.bindings).toHaveLength(1);
      }
    },
  };
}

walk("1.4 contact throttling", [
  sequence(["1.4 C1", "a removal of a known contact is forwarded", "equal"], {
    sent: [{}, { expires: 0 }],
    expected: ["F 200", "F 200"],
  }),
  sequence(["1.4 C1", "a removal of an unknown contact is forwarded", "equal"], {
    sent: [{}, { contact: UNKNOWN, expires: 0 }],
    expected: ["F 200", "F 200"],
  }),
  sequence(["1.4 C2", "a CSeq that is too old: 400", "equal"], {
    sent: [{ cseq: 7 }, { cseq: 6 }],
    expected: ["F 200", "E 400"],
  }),
  sequence(["1.4 C3", "a retransmission is ignored, and answered", "equal"], {
    sent: [{}, { cseq: 1, branch: "z9hG4bK-again" }],
    expected: ["F 200", "A 200"],
  }),
  sequence(["1.4 C4", "an unknown contact is forwarded", "equal"], {
    sent: [{}, { contact: UNKNOWN }],
    expected: ["F 200", "F 200"],
  }),
  {
    id: "1.4 C5",
    reference: "a binding without its upstream state is forwarded",
    midreg: "every binding has it; what is doubted since an answer did not list it is forwarded",
    check: async () => {
      const stage = await Stage.open();
      stage.register();
      stage.world.main.answering = (text) => [answerTo(text, 200, "OK")];
      expect(stage.register({ headers: ["Require: made-up"] })).toBe("F 500");
      stage.world.main.answering = undefined;
      expect(stage.register()).toBe("F 200");
    },
  },
  sequence(["1.4 C6", "no longer upstream than asked for: forwarded", "equal"], {
    policy: { outgoingExpiresSec: 60 },
    sent: [{}, {}],
    expected: ["F 200", "F 200"],
  }),
  sequence(["1.4 C7", "longer upstream than asked for: absorbed", "equal"], {
    policy: { outgoingExpiresSec: 64 },
    sent: [{}, {}],
    expected: ["F 200", "A 200"],
  }),
  changed("Call-ID", { callId: "reboot" }),
  changed("source", { from: "198.51.100.7:41000" }),
  changed("q", { contact: `${CONTACT};q=0.5` }),
  changed("Path", { headers: ["Path: <sip:edge.test;lr>"] }),
  changed("+sip.instance", { contact: `${CONTACT};+sip.instance="<urn:x:1>"` }),
  sequence(["1.4 C7, Authorization", "credentials change nothing", "equal"], {
    sent: [{}, { headers: ['Authorization: Digest username="a"'] }],
    expected: ["F 200", "A 200"],
  }),
  sequence(["1.4 C7, other lifetime", "it counts only by the inequality", "equal"], {
    policy: { outgoingExpiresSec: 200 },
    sent: [{}, { expires: 150 }, { expires: 20 }],
    expected: ["F 200", "A 200", "A 200"],
  }),
  {
    id: "1.4 CT, two contacts",
    reference: "refreshes before the contact that forces a forward are kept, whatever comes of it",
    midreg: "T7, T30: all are judged first, and a refusal changes nothing",
    check: async () => {
      const stage = await Stage.open();
      stage.register();
      const before = structuredClone(stage.bindings);
      stage.world.main.isChallenging = true;
      expect(stage.register({ contact: `${CONTACT}, ${UNKNOWN}` })).toBe("F 401");
      expect(stage.bindings).toEqual(before);
    },
  },
  {
    id: "1.4 CT, worked example",
    reference: "asked 20, granted 9, e = 4: absorbed at 1 to 4 s, forwarded at 5 s",
    midreg: "equal but for upstream_margin: at 4 s only 5 s are left for 4 and the margin of 2",
    check: async () => {
      const policy = { outgoingExpiresSec: 20, minExpiresSec: 0 };
      const stage = await Stage.open(policy);
      stage.world.main.maxExpiresSec = 9;
      const outcomes = [0, 1, 2, 3, 4].map(() => {
        const outcome = stage.register({ expires: 4 });
        stage.world.pass(0.5);
        return outcome;
      });
      expect(outcomes).toEqual(["F 200", "A 200", "A 200", "A 200", "F 200"]);
    },
  },
  sequence(["1.4 CT, e = 25, granted 20", "always forwarded", "equal"], {
    policy: { outgoingExpiresSec: 20 },
    sent: [{ expires: 25 }, { expires: 25 }],
    expected: ["F 200", "F 200"],
  }),
  sequence(
    [
      "1.4 CT, defaults",
      "a phone that asks for 3600 is never absorbed",
      "equal, with a warning at start",
    ],
    {
      sent: [{ expires: 3600 }, { expires: 3600 }],
      expected: ["F 200", "F 200"],
    },
  ),
]);

/** Two devices of alice's in AoR throttling. */
async function two(policy: Partial<RegisterPolicy> = {}): Promise<Stage> {
  const stage = await Stage.open({ ...AOR, ...policy });
  stage.register();
  stage.register({}, stage.other);
  return stage;
}

walk("1.4 AoR throttling", [
  {
    id: "1.4 A0",
    reference: "a record without contacts is forwarded",
    midreg: "equal",
    check: async () => {
      const stage = await Stage.open(AOR);
      expect(stage.each([{}, { expires: 0 }, {}])).toEqual(["F 200", "F 200", "F 200"]);
    },
  },
  {
    id: "1.4 A1",
    reference: "the removal of the last is forwarded, and stays undone when it is refused",
    midreg: "equal",
    check: async () => {
      const stage = await Stage.open(AOR);
      stage.register();
      stage.world.main.answering = (text) => [answerTo(text, 403, "Forbidden")];
      expect(stage.register({ expires: 0 })).toBe("F 403");
      expect(stage.bindings).toHaveLength(1);
    },
  },
  {
    id: "1.4 A2, B3",
    reference: "the removal of one among several stays here",
    midreg: "equal, where it is proven",
    check: async () => {
      const stage = await two();
      expect(stage.register({ expires: 0 })).toBe("A 200");
      expect(stage.contacts).toEqual(["sip:alice@198.51.100.8:40000"]);
    },
  },
  {
    id: "1.4 A2 by a stranger",
    reference: "absorbed: the victim is removed",
    midreg: T1,
    check: async () => {
      const stage = await two();
      stage.world.main.isChallenging = true;
      expect(stage.register({ contact: CONTACT, expires: 0 }, stage.stranger)).toBe("F 401");
      expect(stage.bindings).toHaveLength(2);
    },
  },
  sequence(["1.4 A3", "a known contact is refreshed here", "equal"], {
    policy: AOR,
    sent: [{}, {}],
    expected: ["F 200", "A 200"],
  }),
  {
    id: "1.4 A4",
    reference:
      "an unknown contact is stored at once, before anybody has checked it, and stays after a 403",
    midreg: "promise 3: the main registrar decides, and a refusal changes nothing",
    check: async () => {
      const stage = await Stage.open(AOR);
      stage.register();
      stage.world.main.answering = (text) => [answerTo(text, 403, "Forbidden")];
      expect(stage.register({}, stage.other)).toBe("F 403");
      expect(stage.contacts).toEqual([`sip:alice@${PLACE}`]);
    },
  },
  sequence(
    [
      "1.4 A5",
      "the removal of an unknown contact is ignored",
      "nothing proves it, so the main registrar hears of it",
    ],
    {
      policy: AOR,
      sent: [{}, { contact: UNKNOWN, expires: 0 }],
      expected: ["F 200", "F 200"],
    },
  ),
  sequence(["1.4 A6", "a retransmission is ignored, a CSeq too old is 400", "equal"], {
    policy: AOR,
    sent: [{ cseq: 5 }, { cseq: 5, branch: "z9hG4bK-a" }, { cseq: 4 }],
    expected: ["F 200", "A 200", "E 400"],
  }),
  {
    id: "1.4 B1",
    reference:
      "the shortest lifetime decides, so a longer one may outlive the registration upstream",
    midreg: "T3: upstream has to outlive every one of them",
    check: async () => {
      const stage = await two({ outgoingExpiresSec: 100 });
      stage.world.pass(30);
      expect(stage.register({ expires: 10 })).toBe("A 200");
      expect(stage.register({ expires: 90 }, stage.other)).toBe("F 200");
    },
  },
  {
    id: "1.4 B2",
    reference: "all of several removed at once: forwarded, with lifetime 0",
    midreg: "equal",
    check: async () => {
      const stage = await two();
      expect(stage.register({ contact: `${CONTACT}, ${SECOND}`, expires: 0 })).toBe("F 200");
      expect(headerLine(stage.sent, "Expires")).toBe("0");
      expect([stage.bindings, stage.held]).toEqual([[], []]);
    },
  },
  {
    id: "1.4 capped e",
    reference: "what is asked for is capped to what the main registrar granted",
    midreg: "equal, less the margin",
    check: async () => {
      const stage = await Stage.open(AOR);
      stage.world.main.maxExpiresSec = 40;
      stage.register();
      expect(stage.told("Contact")).toBe(`${CONTACT};expires=38`);
      expect(stage.world.record(ALICE)?.bindings[0]?.upstream.contact).toBe(stage.held[0]);
    },
  },
]);
