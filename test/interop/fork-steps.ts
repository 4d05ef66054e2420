import { deepStrictEqual } from "node:assert";
import { freePorts } from "../support/peers/free-ports.ts";
import { registerFrom } from "../support/peers/register-from.ts";
import {
  answeringScenario,
  type CallerOptions,
  callerScenario,
  ringingScenario,
} from "../support/peers/sipp-calls.ts";
import { startSipp } from "../support/peers/sipp-run.ts";
import type { Step } from "./suite.ts";
import type { World } from "./world.ts";

/** Calls that stand at the same time, and new ones a second. */
const CALLS = 500;
const CALLS_PER_SEC = 125;
/** Long enough that all calls stand before the first one ends. */
const HOLD_MS = 6000;
const RING_MS = 500;
const LIMIT_SEC = 60;
const EXPIRES_SEC = 600;
const CALLER = "quentin";

/** Two devices that share an address-of-record and what each does when it is called. */
interface Story {
  readonly name: string;
  readonly user: string;
  readonly devices: readonly string[];
  readonly caller: CallerOptions;
}

/** A crowd of calls that Kamailio routes to midreg, and midreg to two devices each. */
export function forkSteps(world: World): Step[] {
  if (!world.hasMidreg) return [];
  return [
    step(world, {
      name: `${CALLS} sipp calls at once ring two devices each: one answers, the other gets a CANCEL`,
      user: "olga",
      devices: [answeringScenario(RING_MS), ringingScenario()],
      caller: { isChallenged: true, ends: "hangs-up", holdMs: HOLD_MS },
    }),
    step(world, {
      name: `${CALLS} sipp calls at once ring two devices each and are given up`,
      user: "pete",
      devices: [ringingScenario(), ringingScenario()],
      caller: { isChallenged: true, ends: "gives-up", holdMs: HOLD_MS },
    }),
  ];
}

function step(world: World, story: Story): Step {
  return {
    name: `mode aor: ${story.name}`,
    limitSec: LIMIT_SEC + 20,
    logs: ["midreg", "kamailio"],
    run: async () => play(world, story),
  };
}

async function play(world: World, { user, devices, caller }: Story): Promise<string> {
  const [callerPort = 0, ...ports] = await freePorts(1 + devices.length);
  for (const port of ports) {
    // One after the other: they share an address-of-record, and each asks the main registrar.
    // oxlint-disable-next-line no-await-in-loop
    await registerFrom({
      user,
      domain: "sip.test",
      password: `pw-${user}`,
      port,
      targetPort: world.outboundPort,
      expiresSec: EXPIRES_SEC,
    });
  }
  const common = { calls: CALLS, limitSec: LIMIT_SEC };
  const called = devices.map((scenario, at) =>
    startSipp(world.stage, {
      ...common,
      name: `${user}-device-${at}`,
      scenario,
      port: ports[at] ?? 0,
    }),
  );
  const calling = startSipp(world.stage, {
    ...common,
    name: `${user}-caller`,
    scenario: callerScenario(caller),
    port: callerPort,
    call: {
      targetPort: world.kamailio.port,
      perSec: CALLS_PER_SEC,
      users: [`${CALLER};[authentication username=${CALLER} password=pw-${CALLER}]`],
      service: user,
    },
  });
  const ended = await Promise.all([calling, ...called].map(async (end) => end()));
  const good = { exitCode: 0, successful: CALLS, failed: 0, unexpected: 0, complaint: "" };
  deepStrictEqual(
    ended.map(({ exitCode, successful, failed, unexpected, complaint }) => ({
      exitCode,
      successful,
      failed,
      unexpected,
      complaint,
    })),
    ended.map(() => good),
  );
  const repeats = ended.map(({ retransmissions }) => retransmissions).join(", ");
  return `${CALLS} of ${CALLS}; retransmissions ${repeats}`;
}
