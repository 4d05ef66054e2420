import type { Binding } from "../location/binding.ts";
import { BindingFacts } from "../registrar/binding-facts.ts";
import type { PingChoice } from "../registrar/decide-ping.ts";
import { firstMatch } from "../registrar/rules.ts";
import type { AorQueue, AorTask } from "./aor-queue.ts";
import { type EndModules, endNow } from "./end-now.ts";
import { Pinger, type PingerModules } from "./pinger.ts";
import type { ServerOptions } from "./server-modules.ts";

type Modules = Omit<PingerModules, "choiceOf" | "remove"> &
  EndModules & { readonly queue: AorQueue };

/** Pings by the settings and the rules. */
export function buildPinger(options: ServerOptions, modules: Modules): Pinger {
  const { pings } = options;
  const removed = modules.metrics.counter("ping_removed_total");
  const onRemoved = (count: number): void => {
    removed.n += count;
  };
  return new Pinger(pings, {
    ...modules,
    choiceOf: choiceBy(options),
    remove: (aor, ctid, isWanted) => {
      // Where there is no room, the next ping that is lost tries again.
      modules.queue.enter(aor, new DeadRemoval(aor, { ctid, isWanted, onRemoved }, modules));
    },
  });
}

/** A rule is held against the binding itself, so that none has to be remembered with it. */
function choiceBy({ registerRules, pings }: ServerOptions): PingerModules["choiceOf"] {
  const { choice } = pings.policy;
  if (registerRules.every(({ ping }) => ping === choice)) return () => choice;
  return (aor: string, binding: Binding): PingChoice =>
    firstMatch(new BindingFacts(aor, binding), registerRules)?.ping ?? choice;
}

interface Doomed {
  readonly ctid: string;
  readonly isWanted: (binding: Binding) => boolean;
  readonly onRemoved: (count: number) => void;
}

/** Removes the binding of a dead device, unless that has shown itself while this waited for its turn. */
class DeadRemoval implements AorTask {
  readonly #aor: string;
  readonly #doomed: Doomed;
  readonly #modules: Modules;

  constructor(aor: string, doomed: Doomed, modules: Modules) {
    this.#aor = aor;
    this.#doomed = doomed;
    this.#modules = modules;
  }

  isSame(other: AorTask): boolean {
    return other instanceof DeadRemoval && other.#doomed.ctid === this.#doomed.ctid;
  }

  run(): void {
    const { ctid, isWanted, onRemoved } = this.#doomed;
    const record = this.#modules.store.lookup(this.#aor);
    const binding = record?.bindings.find((one) => one.ctid === ctid);
    const leave = (): void => this.#modules.queue.leave(this.#aor);
    if (record === undefined || binding === undefined || !isWanted(binding)) return leave();
    const isEnding = endNow(
      this.#modules,
      { record, ctids: [ctid], reason: "ping" },
      {
        done: (ctids) => {
          onRemoved(ctids.length);
          leave();
        },
        failed: leave,
      },
    );
    return isEnding ? undefined : leave();
  }
}
