/** Sections 7.7 and 8.6: connections and pings. */
// oxlint-disable vitest/no-standalone-expect -- walk() runs the checks as tests.
import { expect } from "vitest";
import type { Listener } from "../../../src/ports.ts";
import { answerTo, headerLine, methodOf } from "../../support/messages.ts";
import type { Phone } from "../../support/phone.ts";
import type { WorldOptions } from "../../support/world.ts";
import { Stage, walk } from "./walk.ts";

const TCP: Listener = {
  id: "tcp:192.0.2.1:5060",
  protocol: "tcp",
  family: 4,
  address: "192.0.2.1",
  port: 5060,
  sentBy: "192.0.2.1:5060",
};

/** A device that is pinged twice a minute, and answers like that; 0 is silence. */
async function pinged(status: number, options: WorldOptions = {}): Promise<Stage> {
  const ping = { intervalMs: 30_000, choice: "always", ...options.ping } as const;
  const stage = await Stage.open({}, { ...options, ping });
  stage.register({ expires: 3000 });
  stage.phone.onRequest = (text) => {
    if (status > 0) stage.phone.send(answerTo(text, status, "Answer"));
  };
  return stage;
}

function pingsAt({ requests }: Phone): readonly string[] {
  return requests.filter((text) => methodOf(text) === "OPTIONS");
}

walk("7.7 connections", [
  {
    id: "7.7",
    reference: "a connection lives as long as the binding, but only a forwarded 2xx prolongs it",
    midreg: "as long as the binding, absorbed refreshes included",
    check: async () => {
      const stage = await Stage.open();
      const flow = "tcp:192.0.2.1:5060<198.51.100.7:40000#a.1";
      for (let times = 0; times < 4; times += 1) {
        const text = stage.phone.buildRegister({ expires: 60 }).replace("/UDP", "/TCP");
        const from = { address: "198.51.100.7", port: 40_000, connection: "a.1" };
        stage.world.server.receive(text, TCP, from);
        stage.world.pass(50);
        expect(stage.world.server.isInUse(flow)).toBe(true);
      }
      expect(stage.forwarded).toBe(1);
      stage.world.pass(15);
      expect(stage.world.server.isInUse(flow)).toBe(false);
    },
  },
]);

walk("8.6 pings", [
  {
    id: "8.6 natping_interval",
    reference: "0 is off",
    midreg: "equal",
    check: async () => {
      const stage = await pinged(200, { ping: { intervalMs: 0 } });
      stage.world.pass(200);
      expect(stage.phone.requests).toEqual([]);
    },
  },
  {
    id: "8.6 max_pings_lost, remove_on_timeout_bflag",
    reference: "the contact is deleted after 3 lost pings, and de-registered",
    midreg: "equal (nathelper.remove_on_timeout), unless many are lost at once",
    check: async () => {
      const stage = await pinged(0, { pings: { removesDead: true } });
      stage.world.pass(140);
      expect([stage.bindings, stage.held]).toEqual([[], []]);
    },
  },
  {
    id: "8.6 sipping_ignore_rpl_codes",
    reference: "answers with these statuses do not count",
    midreg: "equal",
    check: async () => {
      const pings = { removesDead: true };
      const ignoring = await pinged(404, { pings, ping: { ignoredStatuses: [404] } });
      ignoring.world.pass(140);
      expect(ignoring.bindings).toEqual([]);
      const counting = await pinged(404, { pings });
      counting.world.pass(140);
      expect(counting.bindings).toHaveLength(1);
    },
  },
  {
    id: "8.6 same branch and CSeq",
    reference:
      "pings of different times share branch and CSeq, so that devices take them for repeated",
    midreg: "each ping is a request of its own",
    check: async () => {
      const stage = await pinged(200);
      stage.world.pass(130);
      const pings = pingsAt(stage.phone);
      expect(pings.length).toBeGreaterThanOrEqual(4);
      for (const name of ["Via", "Call-ID"]) {
        expect(new Set(pings.map((text) => headerLine(text, name))).size).toBe(pings.length);
      }
    },
  },
  {
    id: "8.6 no user in the Request-URI",
    reference: "the ping names no user",
    midreg: "it has the contact as Request-URI",
    check: async () => {
      const stage = await pinged(200);
      stage.world.pass(40);
      expect(pingsAt(stage.phone)[0]).toMatch(/^OPTIONS sip:alice@198\.51\.100\.7:40000 /u);
    },
  },
]);
