import type { AorRecord } from "../location/binding.ts";
import { decideRegister, type RegisterDecision } from "../registrar/decide-register.ts";
import type { RegisterAsk } from "../registrar/read-register.ts";
import type { SipRequest } from "../sip/message.ts";
import { type Arrival, flowOf } from "./arrival.ts";
import type { RegisterContext } from "./register-context.ts";

/** A REGISTER whose turn it is. */
interface RegisterInTurn {
  readonly request: SipRequest;
  readonly arrival: Arrival;
  readonly ask: RegisterAsk;
}

/** Decides a REGISTER by the server's settings and what it knows of the main registrar. */
export function decideInTurn(
  { options, ids, upstream, identities, isOwnHost, dateLine }: RegisterContext,
  { request, arrival, ask }: RegisterInTurn,
  record: AorRecord | undefined,
  nowMs: number,
): RegisterDecision {
  return decideRegister({
    request,
    ask,
    record,
    source: flowOf(arrival),
    nowMs: Math.floor(nowMs),
    policy: options.registerPolicy,
    ids,
    upstreamSentBy: upstream.sentBy,
    identities: identities.read,
    isDoubted: identities.isDoubted,
    isOwnHost,
    dateLine: dateLine(),
  });
}
