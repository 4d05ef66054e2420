import type { AorRecord, Binding } from "../location/binding.ts";
import { parseFlow } from "../location/flow.ts";
import type { LocationStore, Transport } from "../ports.ts";
import { type FlowEnds, isOnlyWay } from "./flow-ends.ts";
import {
  LOST_FLOWS_TICK_MS,
  MAX_LOST_FLOW_RECORDS_PER_TICK,
  MAX_LOST_FLOWS_PER_TICK,
} from "./limits.ts";
import type { TimerOwner, TimerQueue } from "./timer-queue.ts";

interface LostFlowModules {
  readonly store: Pick<LocationStore, "records">;
  readonly transport: Pick<Transport, "isOpen">;
  readonly timers: TimerQueue;
  readonly flows: Pick<FlowEnds, "lost">;
}

/**
 * Connections end with the process, and their ends are told to nobody: after a restart the bindings of before lead to
 * connections that there are no more (RFC 5626 section 7). Phones come back by themselves, so they are given some time;
 * who has not come back by then has a dead flow.
 */
export class LostFlows implements TimerOwner {
  readonly #modules: LostFlowModules;
  #records: Iterator<AorRecord, unknown> | undefined;
  #isStopped = false;

  constructor(modules: LostFlowModules) {
    this.#modules = modules;
  }

  /** Gives phones so much time from now on. */
  start(graceMs: number): void {
    this.#modules.timers.start(graceMs, this, "lost-flows");
  }

  stop(): void {
    this.#isStopped = true;
  }

  onTimer(): void {
    if (this.#isStopped) return;
    const { store, timers, flows } = this.#modules;
    this.#records ??= store.records()[Symbol.iterator]();
    let lost = 0;
    for (let looked = 0; looked < MAX_LOST_FLOW_RECORDS_PER_TICK; looked += 1) {
      const step = this.#records.next();
      if (step.done === true) return;
      const { aor, bindings } = step.value;
      for (const binding of bindings) {
        if (!this.#isLost(binding)) continue;
        flows.lost(aor, binding);
        lost += 1;
      }
      if (lost >= MAX_LOST_FLOWS_PER_TICK) break;
    }
    timers.start(LOST_FLOWS_TICK_MS, this, "lost-flows");
  }

  #isLost(binding: Binding): boolean {
    const { source } = binding;
    const connection = parseFlow(source)?.connection ?? "";
    return connection !== "" && isOnlyWay(binding) && !this.#modules.transport.isOpen(source);
  }
}
