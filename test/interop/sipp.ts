import { type SippResult, startSipp } from "../support/peers/sipp-run.ts";
import type { Stage } from "../support/peers/stage.ts";
import { type ScenarioOptions, sippScenario } from "./sipp-scenario.ts";

export interface SippOptions extends ScenarioOptions {
  readonly name: string;
  /** Users are called after it: u0, u1, … */
  readonly userPrefix: string;
  readonly phones: number;
  readonly phonesPerSec: number;
  /** All phones on this port, or each on a port of its own. */
  readonly port: number | "each";
  readonly targetPort: number;
  readonly limitSec: number;
}

/** Runs sipp as many phones. */
export async function runSipp(stage: Stage, options: SippOptions): Promise<SippResult> {
  const { name, userPrefix, phones, phonesPerSec, port, targetPort, limitSec } = options;
  const users = Array.from({ length: phones }, (_, index) => {
    const user = `${userPrefix}${index}`;
    return `${user};[authentication username=${user} password=pw-${user}]`;
  });
  const ended = startSipp(stage, {
    name,
    scenario: sippScenario(options),
    port,
    calls: phones,
    limitSec,
    call: { targetPort, perSec: phonesPerSec, users },
    // An answer that is given again says how much of the lifetime is left by then: it is the same all the same.
    flags: { rtcheck: "loose" },
  });
  return ended();
}
