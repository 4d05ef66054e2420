import type { RegisterPolicy } from "../registrar/register-policy.ts";

/**
 * The lifetime that is asked of the main registrar: what the operator has set, or more once the main registrar
 * has said so (423). Kept in memory: after a restart the first REGISTER learns it anew.
 */
export class OutgoingPolicy {
  /** The longest lifetime of any policy, in seconds. */
  readonly #longestSetSec: number;
  /** Min-Expires that main registrars have asked for, by their names: one for each at most. */
  readonly #floorsSec = new Map<string, number>();
  /** Policies that ask for less, with the floor in them: one for each rule at most. */
  readonly #raised = new Map<RegisterPolicy, RegisterPolicy>();

  /** The policies are all that the operator has set, one at least. */
  constructor(policies: readonly Pick<RegisterPolicy, "outgoingExpiresSec">[]) {
    this.#longestSetSec = Math.max(...policies.map(({ outgoingExpiresSec }) => outgoingExpiresSec));
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
    this.#floorsSec.set(upstream, floorSec);
    this.#raised.clear();
    return true;
  }
}
