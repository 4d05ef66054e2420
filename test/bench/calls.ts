import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { freePorts } from "../support/peers/free-ports.ts";
import { registerFrom } from "../support/peers/register-from.ts";
import { answeringScenario, callerScenario } from "../support/peers/sipp-calls.ts";
import { type SippResult, startSipp } from "../support/peers/sipp-run.ts";
import type { Stage } from "../support/peers/stage.ts";
import { until } from "../support/peers/wait.ts";
import { RealProcess } from "../support/real-process.ts";
import { Child } from "./child.ts";
import { readFamilyTime } from "./measure.ts";
import { measureEcho } from "./measure-echo.ts";

/** Rates tried, calls a second. */
const RATES = [150, 300, 600, 900, 1200, 1600, 2000];
const SECONDS = 6;
/** What a call of sipp's takes by itself is a few milliseconds; this much late and the run has failed. */
const SLACK_SEC = 20;
const EXPIRES_SEC = 600;
const USER = "device";
const START_MS = 10_000;
/** Datagrams that the proxy takes and sends for one call: INVITE, 180, 200, ACK, BYE, 200, and a 100. */
const DATAGRAMS_PER_CALL = 13;

/** How calls through one proxy went at one rate. */
interface CallRun {
  readonly perSec: number;
  readonly calls: number;
  readonly failed: number;
  readonly retransmissions: number;
  /** Processor time of the proxy for a call, all its processes, microseconds. */
  readonly cpuUs: number;
}

interface CallFigures {
  readonly proxy: string;
  readonly runs: readonly CallRun[];
  /** Highest rate that was tried at which no call failed and under 1 % of the messages were repeated. */
  readonly highestPerSec: number;
  /**
   * Processor time for a call at the rate where it is least, and divided by that of an echoed datagram. At low
   * rates what a process does without any calls weighs more, and so does code that is not compiled yet.
   */
  readonly cpuUs: number;
  readonly ratio: number;
}

export interface CallsResult {
  readonly echoCpuUs: number;
  readonly figures: readonly CallFigures[];
}

/** A proxy under load. */
interface Proxy {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  /** Request-URI by which the device is called. */
  readonly uri: string;
}

/** Where the parties of the calls are. */
interface Places {
  readonly devicePort: number;
  readonly callerPort: number;
}

/**
 * Calls from the main registrar's side to a registered device, set up, answered at once and hung up: through
 * midreg, and through Kamailio where it is installed.
 */
export async function measureCalls(
  stage: Stage,
  log: (line: string) => void,
): Promise<CallsResult> {
  const { cpuUs: echoCpuUs } = await measureEcho();
  log(`echo: ${echoCpuUs.toFixed(1)} us a datagram`);
  const figures = [await measureMidreg(stage, echoCpuUs, log)];
  if (hasKamailio()) figures.push(await measureKamailio(stage, echoCpuUs, log));
  else log("kamailio is not installed: nothing to compare with");
  return { echoCpuUs, figures };
}

async function findPlaces(): Promise<Places> {
  const [devicePort = 0, callerPort = 0] = await freePorts(2);
  return { devicePort, callerPort };
}

async function measureMidreg(
  stage: Stage,
  echoCpuUs: number,
  log: (line: string) => void,
): Promise<CallFigures> {
  const registrar = new Child(new URL("./fake-registrar.ts", import.meta.url));
  const places = await findPlaces();
  const upstreamPort = await registrar.call<number>("start", 0);
  const config = stage.path("midreg.yaml");
  // The caller stands for the main registrar: calls come from where it says they do.
  const trusted = `127.0.0.1:${places.callerPort}`;
  writeFileSync(
    config,
    `upstream: { uri: "sip:127.0.0.1:${upstreamPort}", trusted: ["${trusted}"] }\n`,
  );
  const midreg = await RealProcess.prepare({
    upstream: `sip:127.0.0.1:${upstreamPort}`,
    args: ["--config", config, "--outgoing-expires", "7200"],
  });
  try {
    await midreg.start();
    await register(places, midreg.sipPort);
    const response = await midreg.get(`/api/v1/aors/${USER}@sip.test`);
    const { contacts } = (await response.json()) as { contacts: { ruid: string }[] };
    const uri = `sip:${USER}@127.0.0.1:${midreg.sipPort};ctid=${contacts[0]?.ruid ?? ""}`;
    const proxy = { name: "midreg", pid: midreg.pid, port: midreg.sipPort, uri };
    return await climb(stage, proxy, { places, echoCpuUs, log });
  } finally {
    await midreg.dispose();
    await registrar.end();
  }
}

