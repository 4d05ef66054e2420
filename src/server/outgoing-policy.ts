import type { LocationStore } from "../ports.ts";
import type { RegisterPolicy } from "../registrar/register-policy.ts";
import { FORGET_FLOOR_AFTER_MS } from "./limits.ts";

export interface OutgoingModules {
  readonly store: Pick<LocationStore, "readMeta" | "writeMeta">;
  readonly nowMs: () => number;
  /** Where the main registrars are, by their names. */
  readonly uris: ReadonlyMap<string, string>;
}

/** Of what is stored for the main registrar of that name. */
const FLOOR_KEY = "min_expires:";
const NOBODY = { committed: () => undefined, failed: () => undefined };

/**
 * The lifetime that is asked of the main registrar: what the operator has set, or more once the main registrar
 * has said so (423). That is stored, and taken up by the next process unless it is old or was said elsewhere.
 */
export class OutgoingPolicy {
  /** The longest lifetime of any policy, in seconds. */
  readonly #longestSetSec: number;
  /** Min-Expires that main registrars have asked for, by their names: one for each at most. */
  readonly #floorsSec = new Map<string, number>();
  /** Policies that ask for less, with the floor in them: one for each rule at most. */
  readonly #raised = new Map<RegisterPolicy, RegisterPolicy>();

  readonly #modules: OutgoingModules;

  /** The policies are all that the operator has set, one at least. */
  constructor(
    policies: readonly Pick<RegisterPolicy, "outgoingExpiresSec">[],
    modules: OutgoingModules,
  ) {
    this.#modules = modules;
    this.#longestSetSec = Math.max(...policies.map(({ outgoingExpiresSec }) => outgoingExpiresSec));
  }

  /** Takes up what main registrars have asked for before this process. */
  start(): void {
    const { store, nowMs, uris } = this.#modules;
    for (const [name, uri] of uris) {
      const [, sec, atMs, at] =
        /^(\d{1,10}) (\d{1,15}) (.*)$/u.exec(store.readMeta(FLOOR_KEY + name) ?? "") ?? [];
      const isValid = at === uri && Number(atMs) > nowMs() - FORGET_FLOOR_AFTER_MS;
      if (isValid) this.#set(name, Number(sec));
    }
  }

  /** The longest lifetime that may have been asked for, whatever the rule. */
  get longestSec(): number {
    return Math.max(this.#longestSetSec, ...this.#floorsSec.values());
  }

  /** A policy that the operator has set, as it is to be applied now. */
  applyTo(policy: RegisterPolicy): RegisterPolicy {
    // Nearly always there is none, and this is where every REGISTER comes by.
    if (this.#floorsSec.size === 0) return policy;
    const floorSec = this.#floorsSec.get(policy.upstream) ?? 0;
    if (policy.outgoingExpiresSec >= floorSec) return policy;
    let raised = this.#raised.get(policy);
    if (raised === undefined) {
      raised = { ...policy, outgoingExpiresSec: floorSec };
      this.#raised.set(policy, raised);
    }
    return raised;
  }

  /** The main registrar of that name wants at least this. Returns whether that is news. */
  raise(upstream: string, floorSec: number): boolean {
    if (floorSec <= (this.#floorsSec.get(upstream) ?? 0)) return false;
    this.#set(upstream, floorSec);
    const { store, nowMs, uris } = this.#modules;
    const value = `${floorSec} ${Math.floor(nowMs())} ${uris.get(upstream) ?? ""}`;
    // What cannot be stored is learnt anew: it costs one REGISTER.
    store.writeMeta(FLOOR_KEY + upstream, value, NOBODY);
    return true;
  }

  #set(upstream: string, floorSec: number): void {
    this.#floorsSec.set(upstream, floorSec);
    this.#raised.clear();
  }
}
