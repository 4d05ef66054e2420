import { existsSync, readFileSync, writeFileSync } from "node:fs";
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

/** How a run ended, by sipp's own statistics. */
export interface SippResult {
  readonly exitCode: number | string;
  readonly created: number;
  readonly successful: number;
  readonly failed: number;
  /** Messages that no scenario step expected, inside and outside of calls. */
  readonly unexpected: number;
  readonly retransmissions: number;
  /** How its error log begins; empty without errors. */
  readonly complaint: string;
}

const COMPLAINT_LENGTH = 1500;

/** Runs sipp as many phones. */
export async function runSipp(stage: Stage, options: SippOptions): Promise<SippResult> {
  const { name, userPrefix, phones, phonesPerSec, port, targetPort, limitSec } = options;
  const users = Array.from({ length: phones }, (_, index) => {
    const user = `${userPrefix}${index}`;
    return `${user};[authentication username=${user} password=pw-${user}]`;
  });
  const scenarioPath = stage.path(`${name}.xml`);
  const usersPath = stage.path(`${name}-users.csv`);
  const statisticsPath = stage.path(`${name}-statistics.csv`);
  const errorsPath = stage.path(`${name}-errors.log`);
  writeFileSync(scenarioPath, sippScenario(options));
  writeFileSync(usersPath, `SEQUENTIAL\n${users.join("\n")}\n`);
  const running = stage.spawn(name, "sipp", [
    ...flags({
      sf: scenarioPath,
      inf: usersPath,
      i: "127.0.0.1",
      m: phones,
      l: phones,
      r: phonesPerSec,
      buff_size: 4_194_304,
      // An answer that is given again says how much of the lifetime is left by then: it is the same all the same.
      rtcheck: "loose",
      timeout: `${limitSec}s`,
      stf: statisticsPath,
      fd: 1,
      error_file: errorsPath,
      ...(port === "each" ? { t: "un", max_socket: 2 * phones } : { p: port }),
    }),
    "-timeout_error",
    "-trace_stat",
    "-trace_err",
    "-nostdin",
    `127.0.0.1:${targetPort}`,
  ]);
  const exitCode = await running.exitWithin((limitSec + 10) * 1000);
  return { exitCode, ...readStatistics({ stf: statisticsPath, error_file: errorsPath }) };
}

/** Reads the last row of sipp's statistics file, "(C)" columns are cumulative, and how its error log begins. */
export function readStatistics(files: {
  readonly stf: string;
  readonly error_file: string;
}): Omit<SippResult, "exitCode"> {
  const complaint = existsSync(files.error_file)
    ? readFileSync(files.error_file, "latin1").slice(0, COMPLAINT_LENGTH)
    : "";
  const rows = readFileSync(files.stf, "latin1").trim().split("\n");
  const names = (rows[0] ?? "").split(";");
  const cells = (rows.at(-1) ?? "").split(";");
  const value = (name: string): number => Number(cells[names.indexOf(name)] ?? Number.NaN);
  return {
    created: value("TotalCallCreated"),
    successful: value("SuccessfulCall(C)"),
    failed: value("FailedCall(C)"),
    unexpected: value("FailedUnexpectedMessage(C)") + value("OutOfCallMsgs(C)"),
    retransmissions: value("Retransmissions(C)"),
    complaint,
  };
}

function flags(values: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => [`-${name}`, String(value)]);
}
