import { deepStrictEqual } from "node:assert";
import { setTimeout as pause } from "node:timers/promises";
import { PushServer } from "../../src/devserver/push-server.ts";
import { freePorts } from "../support/peers/free-ports.ts";
import { Phone } from "../support/peers/phone.ts";
import { callerScenario } from "../support/peers/sipp-calls.ts";
import { type SippResult, startSipp } from "../support/peers/sipp-run.ts";
import { Linphone } from "./linphone.ts";
import { messageScenario } from "./message-scenario.ts";
import type { Step } from "./suite.ts";
import type { World } from "./world.ts";

const CALLER = "quentin";
const SLEEPER = "petra";
const SCRIPTED = "rita";
const TOKEN = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0";
const TOPIC = "org.example.phone";
const STEP_SEC = 40;
const SIPP_SEC = 20;
const HOLD_MS = 1500;
/** After this a second INVITE would have come. */
const SETTLE_MS = 2000;
const EVENT_MS = 5000;
const ONE_CALL = { exitCode: 0, successful: 1, failed: 0, unexpected: 0 };

/** Devices that sleep until APNs wakes them: the APNs of `midreg dev push-server`, on loopback. */
export function pushSteps(world: World): Step[] {
  if (!world.hasMidreg) return [];
  const apns = new Apns(world);
  const logs = [SLEEPER, "midreg", "kamailio"];
  const step = (name: string, run: () => Promise<string>): Step => ({
    name: `push: ${name}`,
    limitSec: STEP_SEC,
    logs,
    run,
  });
  return [
    world.startMidregWith(async () => apns.open()),
    step("Linphone registers by TLS and is put to sleep; a call by way of Kamailio wakes it", () =>
      wakeForCall(world, apns),
    ),
    step("Linphone is put to sleep again; a MESSAGE by way of Kamailio wakes it", () =>
      wakeForMessage(world, apns),
    ),
    step("a device that registers three times with three Call-IDs on waking rings once", () =>
      wakeThrice(world, apns),
    ),
    step("the push service is stopped", async () => {
      await apns.close();
      return "";
    }),
    ...world.stopSteps(),
  ];
}

async function wakeForCall(world: World, apns: Apns): Promise<string> {
  await (await startLinphone(world, apns)).kill();
  const startMs = performance.now();
  const woken = apns.nextPush(async () => {
    const pushedMs = performance.now() - startMs;
    return { linphone: await startLinphone(world, apns), pushedMs };
  });
  deepStrictEqual(essence(await call(world, SLEEPER)), ONE_CALL);
  const { linphone, pushedMs } = await woken;
  await linphone.sees(/^BYE sip:/mu, EVENT_MS);
  deepStrictEqual({ requests: linphone.count("INVITE"), pushes: apns.takeCount() }, ONCE);
  await linphone.kill();
  return `one push after ${pushedMs.toFixed(0)} ms, one INVITE`;
}

async function wakeForMessage(world: World, apns: Apns): Promise<string> {
  const woken = apns.nextPush(async () => startLinphone(world, apns));
  const sent = startSipp(world.stage, {
    name: "push-message",
    scenario: messageScenario(),
    ...(await fromCaller(world, SLEEPER)),
  });
  deepStrictEqual(essence(await sent()), ONE_CALL);
  const linphone = await woken;
  deepStrictEqual({ requests: linphone.count("MESSAGE"), pushes: apns.takeCount() }, ONCE);
  deepStrictEqual(await linphone.quit(), 0);
  return "one push, one MESSAGE";
}

const ONCE = { requests: 1, pushes: 1 };

