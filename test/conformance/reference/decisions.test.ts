/** Sections 1.1 to 1.3: processing order, sanity of contacts, which contacts are known. */
// oxlint-disable vitest/no-standalone-expect -- walk() runs the checks as tests.
import { expect } from "vitest";
import { headerLines } from "../../support/messages.ts";
import type { RegisterOptions } from "../../support/phone.ts";
import { ALICE, CONTACT, PLACE, type Row, Stage, walk } from "./walk.ts";

const MODES = ["mirror", "contact", "aor"] as const;

/** A REGISTER that nobody here knows anything of is refused before the main registrar hears of it. */
function refused(id: string, reference: string, options: RegisterOptions, midreg = "equal"): Row {
  return {
    id,
    reference,
    midreg,
    check: async () => {
      const stage = await Stage.open();
      expect(stage.register(options)).toBe("E 400");
    },
  };
}

walk("1.1 processing order", [
  {
    id: "1.1-1",
    reference: "not a REGISTER: 501",
    midreg: "midreg is a proxy as well; a stranger's request is 403",
    check: async () => {
      const stage = await Stage.open();
      stage.call("sip:bob@sip.test", { from: stage.stranger.place });
      expect(stage.stranger.statuses).toEqual([403]);
    },
  },
  refused("1.1-2", "Expires that does not parse: 400", {
    expires: undefined,
    headers: ["Expires: soon"],
  }),
  refused("1.1-2", "Contact that does not parse: 400", { contact: "<sip:a@b" }),
  {
    id: "1.1-3",
    reference: "an address-of-record without user: 400",
    midreg: "equal",
    check: async () => {
      const stage = await Stage.open();
      stage.phone.send(stage.phone.buildRegister().replace("To: <sip:alice@", "To: <sip:"));
      stage.world.pass(1);
      expect([stage.phone.lastStatus, stage.forwarded]).toEqual([400, 0]);
    },
  },
  ...MODES.map(
    (mode): Row => ({
      id: `1.1-5, S (${mode})`,
      reference: "a star is forwarded, whatever is known",
      midreg: "equal",
      check: async () => {
        const stage = await Stage.open({ mode });
        expect(stage.each([{}, { contact: "*", expires: 0 }])).toEqual(["F 200", "F 200"]);
        expect([stage.sentHeader("Contact"), stage.sentHeader("Expires")]).toEqual(["*", "0"]);
        expect([stage.bindings, stage.held]).toEqual([[], []]);
      },
    }),
  ),
  {
    id: "1.1-6, F",
    reference: "a fetch is absorbed and answered with nothing, or another user's contacts",
    midreg:
      "RFC 3261 section 10.3 step 8: it lists the bindings, for whoever is proven to be their owner",
    check: async () => {
      const stage = await Stage.open();
      expect(stage.each([{}, { contact: "" }])).toEqual(["F 200", "A 200"]);
      expect(stage.told("Contact")).toBe(`${CONTACT};expires=59`);
      stage.world.main.isChallenging = true;
      expect(stage.register({ contact: "" }, stage.stranger)).toBe("F 401");
    },
  },
  {
    id: "1.1-7, P",
    reference: "push parameters of an unknown service: 555, where push is on",
    midreg: "equal where push is off, which is the default: an ordinary contact",
    check: async () => {
      const stage = await Stage.open();
      const contact = `<sip:alice@${PLACE};pn-provider=x;pn-prid=y>`;
      expect(stage.each([{ contact }, { contact }])).toEqual(["F 200", "A 200"]);
    },
  },
  {
    id: "1.1-8",
    reference: "Path never leaves toward the main registrar",
    midreg: "equal",
    check: async () => {
      const stage = await Stage.open();
      stage.register({ headers: ["Path: <sip:edge.test;lr>"] });
      expect(headerLines(stage.sent, "Path")).toEqual([]);
    },
  },
  {
    id: "1.1-9",
    reference: "mirror mode forwards everything",
    midreg: "equal",
    check: async () => {
      const stage = await Stage.open({ mode: "mirror" });
      expect(stage.each([{}, {}, { contact: "" }])).toEqual(["F 200", "F 200", "F 200"]);
    },
  },
  ...MODES.map(
    (mode): Row => ({
      id: `1.1-10, N (${mode})`,
      reference: "an unknown address-of-record is forwarded",
      midreg: "equal",
      check: async () => {
        expect((await Stage.open({ mode })).register()).toBe("F 200");
      },
    }),
  ),
  {
    id: "1.1 (no authentication)",
    reference: "no step authenticates anybody",
    midreg:
      "promise 3: without proof it is the main registrar's to decide; absorb: open is as there",
    check: async () => {
      const stage = await Stage.open();
      stage.register();
      expect(stage.register({ contact: CONTACT }, stage.stranger)).toBe("F 200");
      const open = await Stage.open({ absorb: "open" });
      open.register();
      expect(open.register({ contact: CONTACT }, open.stranger)).toBe("A 200");
    },
  },
  {
    id: "1.1 (return code 0)",
    reference: "a retransmission of what is being forwarded ends there",
    midreg: "equal",
    check: async () => {
      const stage = await Stage.open();
      stage.world.main.answering = () => [];
      stage.phone.send(stage.phone.register());
      stage.world.pass(0.2);
      expect(stage.forwarded).toBe(1);
    },
  },
]);

