/** What a request looks like when it goes on (RFC 3261 section 16.6). */
import type { Binding } from "../location/binding.ts";
import type { FlowToken } from "../location/flow-token.ts";
import { instanceOf } from "../location/match-contact.ts";
import { HEADER } from "../sip/header-name.ts";
import { headerValue, type SipRequest } from "../sip/message.ts";
import { MessageRewrite } from "../sip/message-rewrite.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { withoutParams } from "../sip/params.ts";
import { splitList } from "../sip/split-list.ts";
import { parseUri, serializeUri, uriParam } from "../sip/uri.ts";
import type { DialogToken } from "./dialog-token.ts";
import { hidePush } from "./hide-push.ts";
import { isOwnUri, type Preprocessed } from "./preprocess.ts";
import type { NextHop, ProxyInput, RelayBranch } from "./proxy-input.ts";
import { recordRoute } from "./record-route.ts";

/** A request that is being passed on. */
export interface Forwarding {
  readonly input: ProxyInput;
  readonly route: Preprocessed;
  /** Whether it comes from a device of midreg's, whatever its address. */
  readonly isFromDevice: boolean;
}

/** A request with its Request-URI and Route as they go on, and the URI it goes to. */
interface Forwarded {
  readonly rewrite: MessageRewrite;
  readonly requestUri: string;
  /** The first Route; undefined when the Request-URI counts. */
  readonly next: string | undefined;
}

/** What a contact that cannot be a Request-URI as it is has in it; others are not looked into. */
const NOT_IN_REQUEST_URI = /\?|;method/iu;

/** A contact as Request-URI: without what may not stand there (RFC 3261 sections 16.6 step 2, 19.1.1). */
export function requestUriOf(contact: string): string {
  const uri = NOT_IN_REQUEST_URI.test(contact) ? parseUri(contact) : undefined;
  if (uri === undefined) return contact;
  const params = withoutParams(uri.params, (name) => name === "method");
  return serializeUri({ ...uri, params, headers: "" });
}

/**
 * The request without midreg's own Routes, one hop further, to a target of its own (RFC 3261 section 16.6 steps 2,
 * 3 and 6). `path` is put ahead of the Routes that are left.
 */
export function forward(
  { input, route, isFromDevice }: Forwarding,
  target: string = route.target,
  path = "",
): Forwarded {
  const { request } = input;
  const rewrite = new MessageRewrite(request);
  rewrite.set(HEADER.maxForwards, `Max-Forwards: ${nextMaxForwards(request)}`);
  // server/leg.ts writes it, with the share of each branch.
  rewrite.removeAll(HEADER.maxBreadth);
  rewrite.measureBody();
  if (isFromDevice) hidePush(rewrite, request);
  const values = path === "" ? [] : (splitList(path) ?? []);
  const routes = [...values, ...route.left.map(({ text }) => text)];
  const next = parseNameAddr(routes[0] ?? "")?.uri;
  if (next !== undefined && isStrict(next)) {
    // It wants to be the Request-URI, and the real one comes last.
    const requestUri = requestUriOf(next);
    setRoute(rewrite, request, [...routes.slice(1), `<${target}>`]);
    setRequestUri(rewrite, request, requestUri);
    return { rewrite, requestUri, next };
  }
  // The Path vector is a preloaded Route (RFC 3327 section 5.3), ahead of any Route that is left.
  if (route.isRestored) setRoute(rewrite, request, routes);
  else changeRoute(rewrite, route.own, path);
  setRequestUri(rewrite, request, target);
  return { rewrite, requestUri: target, next };
}

/** Whether a next hop is a strict router. */
function isStrict(next: string): boolean {
  const uri = parseUri(next);
  return uri !== undefined && uriParam(uri, "lr") === undefined;
}

/** Takes values off the head of Route and puts others there; what is left keeps its bytes. */
function changeRoute(rewrite: MessageRewrite, own: number, path: string): void {
  if (own > 0) rewrite.removeFirstValues(HEADER.route, own);
  if (path !== "") rewrite.prepend(`Route: ${path}`);
}

function setRequestUri(rewrite: MessageRewrite, request: SipRequest, uri: string): void {
  if (uri !== request.uri) rewrite.startLine(`${request.method} ${uri} SIP/2.0`);
}

function setRoute(rewrite: MessageRewrite, request: SipRequest, values: readonly string[]): void {
  if (values.length === 0) rewrite.removeAll(HEADER.route);
  else if (headerValue(request, HEADER.route) === undefined) {
    rewrite.prepend(`Route: ${values.join(", ")}`);
  } else rewrite.set(HEADER.route, `Route: ${values.join(", ")}`);
}