/** Each REGISTER is challenged by Kamailio, and sent again with credentials. */
async function wakeThrice(world: World, apns: Apns): Promise<string> {
  const [before = 0, after = 0] = await freePorts(2);
  const sleeping = scriptedPhone(world, apns, before);
  deepStrictEqual((await sleeping.register()).status, 200);
  sleeping.close();
  let calls = 0;
  const phone = scriptedPhone(world, apns, after);
  const answerAll = async (): Promise<void> => {
    const incoming = await phone.nextCall();
    calls += 1;
    incoming.answer();
    return answerAll();
  };
  void answerAll();
  const woken = apns.nextPush(async () => {
    const first = await phone.register();
    phone.reboot();
    const second = await phone.register();
    phone.reboot();
    return [first, second, await phone.register()].map(({ status }) => status);
  });
  const result = await call(world, SCRIPTED);
  const statuses = await woken;
  await pause(SETTLE_MS);
  phone.close();
  deepStrictEqual(essence(result), ONE_CALL);
  deepStrictEqual({ requests: calls, pushes: apns.takeCount() }, ONCE);
  return `REGISTERs answered ${statuses.join(", ")}; one push, one INVITE`;
}

/** Kamailio asks who the caller is; it waits while the device wakes. */
async function call(world: World, user: string): Promise<SippResult> {
  const running = startSipp(world.stage, {
    name: `push-caller-of-${user}`,
    scenario: callerScenario({ isChallenged: true, ends: "hangs-up", holdMs: HOLD_MS }),
    ...(await fromCaller(world, user)),
  });
  return running();
}

async function fromCaller(world: World, user: string) {
  const [port = 0] = await freePorts(1);
  return {
    port,
    calls: 1,
    limitSec: SIPP_SEC,
    call: {
      targetPort: world.kamailio.port,
      perSec: 1,
      users: [`${CALLER};[authentication username=${CALLER} password=pw-${CALLER}]`],
      service: user,
    },
  };
}

function essence({ exitCode, successful, failed, unexpected }: SippResult): typeof ONE_CALL {
  return { exitCode: Number(exitCode), successful, failed, unexpected };
}

async function startLinphone(world: World, apns: Apns): Promise<Linphone> {
  const [sipPort = 0, , rtpPort = 0] = await freePorts(10);
  return Linphone.start(world.stage, {
    user: SLEEPER,
    password: `pw-${SLEEPER}`,
    outboundPort: world.portOf("tls"),
    transport: "tls",
    tls: {
      caFile: world.certificates.caFile,
      certificate: world.certificates.issue(["petra.sip.test"]),
    },
    sipPort,
    rtpPort,
    // As its apps write it: a token for calls, and one for everything else.
    contactUriParams: `pn-provider=apns;pn-param=${apns.teamId}.${TOPIC}.remote&voip;pn-prid=${TOKEN}:remote&${TOKEN}:voip`,
  });
}

function scriptedPhone(world: World, apns: Apns, port: number): Phone {
  return new Phone({
    user: SCRIPTED,
    domain: "sip.test",
    outboundPort: world.outboundPort,
    port,
    password: `pw-${SCRIPTED}`,
    expiresSec: 600,
    contactParams: `;pn-provider=apns;pn-param=${apns.teamId}.${TOPIC}.voip;pn-prid=${TOKEN}`,
    onError: (error) => {
      throw error;
    },
  });
}

/** The push service, as the devices here know it. */
class Apns {
  readonly #server: PushServer;
  #count = 0;
  #wake: (() => void) | undefined;

  constructor(world: World) {
    this.#server = new PushServer({
      address: "127.0.0.1",
      port: 0,
      directory: world.stage.path("push"),
      onPush: () => {
        this.#count += 1;
        this.#wake?.();
        this.#wake = undefined;
      },
    });
  }

  get teamId(): string {
    return this.#server.keys.apns.teamId;
  }

  /** Starts it; returns the settings that tell midreg of it. */
  async open(): Promise<string> {
    await this.#server.start();
    return `mid_registrar:\n  pn_enable: true\n  pn_refresh_timeout: 15\n${this.#server.snippet}`;
  }

  /** What the next push starts. */
  async nextPush<Woken>(start: () => Promise<Woken>): Promise<Woken> {
    return new Promise((resolve, reject) => {
      this.#wake = () => {
        start().then(resolve, reject);
      };
    });
  }

  /** Pushes since the last time it was asked. */
  takeCount(): number {
    const count = this.#count;
    this.#count = 0;
    return count;
  }

  async close(): Promise<void> {
    await this.#server.stop();
  }
}
