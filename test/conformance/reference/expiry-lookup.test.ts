/** Sections 3 and 4: expiry and de-registration, lookup. */
// oxlint-disable vitest/no-standalone-expect -- walk() runs the checks as tests.
import { expect } from "vitest";
import { compilePattern } from "../../../src/pattern/pattern.ts";
import { answerTo, headerLine, headerLines, methodOf } from "../../support/messages.ts";
import { World } from "../../support/world.ts";
import { CONTACT, PLACE, type Row, Stage, walk } from "./walk.ts";

const AOR = { mode: "aor" } as const;

/** REGISTERs with lifetime 0 that midreg sends once the phones are gone. */
async function lapsed(mode: "mirror" | "contact" | "aor", phones: 1 | 2): Promise<number> {
  const stage = await Stage.open({ mode });
  stage.register();
  if (phones === 2) stage.register({ expires: 30 }, stage.other);
  const before = stage.forwarded;
  stage.world.pass(phones === 2 ? 45 : 120);
  return stage.forwarded - before;
}

const lapses: readonly (readonly [
  string,
  string,
  string,
  "mirror" | "contact" | "aor",
  1 | 2,
  number,
])[] = [
  ["mirror", "dropped in silence", "equal", "mirror", 1, 0],
  ["CT", "a de-registration for the contact", "equal", "contact", 1, 1],
  ["AOR, one of several", "nothing", "equal", "aor", 2, 0],
  ["AOR, the last", "one for the address-of-record", "equal", "aor", 1, 1],
];

walk("3 expiry and de-registration", [
  ...lapses.map(
    ([what, reference, midreg, mode, phones, expected]): Row => ({
      id: `3.1 ${what}`,
      reference,
      midreg,
      check: async () => {
        expect(await lapsed(mode, phones)).toBe(expected);
      },
    }),
  ),
  {
    id: "3.1 timing",
    reference: "0 to 60 s after the expiry, and calls still go there",
    midreg: "within seconds, and calls end with the lifetime",
    check: async () => {
      const stage = await Stage.open();
      stage.register();
      const [contact = ""] = stage.held;
      stage.world.pass(59.6);
      expect(stage.call(contact)).toBe(404);
      stage.world.pass(5);
      expect(stage.sentHeader("Contact")).toMatch(/;expires=0$/u);
    },
  },
  {
    id: "3.2",
    reference:
      "Request-URI, To, From and the exact Contact of before, without Expires; Call-ID and CSeq of the phone",
    midreg: "under midreg's own Call-ID, with a higher CSeq",
    check: async () => {
      const stage = await Stage.open();
      stage.register();
      const registered = stage.sent;
      stage.world.pass(70);
      expect(stage.sent.split("\r\n", 1)).toEqual(registered.split("\r\n", 1));
      for (const name of ["To", "Call-ID"]) {
        expect(stage.sentHeader(name)).toBe(headerLine(registered, name));
      }
      expect(stage.sentHeader("From")).toMatch(/^<sip:alice@sip\.test>;tag=/u);
      expect(stage.sentHeader("CSeq")).toBe("2 REGISTER");
      expect(stage.sentHeader("Contact")).toBe(
        headerLine(registered, "Contact").replace("=3600", "=0"),
      );
      for (const name of ["Expires", "Route", "Authorization", "Path"]) {
        expect(headerLines(stage.sent, name)).toEqual([]);
      }
    },
  },
  {
    id: "3.3",
    reference: "a failure is forgotten",
    midreg: "T6: tried again until the main registrar agrees or forgets",
    check: async () => {
      const stage = await Stage.open();
      stage.register();
      stage.world.main.answering = (text) => [answerTo(text, 500, "Busy")];
      stage.world.pass(70);
      stage.world.main.answering = undefined;
      stage.world.pass(300);
      expect(stage.held).toEqual([]);
    },
  },
  {
    id: "3.4",
    reference: "after an absorbed refresh under another Call-ID the CSeq goes backwards",
    midreg: "T5: midreg's own numbers only rise",
    check: async () => {
      const stage = await Stage.open({ absorb: "open" });
      stage.world.main.isStrict = true;
      stage.each([
        { callId: "a1", cseq: 10 },
        { callId: "a2", cseq: 3 },
      ]);
      stage.world.pass(70);
      expect(stage.held).toEqual([]);
    },
  },
  {
    id: "3.5",
    reference: "with a database: absorption goes on, and what expired meanwhile is de-registered",
    midreg: "equal",
    check: async () => {
      const stage = await Stage.open();
      stage.register();
      const { store } = stage.world;
      const next = await World.start({ after: stage.world, store });
      stage.phone.register();
      next.pass(0.5);
      expect([stage.phone.lastStatus, stage.forwarded]).toEqual([200, 1]);
      const drained = next.server.drain();
      next.pass(100);
      await drained;
      const last = await World.start({ after: next, store });
      last.pass(10);
      expect(stage.held).toEqual([]);
    },
  },
  {
    id: "3.6",
    reference: "noDR sticks: after removal and return, the next expiry is not told",
    midreg: "what is owed belongs to each registration",
    check: async () => {
      const stage = await Stage.open(AOR);
      stage.each([{}, { expires: 0 }, {}]);
      stage.world.pass(80);
      expect(stage.held).toEqual([]);
    },
  },
]);

