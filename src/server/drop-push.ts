import type { AorRecord, Binding } from "../location/binding.ts";
import { type AorChange, buildChange } from "../location/change.ts";
import type { LocationStore, Log } from "../ports.ts";
import { losesPush } from "../push/push-result.ts";
import { endBindings } from "../registrar/end-bindings.ts";
import type { AorQueue, AorTask } from "./aor-queue.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { Outbox } from "./outbox.ts";
import type { OutgoingPolicy } from "./outgoing-policy.ts";
import type { PendingIdentities } from "./pending-identities.ts";
import { recordEnded } from "./register-decisions.ts";

export interface DropPushModules {
  readonly store: LocationStore;
  readonly queue: AorQueue;
  readonly log: Log;
  readonly nowMs: () => number;
  readonly identities: PendingIdentities;
  readonly outgoing: OutgoingPolicy;
  readonly outbox: Outbox;
  readonly decisions: DecisionLog;
  readonly afterExpiryMs: number;
  /** Whether something can be sent on a flow (ports.ts, Transport). */
  readonly isOpen: (flow: string) => boolean;
}

/**
 * The provider says that a token is dead, since then if it says since when: the bindings that have it are pushed to no
 * more, and end where that was the only way to the device. Where the address-of-record has too much under way it stays
 * as it is until the next push says so again.
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
    const record = store.lookup(this.#aor);
    const dead = (record?.bindings ?? []).filter((binding) => losesPush(binding, this.#dead));
    if (record === undefined || dead.length === 0) return this.#leave();
    const change = this.#decide(record, dead);
    return store.save(change, {
      committed: () => {
        const ctids = dead.map(({ ctid }) => ctid);
        log.info({ aor: this.#aor, ctids }, "push token is dead, device is woken no more");
        this.#ended(record, change);
        this.#leave();
      },
      failed: () => this.#leave(),
    });
  }

  #decide(record: AorRecord, dead: readonly Binding[]): AorChange {
    const { nowMs, identities, outgoing, afterExpiryMs } = this.#modules;
    const { aor } = record;
    const lost = dead.filter((binding) => !this.#isHeard(binding)).map(({ ctid }) => ctid);
    const ended = endBindings(record, lost, {
      nowMs: Math.floor(nowMs()),
      identities: identities.read,
      isDoubted: identities.isDoubted,
      outgoingExpiresSec: outgoing.longestSec,
      afterExpiryMs,
    });
    const { remove = [], enqueue = [] } = ended ?? {};
    const put = dead
      .filter(({ ctid }) => !remove.includes(ctid))
      .map((binding) => ({ ...binding, push: "" }));
    return buildChange(aor, { put, remove, enqueue });
  }

  /** Whether the device may hear midreg all the same: its registration lasts, and its connection if it had one. */
  #isHeard({ expiresAtMs, source, path }: Binding): boolean {
    const { nowMs, isOpen } = this.#modules;
    return expiresAtMs > nowMs() && (path !== "" || isOpen(source));
  }

  #ended(record: AorRecord, change: AorChange): void {
    if (change.remove.length === 0) return;
    recordEnded(this.#modules, record, change, "expire");
    for (const ctid of change.remove) this.#modules.identities.delete(ctid);
    this.#modules.outbox.owe(change.enqueue);
  }

  #leave(): void {
    this.#modules.queue.leave(this.#aor);
  }
}
