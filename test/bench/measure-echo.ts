import { randomBytes } from "node:crypto";
import { Child } from "./child.ts";
import type { Percentiles } from "./latency-histogram.ts";
import type { Fleet, Phase, PhaseResult } from "./load-generator.ts";
import { readProcessorTime } from "./measure.ts";

const WARM_UP_SEC = 1;
const SECONDS = 4;
const CALM_SECONDS = 1;
const CALM_RATE = 500;

/** What the bare echo takes for a datagram in and a datagram out, microseconds. */
export interface EchoFigures {
  /** Processor time at full load. */
  readonly cpuUs: number;
  /** From sending to receiving when 500 a second go through. */
  readonly latencyUs: Percentiles;
}

export async function measureEcho(): Promise<EchoFigures> {
  const echo = new Child(new URL("./echo.ts", import.meta.url));
  const generator = new Child(new URL("./generator.ts", import.meta.url));
  try {
    const fleet: Fleet = {
      targetPort: await echo.call<number>("start", 0),
      devices: 10_000,
      devicesPerAor: 1,
      sources: 500,
      domain: "bench.example.com",
      runId: randomBytes(6).toString("hex"),
      expiresSec: 600,
    };
    await generator.call("open", fleet);
    const phase: Phase = {
      first: 0,
      end: fleet.devices,
      isOnce: false,
      seconds: WARM_UP_SEC,
      window: 64,
      verifyEvery: 1,
    };
    await generator.call<PhaseResult>("run", phase);
    const before = readProcessorTime(echo.pid).totalUs;
    const { completed } = await generator.call<PhaseResult>("run", { ...phase, seconds: SECONDS });
    const cpuUs = (readProcessorTime(echo.pid).totalUs - before) / Math.max(1, completed);
    const calm = { ...phase, seconds: CALM_SECONDS, rate: CALM_RATE };
    const { latencyFromSendingUs } = await generator.call<PhaseResult>("run", calm);
    return { cpuUs, latencyUs: latencyFromSendingUs };
  } finally {
    await generator.end();
    await echo.end();
  }
}
