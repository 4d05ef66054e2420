/** Section 2: answers of the main registrar. */
// oxlint-disable vitest/no-standalone-expect -- walk() runs the checks as tests.
import { expect } from "vitest";
import { answerTo, headerLine } from "../../support/messages.ts";
import { CONTACT, PLACE, type Row, Stage, walk } from "./walk.ts";

const AOR = { mode: "aor" } as const;

/** An answer of the main registrar to a refresh that is forwarded: what the phone hears, and what stays. */
function answered(
  id: string,
  reference: string,
  midreg: string,
  given: readonly [string, readonly string[], string],
): Row {
  const [status, headers, expected] = given;
  return {
    id,
    reference,
    midreg,
    check: async () => {
      const stage = await Stage.open();
      stage.register();
      const before = structuredClone(stage.bindings);
      stage.world.main.answering = (text) => [answerTo(text, Number(status), "Given", { headers })];
      expect(stage.register({ callId: "again" })).toBe(expected);
      expect(stage.bindings).toEqual(before);
      for (const line of expected.endsWith(status) ? headers : [])
        expect(stage.phone.last).toContain(line);
    },
  };
}

const PASSED = "passed on untouched, and nothing changes";

walk("2 answers of the main registrar", [
  answered(
    "2.1-1",
    "a 2xx that does not list the contact is passed on, and the phone believes it",
    "T9: an error, and the next refresh is forwarded",
    ["200", ["Contact: <sip:foreign@192.0.2.99>;expires=60"], "F 500"],
  ),
  answered("2.3 302", PASSED, "equal", ["302", ["Contact: <sip:x@y>"], "F 302"]),
  answered("2.3 401", PASSED, "equal", [
    "401",
    ['WWW-Authenticate: Digest realm="r", nonce="n"'],
    "F 401",
  ]),
  answered("2.3 403", PASSED, "equal", ["403", [], "F 403"]),
  answered("2.3 404", PASSED, "equal", ["404", ["X-Why: y"], "F 404"]),
  answered("2.3 500", PASSED, "equal", ["500", ["Retry-After: 7"], "F 500"]),
  answered("2.3 603", PASSED, "equal", ["603", [], "F 603"]),
  {
    id: "2.3 423",
    reference: "passed on, though the phone has not asked for that lifetime",
    midreg: "T24: asked again with Min-Expires, and remembered",
    check: async () => {
      const stage = await Stage.open();
      stage.world.main.answering = (text) =>
        headerLine(text, "Expires") === "7200"
          ? [stage.world.main.answer(text)]
          : [answerTo(text, 423, "Interval Too Brief", { headers: ["Min-Expires: 7200"] })];
      expect([stage.register(), stage.forwarded]).toEqual(["F 200", 2]);
      expect([stage.register({}, stage.other), stage.forwarded]).toEqual(["F 200", 3]);
    },
  },
  {
    id: "2.1-2",
    reference: "listed and granted: stored, for min(e, granted)",
    midreg: "equal, less the margin",
    check: async () => {
      const stage = await Stage.open();
      stage.world.main.maxExpiresSec = 30;
      stage.register();
      expect(stage.told("Contact")).toBe(`${CONTACT};expires=28`);
    },
  },
  {
    id: "2.1-2, removal",
    reference:
      "a removal that is granted removes the binding, without a de-registration of midreg's",
    midreg: "equal",
    check: async () => {
      const stage = await Stage.open();
      stage.each([{}, { expires: 0 }]);
      stage.world.pass(120);
      expect([stage.bindings, stage.forwarded]).toEqual([[], 2]);
    },
  },
  {
    id: "2.1-4",
    reference: "the grant is the contact's parameter, else the Expires header",
    midreg: "equal",
    check: async () => {
      const stage = await Stage.open();
      stage.world.main.answering = (text) => {
        const contact = headerLine(text, "Contact").replace(/;expires=\d+/u, "");
        return [answerTo(text, 200, "OK", { headers: [`Contact: ${contact}`, "Expires: 40"] })];
      };
      stage.register();
      expect(stage.told("Contact")).toBe(`${CONTACT};expires=38`);
    },
  },
  {
    id: "2.1-5",
    reference:
      "max_contacts is found exceeded at the 2xx: everything is deleted, and the phone hears 200",
    midreg: "T8: refused before the main registrar hears of it",
    check: async () => {
      const stage = await Stage.open({ maxContacts: 1 });
      stage.register();
      expect(stage.register({}, stage.other)).toBe("E 503");
      expect(stage.contacts).toEqual([`sip:alice@${PLACE}`]);
    },
  },
  {
    id: "2.2, recognised",
    reference: "main's contact is any that contains the escaped address-of-record",
    midreg: "the whole user has to be it",
    check: async () => {
      const stage = await Stage.open(AOR);
      stage.world.main.answering = (text) => {
        const headers = [`Contact: ${headerLine(text, "Contact").replace("sip:", "sip:x")}`];
        return [answerTo(text, 200, "OK", { headers })];
      };
      expect(stage.register()).toBe("F 500");
      expect(stage.bindings).toEqual([]);
    },
  },
  {
    id: "2.2, not found",
    reference: "known contacts of the request are deleted",
    midreg: "T9: an error, and what was registered before stays until it runs out",
    check: async () => {
      const stage = await Stage.open(AOR);
      stage.register();
      stage.world.main.answering = (text) => [answerTo(text, 200, "OK")];
      expect(stage.register({ callId: "again" })).toBe("F 500");
      expect(stage.bindings).toHaveLength(1);
    },
  },
  {
    id: "2.3, no answer",
    reference: "408",
    midreg: "RFC 4320 section 4.2: 504, before the phone's own timer",
    check: async () => {
      const stage = await Stage.open();
      stage.world.main.isSilent = true;
      stage.phone.register();
      stage.world.pass(11);
      expect(stage.phone.statuses).toEqual([100, 504]);
    },
  },
  {
    id: "2.3, removal refused",
    reference: "the binding stays",
    midreg: "equal",
    check: async () => {
      const stage = await Stage.open();
      stage.register();
      stage.world.main.answering = (text) => [answerTo(text, 403, "Forbidden")];
      expect(stage.register({ expires: 0 })).toBe("F 403");
      expect(stage.bindings).toHaveLength(1);
    },
  },
  {
    id: "2.4",
    reference: "a star that succeeded is followed by de-registrations of what it has removed",
    midreg: "T10: by none",
    check: async () => {
      const stage = await Stage.open();
      stage.each([{}, { contact: "*", expires: 0 }]);
      stage.world.pass(120);
      expect([stage.bindings, stage.forwarded]).toEqual([[], 2]);
    },
  },
  {
    id: "2.5",
    reference: "each branch rewrites the contacts again",
    midreg: "one target at a time, and the next gets the same contacts",
    check: async () => {
      const targets = ["192.0.2.60:5060", "192.0.2.50:5060"];
      const stage = await Stage.open(
        {},
        { upstreamUri: "sip:registrar.test", upstreamTargets: targets },
      );
      const heard: string[] = [];
      stage.world.network.listen("192.0.2.60:5060", (text) => {
        if (!text.startsWith("REGISTER")) return;
        heard.push(headerLine(text, "Contact"));
        stage.world.network.send(answerTo(text, 503, "Busy"), "192.0.2.60:5060", "192.0.2.1:5060");
      });
      expect(stage.register()).toBe("F 200");
      expect(heard).toEqual([stage.sentHeader("Contact")]);
    },
  },
  {
    id: "2.6",
    reference: "without any answer an empty record is dropped",
    midreg: "equal: nothing is kept before the answer",
    check: async () => {
      const stage = await Stage.open();
      stage.world.main.isSilent = true;
      stage.phone.register();
      stage.world.pass(40);
      expect(stage.world.store.status().bindings).toBe(0);
    },
  },
  {
    id: "2.7",
    reference: "main's 2xx, repeated, is processed once",
    midreg: "equal",
    check: async () => {
      const stage = await Stage.open();
      stage.world.main.answering = (text) => {
        const answer = stage.world.main.answer(text);
        return [answer, answer];
      };
      stage.register();
      expect([stage.phone.statuses, stage.bindings.length]).toEqual([[200], 1]);
    },
  },
]);