walk("1.2 sanity of contacts", [
  refused("1.2-1", "a star that is not for removal: 400", { contact: "*", expires: 60 }),
  refused("1.2-1", "a star without Expires: 400", { contact: "*", expires: undefined }),
  refused("1.2-2", "a star before another contact: 400", { contact: `*, ${CONTACT}`, expires: 0 }),
  refused("1.2-2", "a star behind another contact: 400", { contact: `${CONTACT}, *`, expires: 0 }),
  {
    id: "1.2-3",
    reference: "a star with Expires 0 is accepted, for a user nobody knows too",
    midreg: "equal",
    check: async () => {
      expect((await Stage.open()).register({ contact: "*", expires: 0 })).toBe("F 200");
    },
  },
  ...[0, 1].map(
    (at): Row => ({
      id: `1.2-4 (contact ${at + 1})`,
      reference: "a contact that is too long: 400, but the first is not measured",
      midreg: "each contact is measured (max_contact_len)",
      check: async () => {
        const stage = await Stage.open({ maxContactLength: 255 });
        const long = `<sip:${"a".repeat(255)}@h>`;
        const contacts = at === 0 ? [long, CONTACT] : [CONTACT, long];
        expect(stage.register({ contact: contacts.join(", ") })).toBe("E 400");
      },
    }),
  ),
]);

/** What becomes of two REGISTERs in a row. */
function twice(
  first: RegisterOptions,
  second: RegisterOptions,
  policy = {},
): () => Promise<string> {
  return async () => {
    const stage = await Stage.open(policy);
    stage.register(first);
    const outcome = stage.register(second);
    return `${outcome}, ${stage.bindings.length}`;
  };
}

const WITH_X = { contact: `<sip:alice@${PLACE};x=1>` };
const matching: readonly (readonly [string, string, string, () => Promise<string>, string])[] = [
  [
    "mode 0",
    "a parameter that only one URI has is ignored",
    "equal, and the main registrar is told of the change",
    twice(WITH_X, {}),
    "F 200, 1",
  ],
  [
    "mode 0, without proof",
    "a parameter that only one URI has is ignored",
    "equal",
    twice(WITH_X, {}, { absorb: "open" }),
    "A 200, 1",
  ],
  [
    "mode 0",
    "a parameter that differs makes another contact",
    "equal",
    twice(WITH_X, { contact: `<sip:alice@${PLACE};x=2>` }),
    "F 200, 2",
  ],
  [
    "mode 0",
    "transport in only one URI makes another contact",
    "equal",
    twice({}, { contact: `<sip:alice@${PLACE};transport=udp>` }),
    "F 200, 2",
  ],
  [
    "mode 0",
    "users compare with case",
    "equal",
    twice({}, { contact: `<sip:Alice@${PLACE}>` }),
    "F 200, 2",
  ],
  [
    "mode 0",
    "escapes in the user are undone",
    "equal",
    twice({}, { contact: `<sip:%61lice@${PLACE}>` }),
    "F 200, 1",
  ],
  [
    "mode 1",
    "another Call-ID makes another contact",
    "equal",
    twice({}, { callId: "b" }, { matchingMode: "contact-call-id" }),
    "F 200, 2",
  ],
  [
    "<param>",
    "equal values are one device, and the URI is replaced",
    "equal",
    twice({ contact: "<sip:a@192.0.2.77;x=1>" }, WITH_X, {
      matchingMode: "param:x",
      absorb: "open",
    }),
    "A 200, 1",
  ],
  [
    "<param>",
    "a contact without the parameter takes the first binding's place",
    "it must never take another device's place",
    twice(WITH_X, { contact: "<sip:b@192.0.2.78>" }, { matchingMode: "param:x" }),
    "F 200, 2",
  ],
];

