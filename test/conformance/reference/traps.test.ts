/** Section 11: the traps that test/server/traps.test.ts does not hold already, and that none is missing. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { load } from "../../config/load.ts";
import { answerTo, headerLine } from "../../support/messages.ts";
import { BED, contactOf, DESK, got, SleepWorld } from "../../support/sleepers.ts";
import { CONTACT, type Row, Stage, walk } from "./walk.ts";

const AOR = { mode: "aor" } as const;
const INSTANCE = '+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"';

function warned(yaml: string): string {
  return load({ yaml }).warnings.join("\n");
}

const ROWS: readonly Row[] = [
  {
    id: "T14",
    reference:
      "AOR keeps the first next hop, contact and grant; a failover or another grant goes unnoticed",
    midreg: "all of it is taken anew from each 2xx",
    check: async () => {
      const stage = await Stage.open(AOR);
      stage.register();
      stage.world.main.maxExpiresSec = 30;
      stage.register({ callId: "again" });
      const [{ upstream, expiresAtMs } = { upstream: undefined, expiresAtMs: 0 }] = stage.bindings;
      const nowMs = stage.world.clock.nowMs();
      expect(upstream?.expiresAtMs).toBeLessThanOrEqual(nowMs + 30_000);
      expect(expiresAtMs).toBeLessThan(nowMs + 30_000);
    },
  },
  {
    id: "T17",
    reference: "the contact upstream has no transport, so that calls come over UDP whatever it is",
    midreg:
      "none over UDP, which is what a URI without it means; extra_contact_params can say more",
    check: async () => {
      const stage = await Stage.open({ extraContactParams: ";transport=udp" });
      stage.register();
      expect(stage.sentHeader("Contact")).toMatch(/;transport=udp>/u);
      stage.call(stage.held[0] ?? "");
      expect(stage.phone.requests).toHaveLength(1);
    },
  },
  {
    id: "T22",
    reference: "q, +sip.instance, reg-id, methods and feature tags never reach the main registrar",
    midreg: "each one that is listed in upstream_contact_params does",
    check: async () => {
      const stage = await Stage.open({
        upstreamContactParams: ["reg-id", "+sip.instance", "audio"],
      });
      stage.register({
        contact: `${CONTACT};reg-id=1;+sip.instance="<urn:x:1>";audio;video;q=0.5`,
      });
      const sent = stage
        .sentHeader("Contact")
        .replace(/^<[^>]*>/u, "")
        .split(";")
        .toSorted();
      expect(sent).toEqual(["", '+sip.instance="<urn:x:1>"', "audio", "expires=3600", "reg-id=1"]);
    },
  },
  {
    id: "T23",
    reference:
      "with outgoing_expires at the phone's lifetime, which is the default, nothing is throttled",
    midreg: "the start says so",
    check: () => {
      expect(warned("mid_registrar: {outgoing_expires: 600, max_expires: 600}")).toMatch(
        /outgoing_expires/u,
      );
      expect(
        warned("mid_registrar: {outgoing_expires: 7200, max_expires: 600, default_expires: 600}"),
      ).toBe("");
    },
  },
  {
    id: "T24",
    reference: "a 423 hits the phone with a number it never used",
    midreg: "answered upstream with Min-Expires; the phone registers and hears its own lifetime",
    check: async () => {
      const stage = await Stage.open();
      stage.world.main.answering = (text) =>
        Number(headerLine(text, "Expires")) < 7200
          ? [answerTo(text, 423, "Interval Too Brief", { headers: ["Min-Expires: 7200"] })]
          : [stage.world.main.answer(text)];
      expect(stage.register()).toBe("F 200");
      expect(stage.told("Contact")).toBe(`${CONTACT};expires=60`);
    },
  },
  {
    id: "T25",
    reference:
      "the phone that crosses the threshold is challenged, and with a wrong password all of the user lapse",
    midreg: "a refusal changes nothing, and the next device is forwarded in its place",
    check: async () => {
      const stage = await Stage.open({ ...AOR, outgoingExpiresSec: 130 });
      stage.register();
      stage.register({}, stage.other);
      stage.world.pass(80);
      stage.world.main.isChallenging = true;
      stage.register({ contact: CONTACT });
      expect(stage.phone.lastStatus).toBe(401);
      expect(stage.register({ headers: ["Authorization: Digest x=y"] }, stage.other)).toBe("F 200");
      expect(stage.held).toHaveLength(1);
    },
  },
  {
    id: "T28",
    reference: "three REGISTERs of a phone that wakes up bring it three INVITEs",
    midreg: "one, whatever it sends and however the main registrar takes it",
    check: async () => {
      const sleep = await SleepWorld.start({ policy: AOR });
      const phone = sleep.sleeper();
      sleep.call();
      sleep.world.main.isChallenging = true;
      const credentials = ["Authorization: Digest x=y"];
      for (const headers of [[], credentials, credentials]) {
        phone.register({ contact: contactOf(BED), callId: "woken", headers });
        sleep.pass(0.5);
      }
      expect(phone.statuses.slice(-3)).toEqual([401, 200, 200]);
      expect(got(phone)).toHaveLength(1);
    },
  },
  {
    id: "T28",
    reference: "a device that comes back with a new token, or after its end, wakes up in vain",
    midreg: "it is known by its instance, and gets the call",
    check: async () => {
      const sleep = await SleepWorld.start();
      const phone = sleep.sleeper(BED, { contact: `${contactOf(BED)};${INSTANCE}` });
      sleep.pass(1200);
      sleep.call();
      phone.register({
        contact: `${contactOf(BED, "fedcba9876543210")};${INSTANCE}`,
        callId: "new",
      });
      sleep.pass(0.5);
      expect(got(phone)).toHaveLength(1);
    },
  },
  {
    id: "T28",
    reference: "a token is a pattern, so that one with a star is anybody's",
    midreg: "tokens compare exactly",
    check: async () => {
      const sleep = await SleepWorld.start();
      const phone = sleep.sleeper(BED, { token: "0123*" });
      const other = sleep.sleeper(DESK, { token: "01234567" });
      sleep.call();
      other.register({ contact: contactOf(DESK, "01234567"), callId: "woken" });
      sleep.pass(0.5);
      expect([got(phone), got(other)]).toEqual([[], []]);
      phone.register({ contact: contactOf(BED, "0123*"), callId: "woken" });
      sleep.pass(0.5);
      expect(got(phone)).toHaveLength(1);
    },
  },
  {
    id: "T28",
    reference: "a lost push to refresh is not repeated, and nothing is sent after the end",
    midreg: "it is sent again, after longer and longer, and after the end as well",
    check: async () => {
      const sleep = await SleepWorld.start();
      sleep.sleeper();
      sleep.pass(580);
      const before = sleep.pushes.length;
      expect(sleep.pushes).toEqual(sleep.pushes.map(() => "refresh"));
      expect(before).toBeGreaterThan(1);
      sleep.pass(1200);
      expect(sleep.pushes.length).toBeGreaterThan(before);
    },
  },
  {
    id: "T28",
    reference: "with a lifetime below pn_trigger_interval each registration brings a push at once",
    midreg: "it brings one after half of the lifetime, where nothing has come until then",
    check: async () => {
      const sleep = await SleepWorld.start();
      const phone = sleep.world.phone("alice", BED);
      for (let at = 0; at < 10; at += 1) {
        phone.register({ contact: contactOf(BED), expires: 60 });
        sleep.pass(14);
      }
      expect(sleep.pushes).toEqual([]);
    },
  },
  {
    id: "T28",
    reference: "some of the parameters, or a provider that is not known, bring a 555",
    midreg:
      "the registration goes on without push; a 555 is for who knows that nobody else pushes (pn_unsupported)",
    check: async () => {
      const partial = `<sip:alice@${BED};pn-provider=apns;pn-prid=0123456789abcdef>`;
      const statuses = [];
      for (const unsupported of ["forward", "reject"] as const) {
        // oxlint-disable-next-line no-await-in-loop -- One world after the other.
        const sleep = await SleepWorld.start({ pushPolicy: { unsupported } });
        const phone = sleep.world.phone("alice", BED);
        for (const contact of [partial, contactOf(BED).replace("apns", "never-heard-of")]) {
          phone.register({ contact });
          sleep.pass(0.5);
          statuses.push(phone.lastStatus);
        }
      }
      expect(statuses).toEqual([200, 200, 555, 555]);
    },
  },
  {
    id: "T28",
    reference: "only the first contact of a REGISTER is looked at",
    midreg: "each one is",
    check: async () => {
      const sleep = await SleepWorld.start({ pushPolicy: { unsupported: "reject" } });
      const phone = sleep.world.phone("alice", BED);
      phone.register({ contact: `<sip:alice@${DESK}>, ${contactOf(BED)}`, expires: 600 });
      sleep.pass(31);
      sleep.call({ contact: sleep.contacts.at(-1) ?? "" });
      expect(sleep.pushes).toEqual(["call"]);
      const bad = contactOf(BED).replace("apns", "never-heard-of");
      phone.register({ contact: `<sip:alice@${DESK}>, ${bad}`, callId: "again" });
      sleep.pass(0.5);
      expect(phone.lastStatus).toBe(555);
    },
  },
  {
    id: "T29",
    reference: "large, negative, empty and repeated lifetimes, folded headers, the compact m:",
    midreg: "each is a bounded number; what is none counts as not given",
    check: async () => {
      const stage = await Stage.open({ maxExpiresSec: 100, defaultExpiresSec: 90 });
      const lifetimeOf = (contact: string): string => {
        stage.phone.send(
          stage.phone.buildRegister({ contact: "", expires: undefined, headers: [contact] }),
        );
        stage.world.pass(0.2);
        return /expires=(\d+)/u.exec(stage.told("Contact"))?.[1] ?? String(stage.phone.lastStatus);
      };
      expect(lifetimeOf(`m: ${CONTACT};expires=4294967296`)).toBe("100");
      expect(lifetimeOf(`Contact: ${CONTACT};expires=-1`)).toBe("90");
      expect(lifetimeOf(`Contact: ${CONTACT};expires=`)).toBe("90");
      expect(lifetimeOf(`Contact: ${CONTACT}\r\n ;expires=70`)).toBe("70");
    },
  },
];

walk("11 traps", ROWS);

test("each of the thirty traps has a test of its own", () => {
  const text = readFileSync(new URL("../../server/traps.test.ts", import.meta.url), "utf8");
  const named = [...text.matchAll(/"(T\d+): /gu)].map(([, name = ""]) => name);
  const all = [...new Set([...named, ...ROWS.map(({ id }) => id)])];
  expect(all.toSorted((a, b) => Number(a.slice(1)) - Number(b.slice(1)))).toEqual(
    Array.from({ length: 30 }, (_, at) => `T${at + 1}`),
  );
});
