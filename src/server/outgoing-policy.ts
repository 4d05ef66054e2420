import type { RegisterPolicy } from "../registrar/register-policy.ts";

/**
 * The lifetime that is asked of the main registrar: what the operator has set, or more once the main registrar
 * has said so (423). Kept in memory: after a restart the first REGISTER learns it anew.
 */
export class OutgoingPolicy {
  /** The longest lifetime of any policy, in seconds. */
  readonly #longestSetSec: number;
  /** Min-Expires that the main registrar has asked for; 0 for none. */
  #floorSec = 0;
  /** Policies that ask for less, with the floor in them: one for each rule at most. */
  readonly #raised = new Map<RegisterPolicy, RegisterPolicy>();

  /** The policies are all that the operator has set, one at least. */
  constructor(policies: readonly Pick<RegisterPolicy, "outgoingExpiresSec">[]) {
    this.#longestSetSec = Math.max(...policies.map(({ outgoingExpiresSec }) => outgoingExpiresSec));
  }

  /** The longest lifetime that may have been asked for, whatever the rule. */
  get longestSec(): number {
    return Math.max(this.#longestSetSec, this.#floorSec);
  }

  /** A policy that the operator has set, as it is to be applied now. */
  applyTo(policy: RegisterPolicy): RegisterPolicy {
    if (policy.outgoingExpiresSec >= this.#floorSec) return policy;
    let raised = this.#raised.get(policy);
    if (raised === undefined) {
      raised = { ...policy, outgoingExpiresSec: this.#floorSec };
      this.#raised.set(policy, raised);
    }
    return raised;
  }

  /** The main registrar wants at least this. Returns whether that is news. */
  raise(floorSec: number): boolean {
    if (floorSec <= this.#floorSec) return false;
    this.#floorSec = floorSec;
    this.#raised.clear();
    return true;
  }
}