function nextMaxForwards(request: SipRequest): number {
  const value = headerValue(request, HEADER.maxForwards);
  // RFC 3261 section 16.6 step 3: a missing Max-Forwards becomes 70.
  return value === undefined ? 70 : Number(value) - 1;
}

/** Flows of one device that are tried after the first: phones have two, and four at most (RFC 5626 section 4.2.1). */
const MAX_OTHER_FLOWS = 3;

/** The way to a device; where all of its flows are asleep, the way there was and whom to wake. */
export function branchToDevice(
  forwarding: Forwarding,
  flows: readonly [Binding, ...Binding[]],
  usesPath = true,
): RelayBranch {
  const { isAsleep } = forwarding.input;
  const device = deviceOf(forwarding.input, flows[0]);
  const [first, ...others] = flows.filter((flow) => !isAsleep(flow));
  const asleep = { flows, usesPath, isInDialog: false };
  if (first !== undefined) {
    const branch = { ...branchTo(forwarding, [first, ...others], usesPath), device };
    const isWakeable = mayWake(forwarding) && flows.some(({ push }) => push !== "");
    return isWakeable ? { ...branch, wakeable: { ...asleep, isLost: true } } : branch;
  }
  return { ...branchTo(forwarding, flows, usesPath), device, asleep };
}

/** Strangers have nobody pushed to, and inside of dialogs it takes a reference (RFC 8599 section 6.2.3). */
function mayWake({ input: { sender, request } }: Forwarding): boolean {
  return sender !== "stranger" && request.toTag === "";
}

/** A device is an instance of an address-of-record (RFC 5626 section 7). */
function deviceOf(input: ProxyInput, { ctid, params }: Binding): string | undefined {
  const instance = instanceOf(params);
  return instance === undefined ? undefined : `${instance} ${input.aorOf(ctid) ?? ""}`;
}

/** The way to a device, and its further flows for when that one is dead. */
export function branchTo(
  forwarding: Forwarding,
  [first, ...others]: readonly [Binding, ...Binding[]],
  usesPath = true,
): RelayBranch {
  const branch = branchOver(forwarding, first, usesPath);
  if (others.length === 0) return branch;
  const further = others.slice(0, MAX_OTHER_FLOWS);
  return { ...branch, others: further.map((flow) => branchOver(forwarding, flow, usesPath)) };
}

/** The way to a binding: its Path and then the Routes that the request has left, or its flow. */
function branchOver(forwarding: Forwarding, binding: Binding, usesPath: boolean): RelayBranch {
  const { input } = forwarding;
  const target = requestUriOf(binding.contact);
  const path = usesPath ? pathBeyondUs(input, binding.path) : "";
  const token = { role: "callee", flow: binding.source, ctid: binding.ctid } as const;
  return branchWith(input, forward(forwarding, target, path), token);
}

/** The way over the flow of a Path token, and no other; the target is that of the request where none is given. */
export function branchOverFlow(
  forwarding: Forwarding,
  { flow, ctid }: FlowToken,
  target: string | undefined,
): RelayBranch {
  const token = { role: "callee", flow, ctid, isEdge: true } as const;
  return branchWith(forwarding.input, forward(forwarding, target), token);
}

/** The forwarded request with the Record-Route of its device, and where it goes. */
function branchWith(
  input: ProxyInput,
  { rewrite, requestUri, next }: Forwarded,
  token: DialogToken,
): RelayBranch {
  const { flow, ctid } = token;
  const outgoing = input.sideOf(flow) ?? input.upstreamSide;
  const incoming = input.sideOf(input.source) ?? input.upstreamSide;
  recordRoute(rewrite, input, token, { incoming, outgoing, requestUri, next });
  const nextHop: NextHop =
    next === undefined ? { kind: "flow", flow } : { kind: "uri", uri: next, flow };
  return { text: rewrite.toText(), nextHop, ctid };
}

/**
 * The hops of a Path from midreg on; empty for none. Where midreg itself stands first, having been a proxy on the way
 * of the REGISTER too, it would only send the request to itself.
 */
export function pathBeyondUs(input: Pick<ProxyInput, "isOwnHost">, path: string): string {
  if (path === "") return "";
  const hops = splitList(path) ?? [];
  const first = hops.findIndex((hop) => !isOwnHop(input, hop));
  const beyond = first === -1 ? [] : hops.slice(first);
  return parseNameAddr(beyond[0] ?? "") === undefined ? "" : beyond.join(", ");
}

function isOwnHop(input: Pick<ProxyInput, "isOwnHost">, hop: string): boolean {
  const uri = parseUri(parseNameAddr(hop)?.uri ?? "");
  return uri !== undefined && isOwnUri(input, uri);
}
