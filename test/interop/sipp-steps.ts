import { deepStrictEqual } from "node:assert";
import { freePorts } from "../support/peers/free-ports.ts";
import type { MidregCounters } from "../support/peers/midreg-process.ts";
import type { KamailioCounters } from "./kamailio.ts";
import { withoutRepeats } from "./repeats.ts";
import { runSipp } from "./sipp.ts";
import type { Step } from "./suite.ts";
import type { World } from "./world.ts";

interface Run {
  readonly name: string;
  readonly text: string;
  readonly userPrefix: string;
  readonly port: "one" | "each";
  readonly isAuthorizing: boolean;
}

const PHONES = 2000;
const REFRESHES = 4;
const LIMIT_SEC = 60;

/** Two thousand phones, as one sipp each: behind one port, then on a port of their own. */
export function sippSteps(world: World): Step[] {
  const runs: Run[] = [
    {
      name: "sipp-shared",
      text: `${PHONES} phones behind one port`,
      userPrefix: "s",
      port: "one",
      // Without midreg a refresh without credentials is challenged, and the scenario knows no challenge.
      isAuthorizing: !world.hasMidreg,
    },
    {
      name: "sipp-own",
      text: `${PHONES} phones on ports of their own, repeating credentials`,
      userPrefix: "o",
      port: "each",
      isAuthorizing: true,
    },
  ];
  return runs.flatMap((run) => stepsOf(world, run));
}

function stepsOf(world: World, run: Run): Step[] {
  let before: Seen | undefined;
  /** Requests that sipp has sent more than once. */
  let repeated = 0;
  const storm: Step = {
    name: `sipp: ${run.text} register by digest ${world.way} and refresh ${REFRESHES} times`,
    limitSec: LIMIT_SEC + 15,
    logs: ["midreg"],
    run: async () => {
      before = await look(world);
      const [port = 0] = await freePorts(1);
      const { retransmissions, ...result } = await runSipp(world.stage, {
        name: run.name,
        userPrefix: run.userPrefix,
        phones: PHONES,
        phonesPerSec: 400,
        port: run.port === "one" ? port : "each",
        targetPort: world.outboundPort,
        refreshes: REFRESHES,
        everyMs: 1500,
        expiresSec: 600,
        isAuthorizing: run.isAuthorizing,
        limitSec: LIMIT_SEC,
      });
      repeated = retransmissions;
      deepStrictEqual(result, {
        exitCode: 0,
        created: PHONES,
        successful: PHONES,
        failed: 0,
        unexpected: 0,
        complaint: "",
      });
      return `0 failed, 0 unexpected, ${retransmissions} retransmissions`;
    },
  };
  const hearing: Step = {
    name: `Kamailio heard ${world.hasMidreg ? "none" : "each"} of the ${PHONES * REFRESHES} refreshes`,
    limitSec: 10,
    logs: ["kamailio", "midreg"],
    run: async () => {
      if (before === undefined) throw new Error("the phones did not run");
      const seen = difference(await look(world), before);
      const heard = world.hasMidreg ? 0 : PHONES * REFRESHES;
      const expected = {
        registers: 2 * PHONES + heard,
        challenged: PHONES,
        accepted: PHONES + heard,
        contacts: PHONES,
        absorbed: PHONES * REFRESHES - heard,
        bindings: world.hasMidreg ? PHONES : 0,
      };
      const absorbed = withoutRepeats(seen.absorbed, expected.absorbed, repeated);
      deepStrictEqual({ ...seen, absorbed }, expected);
      return `${seen.registers} REGISTERs, ${seen.challenged} of them challenged; ${seen.absorbed} absorbed by midreg`;
    },
  };
  return [storm, hearing];
}

type Seen = Readonly<
  Record<"registers" | "challenged" | "accepted" | "contacts" | "absorbed" | "bindings", number>
>;

async function look(world: World): Promise<Seen> {
  const kamailio: KamailioCounters = await world.kamailio.counters();
  const { registers, challenged, accepted, contacts } = kamailio;
  const midreg: Pick<MidregCounters, "absorbed" | "contacts"> = world.hasMidreg
    ? await world.midreg.counters()
    : { absorbed: 0, contacts: 0 };
  const { absorbed, contacts: bindings } = midreg;
  return { registers, challenged, accepted, contacts, absorbed, bindings };
}

function difference(after: Seen, before: Seen): Seen {
  return {
    registers: after.registers - before.registers,
    challenged: after.challenged - before.challenged,
    accepted: after.accepted - before.accepted,
    contacts: after.contacts - before.contacts,
    absorbed: after.absorbed - before.absorbed,
    bindings: after.bindings - before.bindings,
  };
}
