import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Stage, StageProcess } from "./stage.ts";

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

/** One sipp on one port of 127.0.0.1. */
export interface SippRun {
  readonly name: string;
  /** XML of the scenario. */
  readonly scenario: string;
  /** All calls on this port, or each on a port of its own. */
  readonly port: number | "each";
  /** Calls after which it ends, and that may stand at once. */
  readonly calls: number;
  readonly limitSec: number;
  /** Given for the side that calls. */
  readonly call?: {
    readonly targetPort: number;
    readonly perSec: number;
    /** Rows of the users' file, one for each call in turn. */
    readonly users: readonly string[];
    /** What [service] stands for. */
    readonly service?: string;
  };
  /** Further flags, name and value. */
  readonly flags?: Readonly<Record<string, string | number>>;
}

const COMPLAINT_LENGTH = 1500;
/** What sipp may take beyond its own time limit. */
const GRACE_MS = 10_000;

/** Starts sipp; the function it gives back waits for its end, which `limitSec` bounds. */
export function startSipp(stage: Stage, run: SippRun): () => Promise<SippResult> {
  const { name, port, calls, limitSec, call } = run;
  const files = {
    sf: stage.path(`${name}.xml`),
    stf: stage.path(`${name}-statistics.csv`),
    error_file: stage.path(`${name}-errors.log`),
  };
  writeFileSync(files.sf, run.scenario);
  const flags = {
    ...files,
    i: "127.0.0.1",
    m: calls,
    fd: 1,
    timeout: `${limitSec}s`,
    buff_size: 4_194_304,
    ...(port === "each" ? { t: "un", max_socket: 2 * calls } : { p: port }),
    ...callFlags(stage.path(`${name}-users.csv`), calls, call),
    ...run.flags,
  };
  const words = Object.entries(flags).flatMap(([flag, value]) => [`-${flag}`, String(value)]);
  const traces = ["-timeout_error", "-trace_stat", "-trace_err", "-nostdin"];
  const target = call === undefined ? [] : [`127.0.0.1:${call.targetPort}`];
  const running: StageProcess = stage.spawn(name, "sipp", [...words, ...traces, ...target]);
  return async () => {
    const exitCode = await running.exitWithin(limitSec * 1000 + GRACE_MS);
    return { exitCode, ...readStatistics(files) };
  };
}

function callFlags(
  usersPath: string,
  calls: number,
  call: SippRun["call"],
): Readonly<Record<string, string | number>> {
  if (call === undefined) return {};
  writeFileSync(usersPath, `SEQUENTIAL\n${call.users.join("\n")}\n`);
  const service = call.service === undefined ? {} : { s: call.service };
  return { inf: usersPath, r: call.perSec, l: calls, ...service };
}

/** Reads the last row of sipp's statistics file, "(C)" columns are cumulative, and how its error log begins. */
function readStatistics(files: {
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
