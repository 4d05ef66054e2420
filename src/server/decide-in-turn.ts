import type { AorRecord } from "../location/binding.ts";
import { decideRegister, type RegisterDecision } from "../registrar/decide-register.ts";
import type { RegisterAsk } from "../registrar/read-register.ts";
import type { SipRequest } from "../sip/message.ts";
import { type Arrival, deviceFlow } from "./arrival.ts";
import type { RegisterContext } from "./register-context.ts";

/** A REGISTER whose turn it is. */
interface RegisterInTurn {
  readonly request: SipRequest;
  readonly arrival: Arrival;
  readonly ask: RegisterAsk;
}

/** Decides a REGISTER by the server's settings and what it knows of the main registrar. */
export function decideInTurn(
  context: RegisterContext,
  { request, arrival, ask }: RegisterInTurn,
  record: AorRecord | undefined,
  nowMs: number,
): RegisterDecision {
  const { ids, upstreams, identities, isOwnHost, gate, outgoing } = context;
  return decideRegister({
    request,
    ask,
    record,
    source: deviceFlow(arrival, ask),
    nowMs: Math.floor(nowMs),
    policy: ask.policy,
    ids,
    longestOutgoingSec: outgoing.longestSec,
    upstreamSentBy: upstreams.of(ask.policy.upstream).sentBy,
    identities: identities.read,
    isDoubted: identities.isDoubted,
    isOwnHost,
    ownRealmOf: ask.policy.absorb === "digest" ? gate?.realmOf : undefined,
    dateLine: context.dateLine(),
  });
}
