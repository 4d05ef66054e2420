/** What of a request decides whether devices are woken for it, and how it waits for them. */
import { type AorPolicy, canonicalAor } from "../location/address-of-record.ts";
import type { Binding } from "../location/binding.ts";
import { readPurr } from "../location/purr.ts";
import type { Ids } from "../ports.ts";
import type { ProxyInput, Sender } from "../proxy/proxy-input.ts";
import { routeAwake } from "../proxy/route-in-dialog.ts";
import { waitingHeaders } from "../proxy/waiting-response.ts";
import { purposeOf } from "../push/decide-wake.ts";
import { unescapeUri } from "../sip/escape.ts";
import { HEADER } from "../sip/header-name.ts";
import { headerValues, type SipRequest } from "../sip/message.ts";
import { unquote } from "../sip/params.ts";
import { parseUri } from "../sip/uri.ts";
import { MAX_CALLER_LENGTH, MAX_NON_INVITE_WAKE_MS } from "./limits.ts";
import type { Relayed } from "./relay.ts";
import type { ServerOptions } from "./server-modules.ts";
import type { ServerTransaction } from "./server-transaction.ts";
import type { WakeAsk } from "./wake.ts";
import type { Waker } from "./waker.ts";

interface WakeContext {
  readonly options: ServerOptions;
  readonly waker: Waker | undefined;
  readonly ids: Ids;
}

const AWAKE = (): boolean => false;

/**
 * Tells the devices that have to be woken for a request: none for strangers, so that no scanner can have phones pushed
 * to; inside of dialogs the one that wants it and has said so with its reference (RFC 8599 section 6.2.3).
 */
export function sleepTest(
  request: SipRequest,
  sender: Sender,
  { waker, ids }: WakeContext,
): (binding: Binding) => boolean {
  if (waker === undefined || sender === "stranger") return AWAKE;
  const purpose = purposeOf(request.method);
  if (purpose === undefined) return AWAKE;
  if (request.toTag === "") return (binding) => waker.isAsleep(binding, purpose);
  const purr = purrOf(request);
  const wanted = purr === "" ? undefined : readPurr(purr, ids);
  if (wanted === undefined) return AWAKE;
  return (binding) => binding.ctid === wanted && waker.isAsleep(binding);
}

const PURR = /;pn-purr=([^;?>,\s]+)/iu;

/** In the Request-URI, or in a Route where a strict router has put that; empty when it is in neither. */
function purrOf(request: SipRequest): string {
  const places = [request.uri, ...headerValues(request, HEADER.route)];
  for (const place of places) {
    const purr = PURR.exec(place)?.[1];
    if (purr !== undefined) return unescapeUri(purr);
  }
  return "";
}

/** Has the devices of a request woken; undefined where none can be. */
export function buildWake(
  input: ProxyInput,
  transaction: ServerTransaction,
  context: WakeContext,
): Relayed["wake"] {
  const { waker } = context;
  const given = purposeOf(input.request.method);
  if (waker === undefined || given === undefined) return undefined;
  // A call that stands does not ring again.
  const purpose = input.request.toTag === "" ? given : "request";
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
  const caller = callerOf(from.uri, registerPolicy.aor);
  const shown = { uri: from.uri, displayName: unquote(from.display) };
  const isInvite = request.method === "INVITE";
  const isInDialog = request.toTag !== "";
  let isTold = false;
  return {
    purpose,
    callId,
    origin: `${callId}\0${fromTag}\0${cseq.number}`,
    caller,
    shown: push.tellsCaller ? shown : undefined,
    limitMs: isInvite ? push.wakeTimeoutMs : Math.min(push.wakeTimeoutMs, MAX_NON_INVITE_WAKE_MS),
    goesOnAnyway: isInDialog,
    branchTo: (sleeper, flows) => routeAwake(input, sleeper, flows),
    onPushed: () => {
      const { waitingStatus } = push;
      if (!isInvite || isInDialog || isTold || waitingStatus === 0) return;
      isTold = true;
      const headers = waitingHeaders(input);
      if (headers === undefined) return;
      transaction.reply(waitingStatus, waitingStatus === 180 ? "Ringing" : "Queued", headers);
    },
  };
}

/** Whom pushes are counted under; empty for callers who do not say who they are (RFC 3323 section 4.1.1.3): they are many. */
function callerOf(from: string, policy: AorPolicy): string {
  if (parseUri(from)?.host.toLowerCase() === "anonymous.invalid") return "";
  const aor = canonicalAor(from, policy);
  return typeof aor === "string" ? aor : from.slice(0, MAX_CALLER_LENGTH);
}
