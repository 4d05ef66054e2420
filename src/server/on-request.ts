import { canonicalAor } from "../location/address-of-record.ts";
import type { Binding } from "../location/binding.ts";
import { type GruuLookup, newest, resolveGruu } from "../location/gruu.ts";
import { instanceOf } from "../location/match-contact.ts";
import { reachableUntilMs } from "../location/reach.ts";
import type { LocationStore } from "../ports.ts";
import { decideRequest } from "../proxy/decide-request.ts";
import type { LookupPolicy } from "../proxy/lookup-policy.ts";
import type { ProxyInput, Sender } from "../proxy/proxy-input.ts";
import { ruleForAbsent } from "../registrar/absent-user.ts";
import { BindingFacts } from "../registrar/binding-facts.ts";
import { isTrustedProxy } from "../registrar/path.ts";
import { ctidOf } from "../registrar/rewrite-register.ts";
import { firstMatch } from "../registrar/rules.ts";
import { aorOfUri, sharedTargets } from "../registrar/shared-contact.ts";
import { buildResponse, statelessTag } from "../sip/build-response.ts";
import type { SipRequest } from "../sip/message.ts";
import { type Arrival, flowOf, sendResponse } from "./arrival.ts";
import type { ErrorLimiter } from "./error-limiter.ts";
import type { FlowEnds } from "./flow-ends.ts";
import { BUSY_RETRY_AFTER_SEC } from "./limits.ts";
import type { MergedRequest, MergedRequests, Unmerged } from "./merged-requests.ts";
import type { Pinger } from "./pinger.ts";
import { Relay, type Relayed, type RelayModules, relayAck } from "./relay.ts";
import type { ServerModules, ServerOptions } from "./server-modules.ts";
import { buildWake, sleepTest } from "./wake-request.ts";
import type { Waker } from "./waker.ts";

/** What handling requests other than REGISTER takes. */
export interface RequestContext extends ServerModules, RelayModules {
  readonly options: ServerOptions;
  readonly isOwnHost: (host: string, port: number | undefined) => boolean;
  readonly errors: ErrorLimiter;
  /** Undefined where no device can be woken. */
  readonly waker: Waker | undefined;
  readonly pinger: Pinger;
  readonly flows: FlowEnds;
  readonly merged: MergedRequests;
}

/** Handles a request that belongs to no live transaction and is neither REGISTER, ACK nor CANCEL. */
export function onRequest(request: SipRequest, arrival: Arrival, context: RequestContext): void {
  const input = inputOf(request, arrival, context);
  const decision = decideRequest(input);
  if (decision.kind === "respond") {
    context.tally("to-device", decision.reason).n += 1;
    if (decision.disowned !== undefined) context.flows.disowned(decision.disowned);
    const { status, phrase, headers } = decision;
    answer(context, arrival, request, { status, phrase, headers });
    return;
  }
  const { branches, later, ...relayed } = decision;
  const { groups, first, own } = unmerged(request, [branches, ...later], arrival, context);
  const transaction = context.transactions.open(request, arrival);
  if (transaction === undefined) {
    const headers = `Retry-After: ${BUSY_RETRY_AFTER_SEC}\r\n`;
    answer(context, arrival, request, { status: 503, phrase: "Service Unavailable", headers });
    return;
  }
  if (first !== undefined) {
    context.tally(decision.direction, "merged").n += 1;
    first.join(transaction);
    return;
  }
  const wake = buildWake(input, transaction, context);
  const onEnd = own === undefined ? undefined : endOf(own, context);
  new Relay({ ...relayed, groups, wake, onEnd }, transaction, context).start();
}

/** Inside a dialog a device has one place only. */
function unmerged(
  request: SipRequest,
  groups: Unmerged["groups"],
  { atMs }: Arrival,
  { merged }: RequestContext,
): Unmerged {
  if (request.toTag !== "") return { groups, first: undefined, own: undefined };
  return merged.split(request, groups, atMs);
}

function endOf(own: MergedRequest, { clock }: RequestContext): NonNullable<Relayed["onEnd"]> {
  return (status, phrase) => own.end(status, phrase, clock.nowMs());
}

