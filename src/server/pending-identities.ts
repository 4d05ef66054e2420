import type { LocationStore } from "../ports.ts";
import type { Identity } from "../registrar/upstream-identity.ts";
import { DOUBT_RETRY_MS, MAX_PENDING_IDENTITIES } from "./limits.ts";
import type { TimerOwner, TimerQueue } from "./timer-queue.ts";

export interface PendingModules {
  readonly store: Pick<LocationStore, "lookupCtid" | "metaOf" | "writeMeta">;
  readonly timers: Pick<TimerQueue, "start">;
}

/** Of what is stored for a ctid that is doubted. */
const DOUBT_KEY = "doubt:";
const DOUBTED = "1";

/**
 * What the bindings do not say of registrations upstream: identities that are newer than the stored ones (a
 * REGISTER was challenged or went unanswered, and the next attempt goes on with the same Call-ID), and
 * registrations that are doubted. Bounded; the oldest are forgotten first, and cost a new Call-ID or the
 * early forwarding of a refresh. Doubts are stored beside the bindings, since a restart makes nothing certain.
 */
export class PendingIdentities implements TimerOwner {
  readonly #modules: PendingModules;
  readonly #identities = new Map<string, Identity>();
  readonly #doubted = new Map<string, true>();
  /** ctids of which the store does not have the latest. */
  readonly #unstored = new Set<string>();
  #isRetrying = false;

  constructor(modules: PendingModules) {
    this.#modules = modules;
  }

  /** Takes up the doubts of the process before this one, as far as there are bindings to doubt. */
  start(): void {
    const { store } = this.#modules;
    for (const [key] of store.metaOf(DOUBT_KEY)) {
      const ctid = key.slice(DOUBT_KEY.length);
      if (store.lookupCtid(ctid) !== undefined) this.#doubted.set(ctid, true);
      else this.#write(ctid);
    }
  }

  readonly read = (ctid: string): Identity | undefined => this.#identities.get(ctid);

  readonly isDoubted = (ctid: string): boolean => this.#doubted.has(ctid);

  set(identity: Identity): void {
    setLast(this.#identities, identity.key, identity);
  }

  /** The main registrar may have changed the registration; what the store says of it is not certain. */
  doubt(ctid: string): void {
    const isNew = !this.#doubted.has(ctid);
    const forgotten = setLast(this.#doubted, ctid, true);
    if (forgotten !== undefined) this.#write(forgotten);
    if (isNew) this.#write(ctid);
  }

  /** What the store says of the registration is certain again. */
  trust(ctid: string): void {
    if (this.#doubted.delete(ctid)) this.#write(ctid);
  }

  /** There is no registration any more, or the store knows all of it. */
  delete(ctid: string): void {
    this.#identities.delete(ctid);
    this.trust(ctid);
  }

  /** What could not be stored is tried again. */
  onTimer(): void {
    this.#isRetrying = false;
    const ctids = [...this.#unstored];
    this.#unstored.clear();
    for (const ctid of ctids) this.#write(ctid);
  }

  /** Stores how it stands with a ctid now. */
  #write(ctid: string): void {
    const failed = (): void => {
      if (this.#unstored.size < MAX_PENDING_IDENTITIES) this.#unstored.add(ctid);
      if (this.#isRetrying) return;
      this.#isRetrying = true;
      this.#modules.timers.start(DOUBT_RETRY_MS, this, "doubts");
    };
    const value = this.#doubted.has(ctid) ? DOUBTED : "";
    this.#modules.store.writeMeta(DOUBT_KEY + ctid, value, { committed: () => undefined, failed });
  }
}

/** Returns the key that had to make room. */
function setLast<T>(map: Map<string, T>, key: string, value: T): string | undefined {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MAX_PENDING_IDENTITIES) return undefined;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return oldest;
  }
  return undefined;
}
