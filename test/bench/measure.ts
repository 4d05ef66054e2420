import { readdirSync, readFileSync, statfsSync } from "node:fs";
import { cpus, loadavg, release, tmpdir, totalmem } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

/** The kernel counts processor time for user space in hundredths of a second (USER_HZ). */
const TICK_US = 10_000;
const SETTLE_STEP_MS = 500;
/** Readings that must agree before memory counts as settled. */
const SETTLE_READINGS = 6;
const SETTLE_SPREAD = 0.005;
const FILESYSTEMS = new Map([
  [0x0102_1994, "tmpfs"],
  [0xef53, "ext"],
  [0x9123_683e, "btrfs"],
  [0x5846_5342, "xfs"],
  [0x794c_7630, "overlay"],
]);

/** Processor time of a process since its start, user and system, microseconds. */
export interface ProcessorTime {
  /** All threads, the ended ones too. */
  readonly totalUs: number;
  readonly mainThreadUs: number;
}

export function readProcessorTime(pid: number): ProcessorTime {
  return {
    totalUs: readStat(`/proc/${pid}/stat`),
    mainThreadUs: readStat(`/proc/${pid}/task/${pid}/stat`),
  };
}

/** The same of a process and its children, the living ones: a server that forks workers. */
export function readFamilyTime(pid: number): number {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/u.test(name));
  const family = pids.filter((name) => Number(name) === pid || parentOf(name) === pid);
  return family.reduce((sum, name) => sum + readStat(`/proc/${name}/stat`), 0);
}

function parentOf(pid: string): number | undefined {
  try {
    return Number(readFields(`/proc/${pid}/stat`)[1]);
  } catch {
    // It has ended since it was listed.
    return undefined;
  }
}

function readStat(path: string): number {
  const fields = readFields(path);
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

/** proc(5): fields from the third on, the state; the name in field 2 may hold blanks. utime and stime are 14 and 15. */
function readFields(path: string): string[] {
  const text = readFileSync(path, "latin1");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** Processor time of the whole machine, microseconds summed over its cores. */
export interface MachineTime {
  readonly busyUs: number;
  /** Time that other virtual machines took. */
  readonly stolenUs: number;
}

export function readMachineTime(): MachineTime {
  const [line = ""] = readFileSync("/proc/stat", "latin1").split("\n", 1);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, stolen = 0] = line
    .trim()
    .split(/\s+/u)
    .slice(1)
    .map((ticks) => Number(ticks) * TICK_US);
  return { busyUs: user + nice + system + irq + softIrq, stolenUs: stolen };
}

/** Resident memory in bytes. */
export interface Memory {
  readonly rssBytes: number;
  /** The part that is no mapped file: heap, stacks, buffers. */
  readonly anonymousBytes: number;
}

/** Exact at the moment of reading, unlike the counters in /proc/PID/status. */
function readMemory(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  const bytesOf = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "mu").exec(text)?.[1]) * 1024;
  return { rssBytes: bytesOf("Rss"), anonymousBytes: bytesOf("Anonymous") };
}

/** Waits until resident memory has stayed within 0.5 % for 3 seconds, or `timeoutMs` have passed. */
export async function settleMemory(pid: number, timeoutMs: number): Promise<Memory> {
  const deadlineMs = performance.now() + timeoutMs;
  return settle(pid, deadlineMs, []);
}

async function settle(pid: number, deadlineMs: number, before: Memory[]): Promise<Memory> {
  const memory = readMemory(pid);
  const readings = [...before, memory].slice(-SETTLE_READINGS);
  const sizes = readings.map(({ rssBytes }) => rssBytes);
  const spread = Math.max(...sizes) / Math.min(...sizes) - 1;
  if (readings.length === SETTLE_READINGS && spread < SETTLE_SPREAD) return memory;
  if (performance.now() >= deadlineMs) return memory;
  await sleep(SETTLE_STEP_MS);
  return settle(pid, deadlineMs, readings);
}

/** Files this process and its children may hold open. */
export function readOpenFilesLimit(): number {
  const limit = /^Max open files\s+\d+\s+(\d+)/mu.exec(readFileSync("/proc/self/limits", "latin1"));
  return Number(limit?.[1] ?? Infinity);
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly node: string;
  /** File system that holds the data directory. */
  readonly filesystem: string;
  readonly loadAverage: readonly number[];
}

export function readMachine(): Machine {
  const processors = cpus();
  const filesystem = statfsSync(tmpdir()).type;
  return {
    cpu: processors[0]?.model ?? "unknown",
    cores: processors.length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    filesystem: FILESYSTEMS.get(filesystem) ?? `0x${filesystem.toString(16)}`,
    loadAverage: loadavg(),
  };
}
