import { deepStrictEqual, ok } from "node:assert";
import { freePorts } from "../support/peers/free-ports.ts";
import { until } from "../support/peers/wait.ts";
import { Baresip } from "./baresip.ts";
import { JsSipPhone } from "./jssip.ts";
import type { Step } from "./suite.ts";
import type { World } from "./world.ts";

const EVENT_MS = 5000;
const STEP_SEC = 20;
const CALLER = "jutta";

/** JsSIP as a browser has it, by WebSocket, with a baresip at Kamailio. */
export function jssipSteps(world: World): Step[] {
  let caller: Baresip | undefined;
  const baresip = (): Baresip => {
    if (caller === undefined) throw new Error(`${CALLER} is not registered`);
    return caller;
  };
  const start: Step = {
    name: `baresip ${CALLER} registers at Kamailio, to call JsSIP by WS and WSS`,
    limitSec: STEP_SEC,
    logs: [CALLER, "kamailio"],
    run: async () => {
      const [sipPort = 0, , controlPort = 0, rtpPort = 0] = await freePorts(20);
      caller = await Baresip.start(world.stage, {
        user: CALLER,
        password: `pw-${CALLER}`,
        outboundPort: world.kamailio.port,
        sipPort,
        controlPort,
        rtpPort,
        registerEverySec: 600,
      });
      return "";
    },
  };
  const stop: Step = {
    name: `baresip ${CALLER} has called JsSIP by WS and WSS, and leaves`,
    limitSec: STEP_SEC,
    logs: [CALLER],
    run: async () => {
      deepStrictEqual(await baresip().quit(), 0);
      return "";
    },
  };
  return [start, ...phoneSteps(world, "ws", baresip), ...phoneSteps(world, "wss", baresip), stop];
}

function phoneSteps(world: World, protocol: "ws" | "wss", baresip: () => Baresip): Step[] {
  const user = `heidi-${protocol}`;
  let registered: JsSipPhone | undefined;
  const phone = (): JsSipPhone => {
    if (registered === undefined) throw new Error(`${user} is not registered`);
    return registered;
  };
  const step = (name: string, run: () => Promise<string>): Step => ({
    name: `JsSIP by ${protocol.toUpperCase()}: ${name}`,
    limitSec: STEP_SEC,
    logs: [CALLER, "midreg", "kamailio"],
    run,
  });
  const rings = async (): Promise<void> => {
    phone().forget();
    baresip().forget();
    baresip().dial(user);
    await phone().event("incoming", EVENT_MS);
    await baresip().event("CALL_RINGING", EVENT_MS);
  };
  return [
    step("it registers, and gets a GRUU", async () => {
      const { caFile } = world.certificates;
      registered = new JsSipPhone({ user, protocol, port: world.portOf(protocol), caFile });
      await registered.register(EVENT_MS);
      ok(registered.publicGruu.includes(";gr=urn:uuid:"), `GRUU: ${registered.publicGruu}`);
      const { contact } = await world.onlyBinding(user);
      return `Kamailio knows ${contact}`;
    }),
    step("its refresh on the same connection is absorbed", async () => {
      const before = await world.midreg.counters();
      phone().refresh();
      const after = await until("the refresh arrives", EVENT_MS, async () => {
        const counters = await world.midreg.counters();
        const { absorbed, forwarded } = counters;
        return absorbed + forwarded > before.absorbed + before.forwarded ? counters : undefined;
      });
      deepStrictEqual(
        [after.absorbed - before.absorbed, after.forwarded - before.forwarded],
        [1, 0],
      );
      return "";
    }),
    step(`${CALLER} calls it, it answers and hangs up`, async () => {
      await rings();
      phone().answer();
      await baresip().event("CALL_ESTABLISHED", EVENT_MS);
      await phone().event("confirmed", EVENT_MS);
      phone().hangUp();
      await baresip().event("CALL_CLOSED", EVENT_MS);
      return "";
    }),
    step(`${CALLER} calls it, puts it on hold by re-INVITE, and hangs up`, async () => {
      await rings();
      phone().answer();
      await baresip().event("CALL_ESTABLISHED", EVENT_MS);
      await phone().event("confirmed", EVENT_MS);
      baresip().forget();
      baresip().hold(true);
      await baresip().response("INVITE", 200, EVENT_MS);
      baresip().hangUp();
      await phone().event("ended", EVENT_MS);
      return "";
    }),
    step(`it rejects ${CALLER}`, async () => {
      await rings();
      phone().hangUp();
      const reason = await baresip().event("CALL_CLOSED", EVENT_MS);
      ok(reason.startsWith("480"), `${CALLER} was told ${reason}`);
      return "";
    }),
    step(`${CALLER} gives up before the answer`, async () => {
      await rings();
      baresip().hangUp();
      await phone().event("failed", EVENT_MS);
      await baresip().response("INVITE", 487, EVENT_MS);
      return "";
    }),
    step(`it calls ${CALLER}, who answers and hangs up`, async () => {
      phone().forget();
      baresip().forget();
      phone().dial(CALLER);
      await baresip().event("CALL_INCOMING", EVENT_MS);
      baresip().accept();
      await phone().event("confirmed", EVENT_MS);
      await baresip().event("CALL_ESTABLISHED", EVENT_MS);
      baresip().hangUp();
      await phone().event("ended", EVENT_MS);
      return "";
    }),
    step("it unregisters, and Kamailio forgets it", async () => {
      await phone().quit(EVENT_MS);
      await until(`${user} is gone`, EVENT_MS, async () =>
        (await world.kamailio.bindingsOf(user)).length === 0 ? true : undefined,
      );
      return "";
    }),
  ];
}
