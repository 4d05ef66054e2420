/** What a run of the benchmark is asked for, and what comes of it. */
import type { Exit } from "../support/real-process.ts";
import type { PhaseResult } from "./load-generator.ts";
import type { Memory } from "./measure.ts";
import type { Span } from "./profile.ts";

export interface Sizes {
  readonly aors: number;
  /** Registered in the end, for memory and restart; 0 leaves that part out. */
  readonly manyAors: number;
  /** Length of the closed and of the open loop. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly echoSeconds: number;
  /** Longest time for each set of first registrations. */
  readonly registerSeconds: number;
  readonly settleMs: number;
  /** Quiet after registering until the second reading of memory: RFC 3261 timer J has then fired. */
  readonly quietMs: number;
  readonly window: number;
  readonly sources: number;
}

export interface ScenarioOptions {
  readonly sizes: Sizes;
  readonly entry?: string;
  /** Where midreg leaves CPU profiles, if it shall. */
  readonly profileDir?: string;
  readonly log: (line: string) => void;
}

/** A phase and what the processes used in it. */
export interface Measured extends PhaseResult {
  /** Processor time of the server for each request, all threads, microseconds. */
  readonly cpuUs: number;
  /** The part of it that its main thread used. */
  readonly mainThreadCpuUs: number;
  /** REGISTERs that the main registrar received. */
  readonly forwarded: number;
  readonly registrarCpuUs: number;
  /** Cores kept busy by processes that have no part in this. */
  readonly othersCores: number;
  readonly stolenCores: number;
}

export interface MemoryReading extends Memory {
  readonly when: string;
  readonly bindings: number;
  /** Growth since before the first binding, for each binding. */
  readonly rssBytesPerBinding: number;
}

export interface Restart {
  readonly bindings: number;
  readonly stopMs: number;
  readonly exit: Exit;
  readonly readyMs: number;
  /** Refreshes from both ends of the fleet right after. */
  readonly refresh: Measured;
}

export interface ScenarioResult {
  readonly startMs: number;
  readonly emptyMemory: Memory;
  readonly echoBefore: Measured;
  readonly first: Measured;
  readonly refreshClosed: Measured;
  /** Processor time in the two quiet seconds after the closed loop, per request of that loop. */
  readonly aftermathCpuUs: number;
  readonly refreshOpen: Measured;
  /** Each phone refreshes once from a new address and port, which the main registrar has to confirm. */
  readonly refreshMoved: Measured;
  /** AoR throttling with three devices for each address-of-record, in a process of its own. */
  readonly aorFirst: Measured;
  readonly aorRefresh: Measured;
  /** absorb: digest in a process of its own: each phone is challenged once, and then counts its nonce up. */
  readonly digestFirst: Measured;
  readonly digestRefresh: Measured;
  readonly echoAfter: Measured;
  readonly echoOpen: Measured;
  readonly firstMany?: Measured;
  readonly restart?: Restart;
  readonly memory: readonly MemoryReading[];
  readonly spans: readonly Span[];
  /** What went wrong, a sentence each; the figures are worthless when this is not empty. */
  readonly failures: readonly string[];
}
