/** What of a request decides whether devices are woken for it, and how it waits for them. */
import { canonicalAor } from "../location/address-of-record.ts";
import type { Binding } from "../location/binding.ts";
import { routeAwake } from "../proxy/decide-request.ts";
import type { ProxyInput, Sender } from "../proxy/proxy-input.ts";
import { purposeOf } from "../push/decide-wake.ts";
import type { SipRequest } from "../sip/message.ts";
import { unquote } from "../sip/params.ts";
import { MAX_CALLER_LENGTH, MAX_NON_INVITE_WAKE_MS } from "./limits.ts";
import type { Relayed } from "./relay.ts";
import type { ServerOptions } from "./server-modules.ts";
import type { ServerTransaction } from "./server-transaction.ts";
import type { WakeAsk } from "./wake.ts";
import type { Waker } from "./waker.ts";

interface WakeContext {
  readonly options: ServerOptions;
  readonly waker: Waker | undefined;
}

const AWAKE = (): boolean => false;

/**
 * Tells the devices that have to be woken for a request: none for strangers, so that no scanner can have phones pushed
 * to, and none inside of dialogs.
 */
export function sleepTest(
  { method, toTag }: SipRequest,
  sender: Sender,
  { waker }: WakeContext,
): (binding: Binding) => boolean {
  if (waker === undefined || sender === "stranger") return AWAKE;
  if (toTag !== "" || purposeOf(method) === undefined) return AWAKE;
  return (binding) => waker.isAsleep(binding);
}

/** Has the devices of a request woken; undefined where none can be. */
export function buildWake(
  input: ProxyInput,
  transaction: ServerTransaction,
  context: WakeContext,
): Relayed["wake"] {
  const { waker } = context;
  const purpose = purposeOf(input.request.method);
  if (waker === undefined || purpose === undefined) return undefined;
  let ask: WakeAsk | undefined;
  return (held, branch) => {
    ask ??= buildAsk({ input, transaction, purpose }, context);
    return waker.wake(ask, held, branch);
  };
}

function buildAsk(
  {
    input,
    transaction,
    purpose,
  }: Pick<WakeAsk, "purpose"> & {
    readonly input: ProxyInput;
    readonly transaction: ServerTransaction;
  },
  { options }: WakeContext,
): WakeAsk {
  const { request } = input;
  const { push, registerPolicy } = options;
  const { callId, fromTag, cseq, from } = request;
  const aor = canonicalAor(from.uri, registerPolicy.aor);
  const caller = typeof aor === "string" ? aor : from.uri.slice(0, MAX_CALLER_LENGTH);
  const shown = { uri: from.uri, displayName: unquote(from.display) };
  const isInvite = request.method === "INVITE";
  let isTold = false;
  return {
    purpose,
    callId,
    origin: `${callId}\0${fromTag}\0${cseq.number}`,
    caller,
    shown: push.tellsCaller ? shown : undefined,
    limitMs: isInvite ? push.wakeTimeoutMs : Math.min(push.wakeTimeoutMs, MAX_NON_INVITE_WAKE_MS),
    goesOnAnyway: false,
    branchTo: ({ usesPath }, flows) => routeAwake(input, flows, usesPath),
    onPushed: () => {
      const { waitingStatus } = push;
      if (!isInvite || isTold || waitingStatus === 0) return;
      isTold = true;
      transaction.reply(waitingStatus, waitingStatus === 180 ? "Ringing" : "Queued");
    },
  };
}
