import type { Ids, LocationStore, ResyncResult } from "../ports.ts";
import type { RegisterPolicy } from "../registrar/register-policy.ts";
import {
  buildResync,
  decideResync,
  identityEventOf,
  type Registration,
  registrationsOf,
} from "../registrar/resync.ts";
import { registrationKey } from "../registrar/shared-contact.ts";
import {
  type Identity,
  type IdentityEvent,
  identityAfter,
} from "../registrar/upstream-identity.ts";
import type { SipResponse } from "../sip/message.ts";
import type { AorQueue, AorTask } from "./aor-queue.ts";
import type { AttemptUser } from "./attempt.ts";
import type { PendingIdentities } from "./pending-identities.ts";
import type { Sweep } from "./sweep.ts";
import type { Upstreams } from "./upstreams.ts";

/** How making a registration anew has ended. */
export interface ResyncEnd {
  readonly result: ResyncResult;
  readonly ctid: string;
  /** When the registration upstream ends, as far as is known. */
  readonly upstreamExpiresAtMs: number;
  readonly status: number | undefined;
  readonly durationMs: number;
}

interface ResyncAsk {
  readonly aor: string;
  /** The binding that names the registration. */
  readonly ctid: string;
  readonly policy: RegisterPolicy;
  readonly userAgent: string;
  /** Called once; with undefined when there was nothing to make anew any more. */
  readonly ended: (end: ResyncEnd | undefined) => void;
}

interface ResyncRunModules {
  readonly store: LocationStore;
  readonly queue: AorQueue;
  readonly upstreams: Upstreams;
  readonly identities: PendingIdentities;
  readonly sweep: Sweep;
  readonly ids: Ids;
  readonly nowMs: () => number;
}

/** One registration from the moment its address-of-record is free until it is made anew, or is not. */
export class ResyncRun implements AorTask, AttemptUser {
  readonly #ask: ResyncAsk;
  readonly #modules: ResyncRunModules;
  #registration: Registration | undefined;
  #identity: Identity = { key: "", callId: "", cseq: 0 };
  #sentAtMs = 0;

  constructor(ask: ResyncAsk, modules: ResyncRunModules) {
    this.#ask = ask;
    this.#modules = modules;
  }

  isSame(other: AorTask): boolean {
    return other instanceof ResyncRun && other.#ask.ctid === this.#ask.ctid;
  }

  run(): void {
    const { store, identities, upstreams, nowMs, queue } = this.#modules;
    const { aor, ctid, policy, userAgent, ended } = this.#ask;
    const record = store.lookup(aor);
    const all = record === undefined ? [] : registrationsOf(record, Math.floor(nowMs()));
    const registration = all.find(([binding]) => binding.ctid === ctid);
    if (registration === undefined) {
      queue.leave(aor);
      return ended(undefined);
    }
    const [{ upstream: held }] = registration;
    this.#registration = registration;
    const key = registrationKey(registration[0], aor);
    this.#identity = identities.read(key) ?? {
      key,
      callId: held.callId,
      cseq: held.cseq + 1,
    };
    this.#sentAtMs = nowMs();
    const upstream = upstreams.of(held.upstream);
    const place = { userAgent, ids: this.#modules.ids, upstreamSentBy: upstream.sentBy };
    const text = buildResync(registration, this.#identity, policy, place);
    upstream.send(text, "REGISTER", this, true);
    return undefined;
  }

  onResponse(response: SipResponse): void {
    if (response.status >= 200) this.#finish(response);
  }

  onFailure(): void {
    this.#finish(undefined);
  }

  #finish(response: SipResponse | undefined): void {
    const registration = this.#registration;
    if (registration === undefined) return;
    const { store, sweep, nowMs } = this.#modules;
    const { aor, policy } = this.#ask;
    const outcome = decideResync({
      aor,
      registration,
      identity: this.#identity,
      response,
      sentAtMs: Math.floor(this.#sentAtMs),
      nowMs: Math.floor(nowMs()),
      policy,
    });
    const status = response?.status;
    if (outcome.kind !== "accepted") {
      this.#keepDoubt(registration, identityEventOf(outcome.kind));
      return this.#end(outcome.kind, registration, status);
    }
    const { change } = outcome;
    return store.save(change, {
      committed: () => {
        this.#modules.identities.delete(this.#identity.key);
        for (const { ctid } of registration) this.#modules.identities.trust(ctid);
        sweep.watch(change);
        this.#end("accepted", change.put, status);
      },
      failed: () => {
        this.#keepDoubt(registration, "unstored");
        this.#end("store", registration, status);
      },
    });
  }

  /**
   * It is not certain any more that the main registrar knows the contact, so the device's next refresh is
   * forwarded: with its own credentials it succeeds where midreg could not.
   */
  #keepDoubt(registration: Registration, event: IdentityEvent): void {
    const { identities, ids } = this.#modules;
    identities.set(identityAfter(this.#identity, event, ids.callId()));
    for (const { ctid } of registration) identities.doubt(ctid);
  }

  #end(
    result: ResyncResult,
    [binding]: readonly Registration[0][],
    status: number | undefined,
  ): void {
    const { ctid, aor, ended } = this.#ask;
    const { nowMs, queue } = this.#modules;
    const durationMs = Math.round(nowMs() - this.#sentAtMs);
    const upstreamExpiresAtMs = binding?.upstream.expiresAtMs ?? nowMs();
    queue.leave(aor);
    ended({ result, ctid, status, durationMs, upstreamExpiresAtMs });
  }
}