/** Two devices of alice's in AoR throttling, with q and Allow, and the contact that calls come for. */
async function called(lookup: object = {}): Promise<{ stage: Stage; uri: string }> {
  const stage = await Stage.open(AOR, { lookup });
  stage.register({ contact: `${CONTACT};q=0.2`, headers: ["Allow: INVITE, MESSAGE"] });
  stage.register({ headers: ["Allow: INVITE"] }, stage.other);
  return { stage, uri: `sip:${new URL(stage.held[0] ?? "").pathname}` };
}

/** The same two devices, pinged twice a minute; the first one takes 100 ms to answer. */
async function pinged(lookup: object): Promise<{ stage: Stage; uri: string }> {
  const ping = { intervalMs: 30_000, choice: "always" } as const;
  const stage = await Stage.open(AOR, { lookup, ping });
  for (const [phone, slowMs] of [
    [stage.phone, 100],
    [stage.other, 5],
  ] as const) {
    stage.register({ expires: 600 }, phone);
    phone.onRequest = (text) => {
      const answer = (): void => phone.send(answerTo(text, 200, "OK"));
      if (methodOf(text) === "OPTIONS") stage.world.clock.later(slowMs, answer);
    };
  }
  return { stage, uri: `sip:${new URL(stage.held[0] ?? "").pathname}` };
}

/** How many requests each device has got, without repetitions and pings. */
function rung({ phone, other }: Stage): readonly number[] {
  return [phone, other].map(({ requests }) => {
    const calls = requests.filter((text) => methodOf(text) !== "OPTIONS");
    return new Set(calls.map((text) => headerLine(text, "Call-ID"))).size;
  });
}

