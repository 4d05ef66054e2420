import { deepStrictEqual, ok } from "node:assert";
import { freePorts } from "../support/peers/free-ports.ts";
import { Baresip } from "./baresip.ts";
import { forkSteps } from "./fork-steps.ts";
import { withoutRepeats } from "./repeats.ts";
import { runSipp } from "./sipp.ts";
import type { Step } from "./suite.ts";
import type { World } from "./world.ts";

const PHONES = 300;
const REFRESHES = 2;
const EVENT_MS = 5000;
const REGISTER_EVERY_SEC = 600;

/** The modes besides contact throttling, each by a midreg of its own in front of the same Kamailio. */
export function modeSteps(world: World): Step[] {
  if (!world.hasMidreg) return [];
  return [
    world.startMidreg("aor"),
    storm(world, { mode: "aor", userPrefix: "a", heard: 0 }),
    ...twoDevices(world),
    ...forkSteps(world),
    ...world.stopSteps(),
    world.startMidreg("mirror"),
    storm(world, { mode: "mirror", userPrefix: "m", heard: PHONES * REFRESHES }),
    ...world.stopSteps(),
  ];
}

interface Storm {
  readonly mode: string;
  readonly userPrefix: string;
  /** Refreshes that Kamailio has to hear. */
  readonly heard: number;
}

function storm(world: World, { mode, userPrefix, heard }: Storm): Step {
  return {
    name: `mode ${mode}: of the refreshes of ${PHONES} sipp phones Kamailio hears ${heard}`,
    limitSec: 60,
    logs: ["midreg", "kamailio"],
    run: async () => {
      const before = await world.kamailio.counters();
      const { exitCode, successful, unexpected, retransmissions } = await runSipp(world.stage, {
        name: `sipp-${mode}`,
        userPrefix,
        phones: PHONES,
        phonesPerSec: 200,
        port: "each",
        targetPort: world.outboundPort,
        refreshes: REFRESHES,
        everyMs: 1500,
        expiresSec: 600,
        isAuthorizing: true,
        limitSec: 45,
      });
      deepStrictEqual(
        { exitCode, successful, unexpected },
        {
          exitCode: 0,
          successful: PHONES,
          unexpected: 0,
        },
      );
      const after = await world.kamailio.counters();
      const { absorbed } = await world.midreg.counters();
      const expected = {
        registers: 2 * PHONES + heard,
        contacts: PHONES,
        absorbed: PHONES * REFRESHES - heard,
      };
      deepStrictEqual(
        {
          registers: after.registers - before.registers,
          contacts: after.contacts - before.contacts,
          absorbed: withoutRepeats(absorbed, expected.absorbed, retransmissions),
        },
        expected,
      );
      return `${expected.registers} REGISTERs, ${absorbed} absorbed by midreg, ${retransmissions} retransmissions`;
    },
  };
}

/** Two devices of one user behind AoR throttling, and a caller at Kamailio. */
function twoDevices(world: World): Step[] {
  const phones: Baresip[] = [];
  const start = async (user: string, device: string, outboundPort: number): Promise<Baresip> => {
    const [sipPort = 0, , controlPort = 0, rtpPort = 0] = await freePorts(20);
    return Baresip.start(world.stage, {
      user,
      device,
      password: `pw-${user}`,
      outboundPort,
      sipPort,
      controlPort,
      rtpPort,
      registerEverySec: REGISTER_EVERY_SEC,
    });
  };
  const register: Step = {
    name: "mode aor: two baresips of frank are one contact at Kamailio",
    limitSec: 20,
    logs: ["frank-desk", "frank-mobile", "midreg", "kamailio"],
    run: async () => {
      phones.push(await start("frank", "desk", world.outboundPort));
      phones.push(await start("frank", "mobile", world.outboundPort));
      phones.push(await start("gina", "caller", world.kamailio.port));
      const { contact } = await world.onlyBinding("frank");
      ok(contact.startsWith("sip:frank%40sip.test@127.0.0.1:"), contact);
      return contact;
    },
  };
  const call: Step = {
    name: "mode aor: a call rings both, one answers, the other falls silent; either side hangs up",
    limitSec: 30,
    logs: ["frank-desk", "frank-mobile", "gina-caller", "midreg", "kamailio"],
    run: async () => {
      const [desk, mobile, gina] = phones;
      if (desk === undefined || mobile === undefined || gina === undefined)
        throw new Error("no phones");
      gina.dial("frank");
      await Promise.all([desk, mobile].map(async (one) => one.event("CALL_INCOMING", EVENT_MS)));
      mobile.accept();
      await gina.event("CALL_ESTABLISHED", EVENT_MS);
      await mobile.event("CALL_ESTABLISHED", EVENT_MS);
      await desk.event("CALL_CLOSED", EVENT_MS);
      gina.hangUp();
      await mobile.event("CALL_CLOSED", EVENT_MS);
      return "";
    },
  };
  const leave: Step = {
    name: "mode aor: Kamailio forgets frank when the last device has gone, not before",
    limitSec: 30,
    logs: ["frank-desk", "frank-mobile", "midreg", "kamailio"],
    run: async () => {
      const [desk, mobile, gina] = phones;
      deepStrictEqual(await desk?.quit(), 0);
      deepStrictEqual((await world.kamailio.bindingsOf("frank")).length, 1);
      deepStrictEqual(await mobile?.quit(), 0);
      deepStrictEqual(await world.kamailio.bindingsOf("frank"), []);
      await gina?.quit();
      return "";
    },
  };
  return [register, call, leave];
}
