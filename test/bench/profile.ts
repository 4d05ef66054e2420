import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const TOP = 15;
/** Regular expressions are named by their source. */
const NAME_LENGTH = 60;
/** The name V8 gives to waiting for events. */
const IDLE = "(idle)";

/** A stretch of time on the monotonic clock, which the profiler's time stamps count too. */
export interface Span {
  readonly name: string;
  readonly fromUs: number;
  readonly toUs: number;
}

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  /** Counted from 0. */
  readonly lineNumber: number;
}

/** The parts of V8's .cpuprofile that are read here. */
export interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface FunctionShare {
  readonly name: string;
  /** Time in the function itself, per cent of the time in which the thread was busy. */
  readonly percent: number;
}

export interface ProfileSummary {
  /** Per cent of the span's time in which the thread was not idle. */
  readonly busyPercent: number;
  /** The functions with the most self time, largest first. */
  readonly top: readonly FunctionShare[];
}

export interface ThreadProfile extends ProfileSummary {
  readonly thread: string;
  readonly phase: string;
}

/** Reads all profiles that --cpu-prof left in a directory: one for each thread of each process. */
export function readProfiles(directory: string, spans: readonly Span[]): ThreadProfile[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith(".cpuprofile"))
    .toSorted()
    .flatMap((file) => {
      // CPU.date.time.pid.thread.sequence.cpuprofile
      const number = file.split(".")[4] ?? "?";
      const thread = number === "0" ? "main thread" : `thread ${number}`;
      const profile = JSON.parse(readFileSync(join(directory, file), "utf8")) as CpuProfile;
      return spans.flatMap((span) => {
        const summary = summarizeProfile(profile, span);
        return summary === undefined ? [] : [{ thread, phase: span.name, ...summary }];
      });
    });
}

/** Where a thread spent its time within a span; undefined when it did not run or was always idle. */
export function summarizeProfile(
  profile: CpuProfile,
  { fromUs, toUs }: Span,
): ProfileSummary | undefined {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const selfUs = new Map<string, number>();
  let totalUs = 0;
  let atUs = profile.startTime;
  for (const [index, id] of profile.samples.entries()) {
    const deltaUs = profile.timeDeltas[index] ?? 0;
    const name = names.get(id) ?? "(unknown)";
    atUs += deltaUs;
    if (atUs >= fromUs && atUs < toUs) {
      selfUs.set(name, (selfUs.get(name) ?? 0) + deltaUs);
      totalUs += deltaUs;
    }
  }
  const busyUs = totalUs - (selfUs.get(IDLE) ?? 0);
  selfUs.delete(IDLE);
  if (busyUs <= 0) return undefined;
  const top = [...selfUs].toSorted(([, a], [, b]) => b - a).slice(0, TOP);
  return {
    busyPercent: (100 * busyUs) / totalUs,
    top: top.map(([name, us]) => ({ name, percent: (100 * us) / busyUs })),
  };
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const name = functionName === "" ? "(anonymous)" : functionName.slice(0, NAME_LENGTH);
  if (url === "") return name;
  const place = url.replace(/^.*\/(?=dist\/|node_modules\/)/u, "");
  return `${name} ${place}:${lineNumber + 1}`;
}
