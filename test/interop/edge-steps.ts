import { deepStrictEqual, match } from "node:assert";
import { writeFileSync } from "node:fs";
import { headerLine, statusOf } from "../support/messages.ts";
import { freePorts } from "../support/peers/free-ports.ts";
import { MidregProcess } from "../support/peers/midreg-process.ts";
import { callerScenario } from "../support/peers/sipp-calls.ts";
import { startSipp } from "../support/peers/sipp-run.ts";
import { FlowPhone } from "./flow-phone.ts";
import { Kamailio } from "./kamailio.ts";
import type { Step } from "./suite.ts";
import type { World } from "./world.ts";

const PHONE = "emma";
const CALLER = "erik";
const STEP_SEC = 30;
const SIPP_SEC = 20;
const HOLD_MS = 300;
const OUTGOING_EXPIRES_SEC = 7200;
const OWN_PATH = /^<sip:p[\w-]+\.[\w-]{14}@127\.0\.0\.1:\d+;lr;ob>$/u;

interface Scene {
  readonly kamailio: Kamailio;
  readonly midreg: MidregProcess;
  readonly phone: FlowPhone;
}

/** Kamailio does outbound itself, and midreg is its edge (RFC 5626 section 5). */
export function edgeSteps(world: World): Step[] {
  return world.hasMidreg ? [...stepsIn(world, "contact"), ...stepsIn(world, "mirror")] : [];
}

type Mode = "contact" | "mirror";

function stepsIn(world: World, mode: Mode): Step[] {
  let made: Scene | undefined;
  const scene = (): Scene => {
    if (made === undefined) throw new Error("not started");
    return made;
  };
  const logs = ["midreg", `kamailio-${mode}`];
  const step = (name: string, run: () => Promise<string>): Step => ({
    name: `edge (mode ${mode}): ${name}`,
    limitSec: STEP_SEC,
    logs,
    run,
  });
  const refreshes = step(
    "refreshes over both flows are absorbed, and say what Kamailio said",
    async () => refreshBoth(scene()),
  );
  return [
    step("a phone registers two flows, and Kamailio keeps Path and reg-id of each", async () => {
      made = await start(world, mode);
      return registerBoth(made);
    }),
    // In mirror mode every REGISTER goes to Kamailio.
    ...(mode === "contact" ? [refreshes] : []),
    step(
      "a call goes over one flow, and when that has died over the other: 430, and it rings once",
      async () => callTwice(world, scene()),
    ),
    step("the flow that has died registers anew at Kamailio", async () => comeBack(scene())),
    step("all end", async () => stop(scene())),
  ];
}

async function start(world: World, mode: Mode): Promise<Scene> {
  const [port = 0, tlsPort = 0, sipPort = 0, adminPort = 0, tcpPort = 0] = await freePorts(
    5,
    "four digits",
  );
  const certificate = world.certificates.issue(["127.0.0.2", "sip.test"]);
  const { caFile } = world.certificates;
  const kamailio = await Kamailio.start(world.stage, {
    port,
    tlsPort,
    certificate,
    caFile,
    name: `kamailio-${mode}`,
    isOutbound: true,
  });
  const configPath = world.stage.path("midreg-edge.yaml");
  // JSON is YAML.
  writeFileSync(configPath, JSON.stringify({ mid_registrar: { outbound_mode: "edge" } }));
  const midreg = new MidregProcess(world.stage, {
    port: sipPort,
    adminPort,
    upstreamPort: port,
    moreListeners: [`tcp:127.0.0.1:${tcpPort}`],
    configPath,
    outgoingExpiresSec: OUTGOING_EXPIRES_SEC,
    mode,
    name: `edge-${mode}`,
  });
  await midreg.start();
  return { kamailio, midreg, phone: new FlowPhone(PHONE, tcpPort) };
}

async function registerBoth({ kamailio, phone }: Scene): Promise<string> {
  for (const regId of [1, 2]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other.
    const ok = await phone.open(regId);
    deepStrictEqual([statusOf(ok), headerLine(ok, "Require")], [200, "outbound"]);
    match(headerLine(ok, "Path"), OWN_PATH);
  }
  const flows = await kamailio.flowsOf(PHONE);
  deepStrictEqual(regIdsOf(flows), [1, 2]);
  for (const { path } of flows) match(path, OWN_PATH);
  deepStrictEqual(new Set(flows.map(({ path }) => path)).size, 2);
  return flows.map(({ regId, path }) => `${regId} ${path.slice(0, 20)}...`).join(", ");
}

async function refreshBoth({ kamailio, phone }: Scene): Promise<string> {
  const { registers } = await kamailio.counters();
  for (const regId of [1, 2]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other.
    const ok = await phone.refresh(regId);
    deepStrictEqual([statusOf(ok), headerLine(ok, "Require")], [200, "outbound"]);
  }
  deepStrictEqual((await kamailio.counters()).registers, registers);
  return "";
}

/** Which flow Kamailio takes first is its own choice, so the first call tells which one has to die. */
async function callTwice(world: World, scene: Scene): Promise<string> {
  const { kamailio, phone } = scene;
  await call(world, scene, "first");
  const [first = 0, ...more] = phone.flowsOf("INVITE");
  deepStrictEqual([more, phone.flowsOf("BYE")], [[], [first]]);
  await phone.cut(first);
  phone.requests.length = 0;
  await call(world, scene, "second");
  const other = first === 1 ? 2 : 1;
  deepStrictEqual(
    [phone.flowsOf("INVITE"), phone.flowsOf("ACK"), phone.flowsOf("BYE")],
    [[other], [other], [other]],
  );
  deepStrictEqual((await kamailio.counters()).deadFlows, 1);
  const left = await kamailio.flowsOf(PHONE);
  deepStrictEqual(
    left.map(({ regId }) => regId),
    [other],
  );
  return `flow ${first} died, flow ${other} rang`;
}

async function call(world: World, { kamailio }: Scene, name: string): Promise<void> {
  const [port = 0] = await freePorts(1);
  const { exitCode, successful, failed, unexpected } = await startSipp(world.stage, {
    name: `edge-${name}`,
    scenario: callerScenario({ isChallenged: true, ends: "hangs-up", holdMs: HOLD_MS }),
    port,
    calls: 1,
    limitSec: SIPP_SEC,
    call: {
      targetPort: kamailio.port,
      perSec: 1,
      users: [`${CALLER};[authentication username=${CALLER} password=pw-${CALLER}]`],
      service: PHONE,
    },
  })();
  deepStrictEqual([Number(exitCode), successful, failed, unexpected], [0, 1, 0, 0]);
}

async function comeBack({ kamailio, phone }: Scene): Promise<string> {
  const [left] = await kamailio.flowsOf(PHONE);
  const ok = await phone.open(left?.regId === 1 ? 2 : 1);
  deepStrictEqual([statusOf(ok), headerLine(ok, "Require")], [200, "outbound"]);
  deepStrictEqual(regIdsOf(await kamailio.flowsOf(PHONE)), [1, 2]);
  return "";
}

async function stop({ kamailio, midreg, phone }: Scene): Promise<string> {
  phone.close();
  deepStrictEqual(await midreg.stop(), 0);
  await kamailio.stop();
  return "";
}

function regIdsOf(flows: ReadonlyArray<{ readonly regId: number }>): number[] {
  return flows.map(({ regId }) => regId).toSorted((a, b) => a - b);
}