/** Handles an ACK: it ends the transaction of a failure, or is passed on to where a 2xx came from. */
export function onAck(ack: SipRequest, arrival: Arrival, context: RequestContext): void {
  const transaction = context.transactions.findAcknowledged(ack);
  if (transaction !== undefined) {
    transaction.ack(ack, arrival);
    return;
  }
  // It acknowledges an answer that midreg has given without state (RFC 3261 section 8.2.7).
  if (ack.toTag === statelessTag(ack, context.ids)) return;
  const decision = decideRequest(inputOf(ack, arrival, context));
  // An ACK is never answered.
  const branch = decision.kind === "relay" ? decision.branches[0] : undefined;
  if (decision.kind !== "relay" || branch === undefined) return;
  const { breadth, mark } = decision;
  relayAck(ack, arrival, { ...branch, breadth, mark }, context);
}

/**
 * Handles a CANCEL (RFC 3261 sections 9.2 and 16.10). It cannot be challenged, so it has to come from the hop that
 * sent its INVITE (section 22.1): its port may have changed, its address has not.
 */
export function onCancel(cancel: SipRequest, arrival: Arrival, context: RequestContext): void {
  const transaction = context.transactions.findCancelled(cancel);
  if (transaction?.isFrom(arrival.address) !== true) {
    const phrase = "Call/Transaction Does Not Exist";
    answer(context, arrival, cancel, { status: 481, phrase, headers: "" });
    return;
  }
  answer(context, arrival, cancel, { status: 200, phrase: "OK", headers: "" });
  transaction.user?.onCancel();
}

function inputOf(request: SipRequest, arrival: Arrival, context: RequestContext): ProxyInput {
  const { options, store, upstreams, transport, isOwnHost, ids, flows, pinger } = context;
  const source = flowOf(arrival);
  const from = upstreams.nameOf(arrival);
  const name = from ?? homeOf(request, source, context);
  const upstream = upstreams.of(name);
  const policy = options.registerPolicy;
  const sender = senderOf(arrival, source, context);
  // Phones cannot register while the main registrar is away, so their bindings may live on for calls.
  const { serveExpiredMs } = options.lookup;
  const validAtMs = (holder: string): number =>
    arrival.atMs - (upstreams.isAway(holder) ? serveExpiredMs : 0);
  const isAsleep = sleepTest(request, sender, context);
  const isTarget = (binding: Binding): boolean =>
    binding.expiresAtMs > validAtMs(binding.upstream.upstream) ||
    (reachableUntilMs(binding, options.push.afterExpiryMs) > arrival.atMs && isAsleep(binding));
  return {
    request,
    sender,
    source,
    sideOf: (flow) => transport.listeners.find(({ id }) => flow.startsWith(`${id}<`)),
    upstream: name,
    upstreamSide: upstream.side,
    upstreamHost: name === "" ? policy.upstreamHost : upstream.host,
    isOwnHost,
    isUpstreamHost: (host, port) => isUpstreamHost(context, host, port),
    callerBinding: () => callerBinding(request, source, context),
    mac: (text) => ids.mac(text),
    isMac: (text, mac) => ids.isMac(text, mac),
    ctidOf: (uri) => ctidOf(uri, policy),
    targetsOf: (uri) => {
      const ctid = ctidOf(uri, policy);
      const binding = ctid === undefined ? undefined : targetOf(store, ctid, isTarget);
      if (binding !== undefined) return [binding];
      const aor = aorOfUri(uri, policy);
      const record = aor === undefined ? undefined : store.lookup(aor);
      return sharedTargets(record, isTarget);
    },
    lookupFor: (targets, uri) => lookupFor(targets, { request, uri }, context),
    flowsOf: (binding) => flowsOf(binding, store, isTarget),
    isReachable: (binding) => {
      const isOpen = binding.path !== "" || transport.isOpen(binding.source);
      if (!isOpen || pinger.isDead(binding)) return false;
      return !flows.hasFailed(binding, pinger.healthOf(binding)?.answeredAtMs);
    },
    isFlowOpen: (flow) => transport.isOpen(flow),
    latencyMsOf: (binding) => pinger.healthOf(binding)?.latencyMs,
    bindingOf: (ctid) => targetOf(store, ctid, isTarget),
    aorOf: (ctid) => store.lookupCtid(ctid)?.aor,
    gruuTarget: (uri) =>
      policy.gruu ? resolveGruu(uri, gruuLookup(context, isTarget)) : undefined,
    isAsleep,
  };
}