walk("4 lookup", [
  {
    id: "4.1",
    reference:
      "the identifier gives contact URI, destination and the socket that took the REGISTER; expiry is ignored",
    midreg: "equal, but what has expired is 404 (section 3.1)",
    check: async () => {
      const stage = await Stage.open();
      stage.register();
      stage.call(stage.held[0] ?? "");
      expect(stage.phone.requests[0]?.split("\r\n", 1)).toEqual([
        `MESSAGE sip:alice@${PLACE} SIP/2.0`,
      ]);
    },
  },
  {
    id: "4.1-2, 4.4",
    reference: "no identifier, or an unknown one: not found (-1)",
    midreg: "equal: 404",
    check: async () => {
      const stage = await Stage.open();
      stage.register();
      expect(stage.call("sip:alice@192.0.2.1:5060")).toBe(404);
      expect(stage.call(`sip:alice@192.0.2.1:5060;ctid=${"0".repeat(16)}`)).toBe(404);
    },
  },
  {
    id: "4.2-1, 4.2-4",
    reference: "AOR: the user part is the address-of-record, and all devices are branches",
    midreg: "equal",
    check: async () => {
      const { stage, uri } = await called();
      stage.call(uri);
      expect(rung(stage)).toEqual([1, 1]);
    },
  },
  {
    id: "4.2-2, 4.4",
    reference: "method-filtering leaves out those that do not allow the method; -2 when none does",
    midreg: "equal: 405",
    check: async () => {
      const { stage, uri } = await called({ filtersMethods: true });
      stage.call(uri);
      expect(rung(stage)).toEqual([1, 0]);
      expect(stage.call(uri, { method: "INFO" })).toBe(405);
    },
  },
  {
    id: "4.2-4, no-branches",
    reference: "only the first",
    midreg: "equal (lookup.no_branches): the one with the highest q",
    check: async () => {
      const { stage, uri } = await called({ fork: "best" });
      stage.call(uri);
      expect(rung(stage)).toEqual([0, 1]);
    },
  },
  {
    id: "4.2-5, 4.2-6",
    reference: "a refresh with another q puts the contact in the wrong place",
    midreg: "sorted anew each time",
    check: async () => {
      const { stage, uri } = await called({ fork: "best" });
      stage.register({ contact: `<sip:alice@198.51.100.8:40000>;q=0.1` }, stage.other);
      stage.call(uri);
      expect(rung(stage)).toEqual([1, 0]);
    },
  },
  {
    id: "4.2-2, User-Agent",
    reference: "ua-filtering leaves out those whose User-Agent does not match; -1 when none does",
    midreg: "equal (lookup.ua_filtering): 404",
    check: async () => {
      const { stage, uri } = await called({ userAgent: compilePattern("/TEST/i") });
      stage.call(uri);
      expect(rung(stage)).toEqual([1, 1]);
      const none = await called({ userAgent: compilePattern("Yealink*") });
      expect(none.stage.call(none.uri)).toBe(404);
      expect(rung(none.stage)).toEqual([0, 0]);
    },
  },
  {
    id: "4.2-2, latency",
    reference: "max-ping-latency leaves out slower devices; 0, never pinged, passes",
    midreg: "equal, in milliseconds",
    check: async () => {
      const { stage, uri } = await pinged({ maxLatencyMs: 50 });
      stage.call(uri);
      expect(rung(stage)).toEqual([1, 1]);
      stage.world.pass(35);
      stage.call(uri);
      expect(rung(stage)).toEqual([1, 2]);
    },
  },
  {
    id: "4.2-3",
    reference: "sort-by-latency: ascending, never-pinged last",
    midreg: "equal",
    check: async () => {
      const { stage, uri } = await pinged({ sortsByLatency: true, fork: "best" });
      stage.call(uri);
      expect(rung(stage)).toEqual([1, 0]);
      stage.world.pass(35);
      stage.call(uri);
      expect(rung(stage)).toEqual([1, 1]);
    },
  },
  {
    id: "4.3 Path",
    reference: "the first Path URI is the next hop, and all of them are the Route",
    midreg: "equal, without hops that are midreg itself",
    check: async () => {
      const stage = await Stage.open();
      stage.register({ headers: ["Path: <sip:198.51.100.8:40000;lr>, <sip:next;lr>"] });
      stage.call(stage.held[0] ?? "");
      expect(headerLine(stage.other.requests[0] ?? "", "Route")).toBe(
        "<sip:198.51.100.8:40000;lr>, <sip:next;lr>",
      );
    },
  },
  {
    id: "4.3 received",
    reference: "without Path: the received address, else the contact",
    midreg: "equal: always where the REGISTER came from",
    check: async () => {
      const stage = await Stage.open();
      stage.register({ contact: "<sip:alice@10.0.0.9:5060>" });
      stage.call(stage.held[0] ?? "");
      expect(stage.phone.requests[0]).toMatch(/^MESSAGE sip:alice@10\.0\.0\.9:5060 /u);
    },
  },
]);
