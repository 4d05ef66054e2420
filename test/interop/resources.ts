import { readdirSync, readFileSync } from "node:fs";
import { parseMetrics, total } from "../support/peers/metrics.ts";

/** What a process takes at one moment. */
export interface Resources {
  readonly rssMb: number;
  readonly heapMb: number;
  readonly descriptors: number;
  /** Connections for SIP, each of which is one of the descriptors. */
  readonly connections: number;
}

const PAGE_BYTES = 4096;
const MEGABYTE = 1024 * 1024;

/** Reads it from the system, and the heap from the process's own metrics. */
export async function resourcesOf(pid: number, metricsUrl: string): Promise<Resources> {
  const samples = parseMetrics(await (await fetch(metricsUrl)).text());
  const [, pages = "0"] = readFileSync(`/proc/${pid}/statm`, "latin1").split(" ");
  return {
    rssMb: (Number(pages) * PAGE_BYTES) / MEGABYTE,
    heapMb: total(samples, "nodejs_heap_size_used_bytes") / MEGABYTE,
    connections: total(samples, "midreg_sip_connections"),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
  };
}

/** File descriptors that a process of this session may have, at most. */
export function mostDescriptors(): number {
  const line = /^Max open files\s+(\d+)/mu.exec(readFileSync("/proc/self/limits", "latin1"));
  return Number(line?.[1] ?? 1024);
}
