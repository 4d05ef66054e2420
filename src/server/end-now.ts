import type { AorRecord } from "../location/binding.ts";
import type { LocationStore, Log } from "../ports.ts";
import { endBindings } from "../registrar/end-bindings.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { Outbox } from "./outbox.ts";
import type { OutgoingPolicy } from "./outgoing-policy.ts";
import type { PendingIdentities } from "./pending-identities.ts";
import { type EndReason, recordEnded } from "./register-decisions.ts";

export interface EndModules {
  readonly store: LocationStore;
  readonly identities: PendingIdentities;
  readonly outgoing: Pick<OutgoingPolicy, "longestSec">;
  readonly outbox: Outbox;
  readonly decisions: DecisionLog;
  readonly log: Log;
  readonly nowMs: () => number;
  /** For how long devices that can be woken are kept beyond their end (location/reach.ts). */
  readonly afterExpiryMs: number;
}

interface Ended {
  /** What has gone; called after the commit. */
  readonly done: (ctids: readonly string[]) => void;
  readonly failed: (detail: string) => void;
}

/**
 * Ends bindings before their time, as if they expired now: their de-registrations are owed from the commit on. It has
 * to be in its turn in the queue of the address-of-record. Nothing is called when there is nothing to end.
 */
export function endNow(
  modules: EndModules,
  {
    record,
    ctids,
    reason,
  }: { readonly record: AorRecord; readonly ctids: readonly string[]; readonly reason: EndReason },
  ended: Ended,
): boolean {
  const { store, identities, outgoing, outbox, decisions, log, nowMs } = modules;
  const change = endBindings(record, ctids, {
    nowMs: Math.floor(nowMs()),
    identities: identities.read,
    isDoubted: identities.isDoubted,
    outgoingExpiresSec: outgoing.longestSec,
    afterExpiryMs: modules.afterExpiryMs,
  });
  if (change === undefined) return false;
  store.save(change, {
    committed: () => {
      recordEnded({ decisions, nowMs }, record, change, reason);
      log.info({ aor: record.aor, removed: change.remove.length, reason }, "contacts removed");
      for (const ctid of change.remove) identities.delete(ctid);
      outbox.owe(change.enqueue);
      ended.done(change.remove);
    },
    failed: ended.failed,
  });
  return true;
}
