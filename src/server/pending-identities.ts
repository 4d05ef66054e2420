import type { Identity } from "../registrar/upstream-identity.ts";
import { MAX_PENDING_IDENTITIES } from "./limits.ts";

/**
 * What the store does not know of registrations upstream: identities that are newer than the stored ones (a
 * REGISTER was challenged or went unanswered, and the next attempt goes on with the same Call-ID), and
 * registrations that are doubted. Bounded; the oldest are forgotten first, and cost a new Call-ID or the
 * early forwarding of a refresh.
 */
export class PendingIdentities {
  readonly #identities = new Map<string, Identity>();
  readonly #doubted = new Map<string, true>();

  readonly read = (ctid: string): Identity | undefined => this.#identities.get(ctid);

  readonly isDoubted = (ctid: string): boolean => this.#doubted.has(ctid);

  set(identity: Identity): void {
    setLast(this.#identities, identity.key, identity);
  }

  /** The main registrar may have changed the registration; what the store says of it is not certain. */
  doubt(ctid: string): void {
    setLast(this.#doubted, ctid, true);
  }

  /** What the store says of the registration is certain again. */
  trust(ctid: string): void {
    this.#doubted.delete(ctid);
  }

  /** There is no registration any more, or the store knows all of it. */
  delete(ctid: string): void {
    this.#identities.delete(ctid);
    this.#doubted.delete(ctid);
  }
}

function setLast<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MAX_PENDING_IDENTITIES) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
