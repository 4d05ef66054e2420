import type { Binding, DeRegistration } from "./binding.ts";

/** A refresh that changes nothing but these numbers: the cheap and common case. */
export interface Touch {
  readonly ctid: string;
  readonly cseq: number;
  readonly expiresAtMs: number;
  readonly updatedAtMs: number;
}

/**
 * Everything one decision changes for one address-of-record. It is stored as a whole or not at all.
 * Order of application: remove, put, touch, then dequeue, enqueue.
 */
export interface AorChange {
  readonly aor: string;
  /** Bindings to insert, or to replace where the ctid is known already. New ones go to the end. */
  readonly put: readonly Binding[];
  readonly touch: readonly Touch[];
  /** ctids of bindings to forget; unknown ones are ignored. */
  readonly remove: readonly string[];
  /** De-registrations to remember (replacing one with the same ctid), and ctids of those to drop. */
  readonly enqueue: readonly DeRegistration[];
  readonly dequeue: readonly string[];
}

const NOTHING: readonly never[] = [];

/** Builds a change from the parts that are not empty. */
export function buildChange(aor: string, parts: Partial<Omit<AorChange, "aor">>): AorChange {
  return {
    aor,
    put: parts.put ?? NOTHING,
    touch: parts.touch ?? NOTHING,
    remove: parts.remove ?? NOTHING,
    enqueue: parts.enqueue ?? NOTHING,
    dequeue: parts.dequeue ?? NOTHING,
  };
}
