import { buildChange } from "../location/change.ts";
import type { LocationStore, Log } from "../ports.ts";
import { losesPush } from "../push/push-result.ts";
import type { AorQueue, AorTask } from "./aor-queue.ts";

export interface DropPushModules {
  readonly store: LocationStore;
  readonly queue: AorQueue;
  readonly log: Log;
}

/**
 * The provider says that a token is dead, since then if it says since when: the bindings that have it are pushed to no
 * more. Where the address-of-record has too much under way it stays as it is until the next push says so again.
 */
export function dropPush(
  aor: string,
  deadPush: string,
  deadSinceMs: number | undefined,
  modules: DropPushModules,
): void {
  modules.queue.enter(aor, new PushDrop(aor, { deadPush, deadSinceMs }, modules));
}

class PushDrop implements AorTask {
  readonly #aor: string;
  readonly #dead: { readonly deadPush: string; readonly deadSinceMs: number | undefined };
  readonly #modules: DropPushModules;

  constructor(
    aor: string,
    dead: { deadPush: string; deadSinceMs: number | undefined },
    modules: DropPushModules,
  ) {
    this.#aor = aor;
    this.#dead = dead;
    this.#modules = modules;
  }

  isSame(other: AorTask): boolean {
    return other instanceof PushDrop && other.#dead.deadPush === this.#dead.deadPush;
  }

  run(): void {
    const { store, log } = this.#modules;
    const bindings = store.lookup(this.#aor)?.bindings ?? [];
    const put = bindings
      .filter((binding) => losesPush(binding, this.#dead))
      .map((binding) => ({ ...binding, push: "" }));
    if (put.length === 0) return this.#leave();
    return store.save(buildChange(this.#aor, { put }), {
      committed: () => {
        const ctids = put.map(({ ctid }) => ctid);
        log.info({ aor: this.#aor, ctids }, "push token is dead, device is woken no more");
        this.#leave();
      },
      failed: () => this.#leave(),
    });
  }

  #leave(): void {
    this.#modules.queue.leave(this.#aor);
  }
}
