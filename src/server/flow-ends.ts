import type { Binding } from "../location/binding.ts";
import type { FlowEnd, Metrics, Tally } from "../ports.ts";
import type { AorQueue, AorTask } from "./aor-queue.ts";
import { type EndModules, endNow } from "./end-now.ts";
import { MAX_FAILED_FLOWS } from "./limits.ts";
import { recordFlowEnd } from "./register-decisions.ts";

/**
 * Why a flow is believed to be dead. "failed": a request over it was answered with 430, or not at all; "restart": its
 * connection was one of the process before.
 */
type FlowEndReason = FlowEnd | "failed" | "restart";

export interface FlowEndModules extends EndModules {
  readonly queue: AorQueue;
  readonly metrics: Metrics;
}

/**
 * What becomes of bindings whose flow has ended (RFC 5626 sections 5.3 and 7), whoever's they are. Kept ones are not
 * called while there are other ways, until their device registers again, which it does shortly; or all of them are
 * removed, and de-registered upstream (dead_flow).
 */
export class FlowEnds {
  readonly #modules: FlowEndModules;
  readonly #removes: boolean;
  readonly #tallies = new Map<FlowEndReason, Tally>();
  /** When requests to a binding have failed that have nothing to do with a connection, by ctid, oldest first. */
  readonly #failed = new Map<string, number>();

  constructor(
    modules: FlowEndModules,
    { removesDeadFlows }: { readonly removesDeadFlows: boolean },
  ) {
    this.#modules = modules;
    this.#removes = removesDeadFlows;
  }

  /** A connection has ended, or a device has not kept its promise of keep-alives. */
  ended(flow: string, reason: FlowEnd): void {
    const { store } = this.#modules;
    // All connections end with midreg, and all devices are expected to come back to the next one.
    if (reason === "stopped" || !store.hasSource(flow)) return;
    this.#tally(reason).n += 1;
    for (const { aor, binding } of store.bindingsAt(flow)) this.#end(aor, binding, reason);
  }

  /** The connection of a binding ended with the process before, and its device has not come back. */
  lost(aor: string, binding: Binding): void {
    this.#tally("restart").n += 1;
    this.#end(aor, binding, "restart");
  }

  /** Where the device of a binding is now. */
  flowOf(ctid: string): string | undefined {
    return this.#modules.store.lookupCtid(ctid)?.binding.source;
  }

  /** A request over the flow of a binding came back with 430, or nothing came back (RFC 5626 section 7). */
  failed(ctid: string): void {
    const { store, nowMs } = this.#modules;
    const known = store.lookupCtid(ctid);
    if (known === undefined || this.hasFailed(known.binding)) return;
    this.#tally("failed").n += 1;
    this.#failed.delete(ctid);
    this.#failed.set(ctid, nowMs());
    const [oldest] = this.#failed.keys();
    if (this.#failed.size > MAX_FAILED_FLOWS && oldest !== undefined) this.#failed.delete(oldest);
    this.#end(known.aor, known.binding, "failed");
  }

  /** The main registrar hears 430 of a flow and forgets the contact, so the device's next REGISTER has to go there. */
  disowned(ctid: string): void {
    this.#modules.identities.doubt(ctid);
  }

  /** Whether the last that is known of a binding is that its flow has failed; `answeredAtMs` is of its last answer to a ping. */
  hasFailed({ ctid, updatedAtMs }: Binding, answeredAtMs = 0): boolean {
    if (this.#failed.size === 0) return false;
    const atMs = this.#failed.get(ctid);
    if (atMs === undefined || Math.max(updatedAtMs, answeredAtMs) <= atMs) {
      return atMs !== undefined;
    }
    this.#failed.delete(ctid);
    return false;
  }

  #end(aor: string, binding: Binding, reason: FlowEndReason): void {
    const { decisions, nowMs, log, queue } = this.#modules;
    const removes = this.#removes && (reason === "failed" || isOnlyWay(binding));
    const outcome = removes ? "removed" : "kept";
    recordFlowEnd({ decisions, nowMs }, { aor, binding, reason, outcome });
    if (log.isDebug) log.debug({ aor, ctid: binding.ctid, reason, outcome }, "flow ended");
    if (!removes) return;
    // With too much under way for it, it goes when its lifetime is over.
    queue.enter(aor, new FlowEndRun(aor, binding, this.#modules));
  }

  #tally(reason: FlowEndReason): Tally {
    const known = this.#tallies.get(reason);
    if (known !== undefined) return known;
    const tally = this.#modules.metrics.counter("flows_ended_total", { reason });
    this.#tallies.set(reason, tally);
    return tally;
  }
}

/**
 * Whether the connection was the only way to the device. One that can be woken closes it to sleep, and a proxy on the Path
 * is connected to anew.
 */
export function isOnlyWay({ push, path }: Binding): boolean {
  return push === "" && path === "";
}

/** Removes a binding in its turn, unless its device has come back meanwhile. */
class FlowEndRun implements AorTask {
  readonly #aor: string;
  readonly #ctid: string;
  readonly #source: string;
  readonly #updatedAtMs: number;
  readonly #modules: FlowEndModules;

  constructor(aor: string, { ctid, source, updatedAtMs }: Binding, modules: FlowEndModules) {
    this.#aor = aor;
    this.#ctid = ctid;
    this.#source = source;
    this.#updatedAtMs = updatedAtMs;
    this.#modules = modules;
  }

  isSame(other: AorTask): boolean {
    return other instanceof FlowEndRun && other.#ctid === this.#ctid;
  }

  run(): void {
    const { store, queue } = this.#modules;
    const record = store.lookup(this.#aor);
    const binding = record?.bindings.find(({ ctid }) => ctid === this.#ctid);
    const leave = (): void => queue.leave(this.#aor);
    const isAsItWas = binding?.source === this.#source && binding.updatedAtMs === this.#updatedAtMs;
    if (record === undefined || !isAsItWas) return leave();
    const ended = { record, ctids: [this.#ctid], reason: "dead-flow" as const };
    if (!endNow(this.#modules, ended, { done: leave, failed: leave })) leave();
    return undefined;
  }
}
