/** What is known of a simulated world: the words in which invariants.ts states the promises. */
import type { Binding } from "../../src/location/binding.ts";
import { withoutPush } from "../../src/location/push-params.ts";
import type { RegisterPolicy } from "../../src/registrar/register-policy.ts";
import type { World } from "../support/world.ts";

export const UPSTREAM_TIMEOUT_MS = 10_000;

/** What a REGISTER of a phone has asked for. */
export interface Asked {
  readonly user: string;
  /** Where it was sent from: more than one place when a retransmission came by another port of the NAT. */
  readonly places: string[];
  readonly callId: string;
  readonly cseq: number;
  readonly kind: "register" | "remove" | "mixed" | "fetch" | "star";
  /** Contacts to be registered and contacts to be removed. */
  readonly wanted: readonly string[];
  readonly unwanted: readonly string[];
  /** Other names of the contact, by tokens that its device has had or gets later: with one of them the others end. */
  readonly aliases: readonly string[];
  readonly expires: number;
  /** Whether the main registrar will refuse it. */
  readonly isIntruder: boolean;
}

/** A REGISTER of midreg's on its way, or past. */
export interface Sent {
  readonly to: string;
  readonly mode: RegisterPolicy["mode"];
  readonly contacts: readonly string[];
  readonly startMs: number;
  /** When its answer has come in; at the latest when midreg gives up. */
  endMs: number;
  /** Whether its final answer came in time. */
  isAnswered: boolean;
  /** Whether its phone has been told 200, so that all of it is stored. */
  isSettled: boolean;
  /** Whether midreg was killed before. */
  isKilled: boolean;
  /** Whether it was killed before it could store what it meant to take back. */
  isLost: boolean;
  /** Whether midreg registers something anew by itself. */
  readonly isResync: boolean;
}

/** Who may refresh a contact without asking the main registrar, and until when. */
export interface Proof {
  readonly places: readonly string[];
  readonly callId: string;
  untilMs: number;
}

/** The account that the ledger keeps, as far as the promises need it. */
export interface Account {
  readonly world: World;
  readonly policy: RegisterPolicy;
  readonly users: readonly string[];
  readonly nowMs: number;
  /** Until when a contact is registered by the last 200 that listed it, by user and contact. */
  readonly promised: ReadonlyMap<string, number>;
  /** REGISTERs to the main registrar by their branch. */
  readonly sent: ReadonlyMap<string, Sent>;
  /** Contacts that the main registrar has changed by a REGISTER whose phone has had no 200 yet. */
  readonly uncertain: ReadonlySet<string>;
  /**
   * Contacts in doubt when midreg was killed before it could store that, and shared contacts that somebody
   * unproven has changed, whose silence casts no doubt. Until a 200 to what was forwarded for them.
   */
  readonly unknowable: ReadonlySet<string>;
  /**
   * Contacts that the main registrar has lost by itself, by the star of somebody unproven, or by what a killed
   * midreg had sent and what came late. Until it sets them again.
   */
  readonly forgotten: ReadonlySet<string>;
  /** The REGISTER that last set a contact at the main registrar, by its branch. */
  readonly setBy: ReadonlyMap<string, string>;
  /** Who may refresh what, by user and contact. */
  readonly proofs: ReadonlyMap<string, readonly Proof[]>;
  bindings(user: string): readonly Binding[];
}

/** A contact as others are told it: how it is woken is not their business. */
export function bareUri(uri: string): string {
  return withoutPush(uri) ?? uri;
}

export function aorOf(user: string): string {
  return `${user}@sip.test`;
}

/** The To URI under which the main registrar knows a user. */
export function uriOf(user: string): string {
  return `sip:${aorOf(user)}`;
}

/** Whether a request came from where a proof was given, under the same name. */
export function isProvenBy({ places, callId }: Asked, proof: Proof): boolean {
  return callId === proof.callId && places.some((place) => proof.places.includes(place));
}
