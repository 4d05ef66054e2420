import { deepStrictEqual, ok } from "node:assert";
import { freePorts } from "../support/peers/free-ports.ts";
import { until } from "../support/peers/wait.ts";
import { Baresip } from "./baresip.ts";
import type { Step } from "./suite.ts";
import type { World } from "./world.ts";

const EVENT_MS = 5000;
const STEP_SEC = 25;
const REGISTER_EVERY_SEC = 600;
const PHONE = "olive";
const CALLER = "orson";

/** A baresip with two flows (RFC 5626), one by TCP and one by UDP, called by one at Kamailio. */
export function outboundSteps(world: World): Step[] {
  const phones: { phone?: Baresip; caller?: Baresip } = {};
  return [
    step("baresip registers two flows of one instance", async () => {
      phones.phone = await start(world, PHONE, world.portOf("tcp"), world.portOf("udp"));
      phones.caller = await start(world, CALLER, world.kamailio.port);
      await phones.phone.sees(/^SIP\/2\.0 200 OK\n(?:.+\n)*?Require: outbound$/mu, EVENT_MS);
      const known = await until("Kamailio knows both flows", EVENT_MS, async () => {
        const bindings = await world.kamailio.bindingsOf(PHONE);
        return bindings.length === 2 ? bindings : undefined;
      });
      return known.map(({ contact }) => contact).join(" ");
    }),
    step("a call that Kamailio forks to both flows rings once", async () => {
      const { phone, caller } = phones;
      if (phone === undefined || caller === undefined) throw new Error("not registered");
      phone.forget();
      caller.dial(PHONE);
      await phone.event("CALL_INCOMING", EVENT_MS);
      phone.accept();
      await caller.event("CALL_ESTABLISHED", EVENT_MS);
      caller.hangUp();
      await phone.event("CALL_CLOSED", EVENT_MS);
      deepStrictEqual(phone.count(/-> \S+\nINVITE sip:/gu), 1);
      return "";
    }),
    step("one that it rejects is busy to the caller, and not merged", async () => {
      const { phone, caller } = phones;
      if (phone === undefined || caller === undefined) throw new Error("not registered");
      phone.forget();
      caller.forget();
      caller.dial(PHONE);
      await phone.event("CALL_INCOMING", EVENT_MS);
      phone.hangUp();
      const reason = await caller.event("CALL_CLOSED", EVENT_MS);
      ok(reason.startsWith("486"), `the caller was told ${reason}`);
      deepStrictEqual(phone.count(/-> \S+\nINVITE sip:/gu), 1);
      return reason;
    }),
    step("it unregisters both, and Kamailio forgets it", async () => {
      deepStrictEqual(await phones.phone?.quit(), 0);
      await until(`${PHONE} is gone`, EVENT_MS, async () =>
        (await world.kamailio.bindingsOf(PHONE)).length === 0 ? true : undefined,
      );
      ok((await phones.caller?.quit()) === 0, `${CALLER} leaves`);
      return "";
    }),
  ];
}

function step(name: string, run: () => Promise<string>): Step {
  const logs = [PHONE, CALLER, "midreg", "kamailio"];
  return { name: `outbound: ${name}`, limitSec: STEP_SEC, logs, run };
}

/** With a second place to register at when it is given. */
async function start(
  world: World,
  user: string,
  outboundPort: number,
  secondPort?: number,
): Promise<Baresip> {
  const [sipPort = 0, , controlPort = 0, rtpPort = 0] = await freePorts(20);
  return Baresip.start(world.stage, {
    user,
    password: `pw-${user}`,
    outboundPort,
    ...(secondPort === undefined ? {} : { transport: "tcp", secondPort }),
    sipPort,
    controlPort,
    rtpPort,
    registerEverySec: REGISTER_EVERY_SEC,
  });
}
