import { deepStrictEqual, ok } from "node:assert";
import { freePorts } from "../support/peers/free-ports.ts";
import { until } from "../support/peers/wait.ts";
import { Baresip } from "./baresip.ts";
import { Linphone } from "./linphone.ts";
import type { Step } from "./suite.ts";
import type { World } from "./world.ts";

const EVENT_MS = 8000;
const STEP_SEC = 25;
const LINPHONE = "livia";
const BARESIP = "henri";

/** Linphone by TLS, whose GRUU is what others send to inside a dialog; with a baresip at Kamailio. */
export function linphoneTlsSteps(world: World): Step[] {
  const logs = [LINPHONE, BARESIP, "midreg", "kamailio"];
  const phones: { linphone?: Linphone; baresip?: Baresip } = {};
  const parties = (): { linphone: Linphone; baresip: Baresip } => {
    const { linphone, baresip } = phones;
    if (linphone === undefined || baresip === undefined) throw new Error("not registered");
    linphone.forget();
    baresip.forget();
    return { linphone, baresip };
  };
  const step = (name: string, run: () => Promise<string>): Step => ({
    name: `linphone by TLS: ${name}`,
    limitSec: STEP_SEC,
    logs,
    run,
  });
  return [
    step("it registers, and gets a GRUU", async () => {
      phones.linphone = await startLinphone(world);
      phones.baresip = await startBaresip(world);
      const trace = phones.linphone.trace();
      ok(
        /^Contact: .*;pub-gruu="sip:livia@sip\.test;gr=[^"]+"/mu.test(trace),
        "no pub-gruu in its 200",
      );
      return `Kamailio knows ${(await world.onlyBinding(LINPHONE)).contact}`;
    }),
    step("it calls by its GRUU, and the BYE to that GRUU reaches it", async () => {
      const { linphone, baresip } = parties();
      linphone.say(`call sip:${BARESIP}@sip.test`);
      await baresip.event("CALL_INCOMING", EVENT_MS);
      baresip.accept();
      await baresip.event("CALL_ESTABLISHED", EVENT_MS);
      const gruu = /^INVITE (?:.+\n)*?Contact: .*<(?<uri>sip:[^>]*;gr=[^>]*)>/mu;
      await linphone.sees(gruu, EVENT_MS);
      baresip.hangUp();
      const sent = await baresip.sees(/^BYE sip:livia@sip\.test;gr=\S+/mu, EVENT_MS);
      // The proxy puts the contact in its place (RFC 5627 section 6.1).
      await linphone.sees(/^BYE sip:livia@127\.0\.0\.1:/mu, EVENT_MS);
      await baresip.response("BYE", 200, EVENT_MS);
      return sent;
    }),
    step("it is called, and hangs up", async () => {
      const { linphone, baresip } = parties();
      baresip.dial(LINPHONE);
      await baresip.event("CALL_ESTABLISHED", EVENT_MS);
      await linphone.sees(/^ACK sip:/mu, EVENT_MS);
      linphone.say("terminate");
      await baresip.event("CALL_CLOSED", EVENT_MS);
      return "";
    }),
    step("it unregisters, and Kamailio forgets it", async () => {
      const { linphone, baresip } = parties();
      deepStrictEqual(await linphone.quit(), 0);
      await until(`${LINPHONE} is gone`, EVENT_MS, async () =>
        (await world.kamailio.bindingsOf(LINPHONE)).length === 0 ? true : undefined,
      );
      await baresip.quit();
      return "";
    }),
  ];
}

async function startLinphone(world: World): Promise<Linphone> {
  const [sipPort = 0, , rtpPort = 0] = await freePorts(10);
  return Linphone.start(world.stage, {
    user: LINPHONE,
    password: `pw-${LINPHONE}`,
    outboundPort: world.portOf("tls"),
    transport: "tls",
    tls: {
      caFile: world.certificates.caFile,
      certificate: world.certificates.issue(["livia.sip.test"]),
    },
    sipPort,
    rtpPort,
  });
}

async function startBaresip(world: World): Promise<Baresip> {
  const [sipPort = 0, , controlPort = 0, rtpPort = 0] = await freePorts(20);
  return Baresip.start(world.stage, {
    user: BARESIP,
    password: `pw-${BARESIP}`,
    outboundPort: world.kamailio.port,
    sipPort,
    controlPort,
    rtpPort,
    registerEverySec: 600,
  });
}