walk("1.3 known contacts", [
  ...matching.map(
    ([mode, reference, midreg, run, expected]): Row => ({
      id: `1.3 ${mode}`,
      reference,
      midreg,
      check: async () => {
        expect(await run()).toBe(expected);
      },
    }),
  ),
  {
    id: "1.3 mode 0, stored URI",
    reference: "the URI stays as first seen",
    midreg: "equal where it is absorbed",
    check: async () => {
      const stage = await Stage.open({ absorb: "open" });
      stage.each([{}, WITH_X]);
      expect(stage.contacts).toEqual([`sip:alice@${PLACE}`]);
    },
  },
  {
    id: "1.3 <param>, stored URI",
    reference: "the URI is replaced",
    midreg: "equal",
    check: async () => {
      const stage = await Stage.open({ matchingMode: "param:x", absorb: "open" });
      stage.each([{ contact: "<sip:a@192.0.2.77;x=1>" }, WITH_X]);
      expect(stage.contacts).toEqual([`sip:alice@${PLACE};x=1`]);
    },
  },
  {
    id: "1.3 CSeq higher",
    reference: "a refresh",
    midreg: "equal",
    check: async () => {
      const stage = await Stage.open();
      expect(stage.each([{ cseq: 5 }, { cseq: 9 }])).toEqual(["F 200", "A 200"]);
      expect(stage.bindings[0]?.cseq).toBe(9);
    },
  },
  {
    id: "1.3 CSeq equal, young",
    reference: "within cseq_delay a retransmission: 200, and nothing is updated",
    midreg: "equal",
    check: async () => {
      const stage = await Stage.open();
      stage.each([{ cseq: 5 }, { cseq: 6 }]);
      const before = structuredClone(stage.bindings);
      expect(stage.register({ cseq: 6 })).toBe("A 200");
      expect(stage.bindings).toEqual(before);
    },
  },
  {
    id: "1.3 CSeq equal, old",
    reference: "after cseq_delay: 400",
    midreg: "a phone that starts anew may use it again, so the main registrar decides",
    check: async () => {
      const stage = await Stage.open();
      stage.register({ cseq: 5 });
      stage.world.pass(25);
      expect(stage.register({ cseq: 5 })).toBe("F 200");
    },
  },
  ...MODES.map(
    (mode): Row => ({
      id: `1.3 CSeq lower (${mode})`,
      reference: mode === "mirror" ? "a second binding of the same URI" : "400",
      midreg: mode === "mirror" ? "RFC 3261 section 10.3 step 7: refused in every mode" : "equal",
      check: async () => {
        const stage = await Stage.open({ mode });
        expect(stage.each([{ cseq: 5 }, { cseq: 4 }])).toEqual(["F 200", "E 400"]);
        expect(stage.bindings).toHaveLength(1);
      },
    }),
  ),
  {
    id: "1.3 allow_dup_cseq",
    reference: "one number less than stored is answered 200 without effect",
    midreg: "RFC 3261 section 10.3 step 7: it is out of order",
    check: async () => {
      const stage = await Stage.open();
      expect(stage.each([{ cseq: 5 }, { cseq: 6 }, { cseq: 5 }])).toEqual([
        "F 200",
        "A 200",
        "E 400",
      ]);
    },
  },
  {
    id: "1.3 another Call-ID",
    reference: "its CSeq is not compared",
    midreg: "equal, but it has to be proven anew",
    check: async () => {
      const stage = await Stage.open();
      expect(stage.each([{ cseq: 5 }, { cseq: 1, callId: "reboot" }])).toEqual(["F 200", "F 200"]);
      expect(stage.world.record(ALICE)?.bindings[0]?.cseq).toBe(1);
    },
  },
]);