async function measureKamailio(
  stage: Stage,
  echoCpuUs: number,
  log: (line: string) => void,
): Promise<CallFigures> {
  const places = await findPlaces();
  const [port = 0] = await freePorts(1, "four digits");
  const config = stage.path("kamailio.cfg");
  const template = readFileSync(new URL("./kamailio-calls.cfg", import.meta.url), "utf8");
  writeFileSync(config, template.replaceAll("%PORT%", String(port)));
  const args = ["-DD", "-E", "-m", "512", "-f", config, "-w", stage.directory];
  const running = stage.spawn("kamailio", "kamailio", args);
  await until("Kamailio answers", START_MS, async () => {
    if (!running.isRunning) throw new Error(`Kamailio ended: ${await running.exited}`);
    return register(places, port).catch(() => undefined);
  });
  const { pid = 0 } = running.child;
  const proxy = { name: "kamailio", pid, port, uri: `sip:${USER}@sip.test` };
  const figures = await climb(stage, proxy, { places, echoCpuUs, log });
  await running.end("SIGTERM", START_MS);
  return figures;
}

async function register({ devicePort: port }: Places, targetPort: number): Promise<string> {
  const registration = { user: USER, domain: "sip.test", port, targetPort };
  return registerFrom({ ...registration, expiresSec: EXPIRES_SEC });
}

interface Load {
  readonly places: Places;
  readonly echoCpuUs: number;
  readonly log: (line: string) => void;
}

/** Tries one rate after the other until calls fail. */
async function climb(stage: Stage, proxy: Proxy, load: Load): Promise<CallFigures> {
  const runs: CallRun[] = [];
  for (const perSec of RATES) {
    // oxlint-disable-next-line no-await-in-loop -- Each rate by itself is what is measured.
    const run = await runCalls(stage, proxy, { ...load.places, perSec });
    runs.push(run);
    const { calls, failed, retransmissions, cpuUs } = run;
    const repeats = `${retransmissions} messages repeated`;
    load.log(
      `${proxy.name}, ${perSec} calls/s: ${failed} of ${calls} failed, ${repeats}, ${cpuUs.toFixed(0)} us each`,
    );
    if (!isGood(run)) break;
  }
  const good = runs.filter(isGood);
  const highestPerSec = Math.max(0, ...good.map(({ perSec }) => perSec));
  const cpuUs = Math.min(...good.map((run) => run.cpuUs));
  return { proxy: proxy.name, runs, highestPerSec, cpuUs, ratio: cpuUs / load.echoCpuUs };
}

function isGood({ calls, failed, retransmissions }: CallRun): boolean {
  return failed === 0 && retransmissions < (calls * DATAGRAMS_PER_CALL) / 100;
}

async function runCalls(
  stage: Stage,
  { name, pid, port, uri }: Proxy,
  { devicePort, callerPort, perSec }: Places & { readonly perSec: number },
): Promise<CallRun> {
  const calls = perSec * SECONDS;
  const common = { calls, limitSec: SECONDS + SLACK_SEC };
  const before = readFamilyTime(pid);
  const device = startSipp(stage, {
    ...common,
    name: `${name}-device-${perSec}`,
    scenario: answeringScenario(0),
    port: devicePort,
  });
  const caller = startSipp(stage, {
    ...common,
    name: `${name}-caller-${perSec}`,
    scenario: callerScenario({ isChallenged: false, ends: "hangs-up", holdMs: 0, uri }),
    port: callerPort,
    call: { targetPort: port, perSec, users: ["caller"], service: USER },
  });
  const [called, calling] = await Promise.all([device(), caller()]);
  const cpuUs = (readFamilyTime(pid) - before) / calls;
  const both: readonly SippResult[] = [called, calling];
  const retransmissions = both.reduce((sum, one) => sum + one.retransmissions, 0);
  return { perSec, calls, failed: calls - calling.successful, retransmissions, cpuUs };
}

/** Where Debian's package puts it, and where an own build does. */
function hasKamailio(): boolean {
  return ["/usr/sbin/kamailio", "/usr/local/sbin/kamailio"].some((path) => existsSync(path));
}