/** The rule that matches the most preferred of the bindings counts for all of them; without any, that of the user. */
function lookupFor(
  [first]: readonly Binding[],
  { request, uri }: { readonly request: SipRequest; readonly uri: string },
  { options, store }: RequestContext,
): LookupPolicy {
  const { registerRules: rules, registerPolicy, lookup } = options;
  if (rules.length === 0) return lookup;
  if (first === undefined) {
    return ruleForAbsent(request, uri, registerPolicy, rules)?.lookup ?? lookup;
  }
  const aor = store.lookupCtid(first.ctid)?.aor ?? "";
  return firstMatch(new BindingFacts(aor, first), rules)?.lookup ?? lookup;
}

function isUpstreamHost(
  { options, upstreams }: RequestContext,
  host: string,
  port: number | undefined,
): boolean {
  const { upstreamHost } = options.registerPolicy;
  const written = port === undefined ? host : `${host}:${port}`;
  if (written.toLowerCase() === upstreamHost.toLowerCase()) return true;
  const address = host.replace(/^\[(.*)\]$/u, "$1");
  return upstreams.nameOf({ address, port: port ?? 5060, connection: "" }) !== undefined;
}

/** The binding of the From's address-of-record that the request has come from, the newest of several. */
function callerBinding(
  request: SipRequest,
  source: string,
  { options, store }: RequestContext,
): Binding | undefined {
  const aor = canonicalAor(request.from.uri, options.registerPolicy.aor);
  const record = typeof aor === "string" ? store.lookup(aor) : undefined;
  return newest(record?.bindings ?? [], (binding) => binding.source === source);
}

function gruuLookup(
  { options, store, ids }: RequestContext,
  isTarget: GruuLookup["isTarget"],
): GruuLookup {
  const aorPolicy = options.registerPolicy.aor;
  return { aorPolicy, record: (aor) => store.lookup(aor), keys: ids, isTarget };
}

/**
 * The bindings of the device that has the binding, that one first, as far as they are to be called (RFC 5626 section
 * 7): its flows, and those that it has left behind under another contact.
 */
function flowsOf(
  binding: Binding,
  store: LocationStore,
  isTarget: (binding: Binding) => boolean,
): readonly Binding[] {
  const instance = instanceOf(binding.params);
  const record = store.lookup(store.lookupCtid(binding.ctid)?.aor ?? "");
  if (instance === undefined || record === undefined) return [binding];
  const others = record.bindings.filter(
    (other) =>
      other.ctid !== binding.ctid && isTarget(other) && instanceOf(other.params) === instance,
  );
  return [binding, ...others];
}

/**
 * A binding whose time is up is gone, whether or not it has been swept (spec row T15), unless its device is asleep and
 * will be woken for the request.
 */
function targetOf(
  store: LocationStore,
  ctid: string,
  isTarget: (binding: Binding) => boolean,
): Binding | undefined {
  const binding = store.lookupCtid(ctid)?.binding;
  return binding !== undefined && isTarget(binding) ? binding : undefined;
}

/**
 * The main registrar that holds the registration of whoever sent a request: of the address-of-record in From where
 * that is registered from there, since many devices may share an address and port; else of any that is.
 */
function homeOf(request: SipRequest, source: string, context: RequestContext): string {
  const { upstreams, store } = context;
  if (upstreams.all.size === 1) return "";
  const named = callerBinding(request, source, context);
  return (named ?? store.bindingAt(source))?.upstream.upstream ?? "";
}

function senderOf(arrival: Arrival, source: string, context: RequestContext): Sender {
  if (context.upstreams.nameOf(arrival) !== undefined) return "upstream";
  if (context.store.hasSource(source)) return "device";
  // Behind such a proxy there are devices that are known by their own addresses.
  return isTrustedProxy(arrival.address, context.options.registerPolicy) ? "device" : "stranger";
}

/**
 * A stateless answer (RFC 3261 section 8.2.7). Errors are bounded per source, except for the main registrar:
 * it has to know at once that a call went nowhere. So are all answers to strangers, who may have lied about where
 * they are.
 */
function answer(
  context: RequestContext,
  arrival: Arrival,
  request: SipRequest,
  parts: { readonly status: number; readonly phrase: string; readonly headers: string },
): void {
  const { status, phrase, headers } = parts;
  const { ids, transport, errors } = context;
  const { address } = arrival;
  const sender = senderOf(arrival, flowOf(arrival), context);
  const isBounded = sender === "stranger" || (sender === "device" && status >= 300);
  if (isBounded && !errors.allows(address, arrival.atMs)) return;
  const toTag = statelessTag(request, ids);
  const text = buildResponse(request, status, phrase, { toTag, headers });
  sendResponse(transport, arrival, request, text);
}
