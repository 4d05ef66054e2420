import type { PushDevice } from "../location/push-device.ts";
import type { Log, Metrics, Push, PushGateway, PushOutcome } from "../ports.ts";
import { MAX_LANES } from "./limits.ts";
import { type LaneModules, PushLane } from "./push-lane.ts";
import { type GatewayClock, outcomeOf, type PushSender } from "./push-sender.ts";

export interface GatewayModules {
  readonly clock: GatewayClock;
  readonly fraction: () => number;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** Sends each push by the first sender that is for its device. */
export class ProviderGateway implements PushGateway {
  readonly providers: readonly string[];
  readonly #senders: readonly PushSender[];
  readonly #modules: GatewayModules;
  readonly #vapidKey: (provider: string) => string | undefined;
  readonly #lanes = new Map<PushSender, Map<string, PushLane>>();

  /** `vapidKey` is that of a provider of Web Push. */
  constructor(
    senders: readonly PushSender[],
    vapidKey: (provider: string) => string | undefined,
    modules: GatewayModules,
  ) {
    this.#senders = senders;
    this.#modules = modules;
    this.#vapidKey = vapidKey;
    this.providers = [...new Set(senders.map(({ provider }) => provider))];
    for (const sender of senders) this.#lanes.set(sender, new Map());
    for (const provider of this.providers) this.#watch(provider);
  }

  vapidKey(provider: string): string | undefined {
    return this.#vapidKey(provider);
  }

  canPush(device: PushDevice): boolean {
    return this.#senderFor(device) !== undefined;
  }

  send(push: Push, done: (outcome: PushOutcome) => void): () => void {
    const { provider } = push.device;
    const sender = this.#senderFor(push.device);
    const startedMs = this.#modules.clock.nowMs();
    const finish = (outcome: PushOutcome): void => {
      // A provider that is none of ours is the phone's word, and no label.
      const label = this.providers.includes(provider) ? provider : "other";
      this.#count(label, outcome, startedMs);
      done(outcome);
    };
    if (sender === undefined) {
      const none = outcomeOf("rejected", "no-provider", "no provider is set up for it");
      return this.#endSoon(finish, none);
    }
    const lane = this.#laneFor(sender, push.device);
    return lane === undefined ? this.#endSoon(finish, TOO_MANY_HOSTS) : lane.send(push, finish);
  }

  /** Reads all keys anew. Throws a `GatewayError` when one cannot be used; then all of them stay. */
  reload(): void {
    const prepared = this.#senders.map((sender) => sender.prepare());
    for (const use of prepared) use();
    for (const lanes of this.#lanes.values()) {
      for (const lane of lanes.values()) lane.reset();
    }
  }

  /** Ends what is under way and closes all connections. */
  stop(): void {
    for (const lanes of this.#lanes.values()) {
      for (const lane of lanes.values()) lane.stop(STOPPING);
    }
    for (const sender of this.#senders) sender.stop();
  }

  #senderFor(device: PushDevice): PushSender | undefined {
    return this.#senders.find(
      (sender) => sender.provider === device.provider && sender.accepts(device),
    );
  }

  #endSoon(finish: (outcome: PushOutcome) => void, outcome: PushOutcome): () => void {
    this.#modules.clock.after(0, () => finish(outcome));
    return nothing;
  }

  /** Undefined when there is no room for one more. */
  #laneFor(sender: PushSender, device: PushDevice): PushLane | undefined {
    const lanes = this.#lanes.get(sender) ?? new Map<string, PushLane>();
    const name = sender.laneOf(device);
    const known = lanes.get(name);
    if (known !== undefined) return known;
    if (lanes.size >= MAX_LANES && !makeRoom(lanes)) return undefined;
    const lane = new PushLane(sender, this.#laneModules(sender));
    lanes.set(name, lane);
    return lane;
  }

  #laneModules({ provider }: PushSender): LaneModules {
    const { clock, fraction, log, metrics } = this.#modules;
    const retries = metrics.counter("push_retries_total", { provider });
    const retried = (): void => {
      retries.n += 1;
    };
    return { clock, fraction, log, retried };
  }

  #count(provider: string, { result, reason }: PushOutcome, startedMs: number): void {
    const { clock, log, metrics } = this.#modules;
    metrics.counter("push_requests_total", { provider, result, reason }).n += 1;
    const tookMs = clock.nowMs() - startedMs;
    metrics.timing("push_duration_seconds", { provider, result }).observe(tookMs / 1000);
    if (log.isDebug) log.debug({ provider, result, reason, tookMs: Math.round(tookMs) }, "push");
  }

  #watch(provider: string): void {
    const { metrics } = this.#modules;
    metrics.gauge("push_queued", { provider }, () =>
      this.#lanesOf(provider).reduce((sum, { size }) => sum + size, 0),
    );
    metrics.gauge("push_provider_failing", { provider }, () =>
      this.#lanesOf(provider).some(({ isFailing }) => isFailing) ? 1 : 0,
    );
  }

  #lanesOf(provider: string): PushLane[] {
    return [...this.#lanes].flatMap(([sender, lanes]) =>
      sender.provider === provider ? [...lanes.values()] : [],
    );
  }
}

/**
 * Ends a lane about which there is nothing to remember, or else one that fails, with what waits in it: phones name the
 * push services, and whoever names many that do not exist must not keep midreg from those that do.
 */
function makeRoom(lanes: Map<string, PushLane>): boolean {
  const all = [...lanes];
  const given = all.find(([, lane]) => lane.isIdle) ?? all.find(([, lane]) => lane.isFailing);
  if (given === undefined) return false;
  const [name, lane] = given;
  lanes.delete(name);
  lane.stop(TOO_MANY_HOSTS);
  return true;
}

const TOO_MANY_HOSTS = outcomeOf("overloaded", "too-many-hosts", "too many push services at once");

const STOPPING = outcomeOf("unavailable", "stopping", "midreg is stopping");

/** Calls nothing off, since nothing is under way. */
const nothing = (): void => undefined;
