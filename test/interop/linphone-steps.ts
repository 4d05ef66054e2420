import { deepStrictEqual, ok } from "node:assert";
import { freePorts } from "../support/peers/free-ports.ts";
import { until } from "../support/peers/wait.ts";
import { Baresip } from "./baresip.ts";
import { Linphone } from "./linphone.ts";
import type { Step } from "./suite.ts";
import type { World } from "./world.ts";

const EVENT_MS = 8000;
const STEP_SEC = 25;

/** Linphone's command-line client behind midreg, called by a baresip at Kamailio. */
export function linphoneSteps(world: World): Step[] {
  const logs = ["lin", "hugo", "midreg", "kamailio"];
  let linphone: Linphone | undefined;
  let baresip: Baresip | undefined;
  const parties = (): { lin: Linphone; hugo: Baresip } => {
    if (linphone === undefined || baresip === undefined) throw new Error("not registered");
    return { lin: linphone, hugo: baresip };
  };
  const establish = async (): Promise<{ lin: Linphone; hugo: Baresip }> => {
    const { lin, hugo } = parties();
    lin.forget();
    hugo.forget();
    hugo.dial("lin");
    await hugo.event("CALL_ESTABLISHED", EVENT_MS);
    await lin.sees(/^ACK sip:/mu, EVENT_MS);
    return { lin, hugo };
  };
  return [
    {
      name: `linphone registers by digest ${world.way}`,
      limitSec: STEP_SEC,
      logs,
      run: async () => {
        const [sipPort = 0, , rtpPort = 0] = await freePorts(10);
        const outboundPort = world.outboundPort;
        const options = { user: "lin", password: "pw-lin", outboundPort, sipPort, rtpPort };
        linphone = await Linphone.start(world.stage, options);
        return `Kamailio knows ${(await world.onlyBinding("lin")).contact}`;
      },
    },
    {
      name: "baresip hugo (at Kamailio) calls linphone, and hangs up",
      limitSec: STEP_SEC,
      logs,
      run: async () => {
        const [sipPort = 0, , controlPort = 0, rtpPort = 0] = await freePorts(20);
        baresip = await Baresip.start(world.stage, {
          user: "hugo",
          password: "pw-hugo",
          outboundPort: world.kamailio.port,
          sipPort,
          controlPort,
          rtpPort,
          registerEverySec: 600,
        });
        const { lin, hugo } = await establish();
        hugo.hangUp();
        await lin.sees(/^BYE sip:/mu, EVENT_MS);
        await hugo.response("BYE", 200, EVENT_MS);
        return "";
      },
    },
    {
      name: "baresip hugo calls linphone again, which hangs up",
      limitSec: STEP_SEC,
      logs,
      run: async () => {
        const { lin, hugo } = await establish();
        lin.say("terminate");
        await hugo.event("CALL_CLOSED", EVENT_MS);
        ok(
          /^SIP\/2\.0 200 [\s\S]*?^CSeq: \d+ BYE$/mu.test(
            await lin.sees(/^CSeq: \d+ BYE$/mu, EVENT_MS),
          ),
        );
        return "";
      },
    },
    {
      name: `linphone unregisters ${world.way} and Kamailio forgets it`,
      limitSec: STEP_SEC,
      logs,
      run: async () => {
        const { lin, hugo } = parties();
        deepStrictEqual(await lin.quit(), 0);
        await until("linphone is gone", EVENT_MS, async () =>
          (await world.kamailio.bindingsOf("lin")).length === 0 ? true : undefined,
        );
        await hugo.quit();
        return "";
      },
    },
  ];
}
