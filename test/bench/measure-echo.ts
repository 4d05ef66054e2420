import { randomBytes } from "node:crypto";
import { Child } from "./child.ts";
import type { Fleet, Phase, PhaseResult } from "./load-generator.ts";
import { readProcessorTime } from "./measure.ts";

const WARM_UP_SEC = 1;
const SECONDS = 4;

/** Processor time of the bare echo for a datagram in and a datagram out, microseconds. */
export async function measureEcho(): Promise<number> {
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
    return (readProcessorTime(echo.pid).totalUs - before) / Math.max(1, completed);
  } finally {
    await generator.end();
    await echo.end();
  }
}
