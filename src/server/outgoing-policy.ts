import type { RegisterPolicy } from "../registrar/register-policy.ts";

/**
 * The policy with the lifetime that is asked of the main registrar: what the operator has set, or more once the
 * main registrar has said so (423). Kept in memory: after a restart the first REGISTER learns it anew.
 */
export class OutgoingPolicy {
  #current: RegisterPolicy;

  constructor(policy: RegisterPolicy) {
    this.#current = policy;
  }

  get current(): RegisterPolicy {
    return this.#current;
  }

  /** The main registrar wants at least this. Returns whether that is news. */
  raise(outgoingExpiresSec: number): boolean {
    if (outgoingExpiresSec <= this.#current.outgoingExpiresSec) return false;
    this.#current = { ...this.#current, outgoingExpiresSec };
    return true;
  }
}
