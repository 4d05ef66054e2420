import type { Binding } from "../location/binding.ts";
import { type GruuTarget, isTemporaryGruu } from "../location/gruu.ts";
import { contactsOf } from "../sip/contact.ts";
import { HEADER } from "../sip/header-name.ts";
import { addressesOf, secondsHeader, tokensOf } from "../sip/header-values.ts";
import { headerValue, type SipRequest } from "../sip/message.ts";
import { MessageRewrite } from "../sip/message-rewrite.ts";
import { type NameAddr, parseNameAddr } from "../sip/name-addr.ts";
import { withoutParams } from "../sip/params.ts";
import { splitList } from "../sip/split-list.ts";
import { parseUri, serializeUri, type Uri } from "../sip/uri.ts";
import { buildDialogToken, type DialogToken, openDialogToken } from "./dialog-token.ts";
import type {
  NextHop,
  ProxyDecision,
  ProxyInput,
  RefusalReason,
  RelayBranch,
} from "./proxy-input.ts";

const REFUSALS: Readonly<Record<RefusalReason, readonly [number, string]>> = {
  stranger: [403, "Forbidden"],
  "unknown-contact": [404, "Not Found"],
  // RFC 5627 section 6.1: what is no valid GRUU is not found; a valid one without a contact is away.
  "unknown-gruu": [404, "Not Found"],
  "gruu-away": [480, "Temporarily Unavailable"],
  "method-not-allowed": [405, "Method Not Allowed"],
  "no-dialog": [481, "Call/Transaction Does Not Exist"],
  "too-many-hops": [483, "Too Many Hops"],
  "bad-extension": [420, "Bad Extension"],
  "unsupported-scheme": [416, "Unsupported URI Scheme"],
  "malformed-route": [400, "Malformed Route"],
};

/**
 * Requests that never create a dialog and so need no Record-Route (RFC 3261 section 16.6 step 4). Any
 * other method might, known or not.
 */
const NO_DIALOG = new Set(["MESSAGE", "OPTIONS", "PUBLISH", "ACK", "CANCEL", "BYE"]);

/** What a contact that cannot be a Request-URI as it is has in it; others are not looked into. */
const NOT_IN_REQUEST_URI = /\?|;method/iu;

/** Decides where a request other than REGISTER and CANCEL goes (RFC 3261 sections 16.3 to 16.6). */
export function decideRequest(input: ProxyInput): ProxyDecision {
  const { request } = input;
  const uri = parseUri(request.uri);
  const routes = addressesOf(request, HEADER.route);
  if (uri === undefined || routes === undefined) return refuse("malformed-route");
  if (isForUs(input, uri, routes)) return answerOptions();
  if (secondsHeader(request, HEADER.maxForwards) === 0) return refuse("too-many-hops");
  const extensions = tokensOf(request, HEADER.proxyRequire);
  if (extensions.length > 0) {
    return refuse("bad-extension", `Unsupported: ${extensions.join(", ")}\r\n`);
  }
  const own = countOwnRoutes(input, routes);
  const token = own === 0 ? undefined : openToken(input, routes.slice(0, own));
  if (token !== undefined) return routeInDialog(input, token, uri, { own, next: routes[own] });
  return routeNew(input, uri, { own, next: routes[own] });
}

function refuse(reason: RefusalReason, headers = ""): ProxyDecision {
  const [status, phrase] = REFUSALS[reason];
  return { kind: "respond", reason, status, phrase, headers };
}

/** OPTIONS to midreg itself, from anybody: operators and phones ping with it (section 11.2). */
function isForUs(input: ProxyInput, uri: Uri, routes: readonly NameAddr[]): boolean {
  const { method } = input.request;
  if (method !== "OPTIONS" || uri.user !== undefined) return false;
  if (countOwnRoutes(input, routes) < routes.length) return false;
  return input.isOwnHost(uri.host, uri.port) && input.ctidOf(input.request.uri) === undefined;
}

function answerOptions(): ProxyDecision {
  const headers =
    "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, MESSAGE, SUBSCRIBE, NOTIFY, PUBLISH, " +
    "REFER, INFO, PRACK, UPDATE\r\nAccept: application/sdp\r\nSupported: path\r\n";
  return { kind: "respond", reason: "options", status: 200, phrase: "OK", headers };
}

/** How many values at the head of Route are midreg's own: one, or two after a change of listener. */
function countOwnRoutes(input: ProxyInput, routes: readonly NameAddr[]): number {
  let own = 0;
  while (own < 2) {
    const route = routes[own];
    const uri = route === undefined ? undefined : parseUri(route.uri);
    if (uri === undefined || !input.isOwnHost(uri.host, uri.port)) return own;
    own += 1;
  }
  return own;
}

/** The Route of a request: how many values at its head are midreg's own, and the one after those. */
interface RouteSet {
  readonly own: number;
  readonly next: NameAddr | undefined;
}

interface OpenedToken {
  readonly token: DialogToken;
  /** Whether the request comes from the side that created the dialog. */
  readonly isFromInitiator: boolean;
}

/** Of two tokens in a row the second counts: then both ends are devices, and this is the last hop. */
function openToken(input: ProxyInput, routes: readonly NameAddr[]): OpenedToken | undefined {
  const { request, mac } = input;
  const { callId } = request;
  for (const route of routes.toReversed()) {
    const user = parseUri(route.uri)?.user ?? "";
    for (const initiatorTag of [request.fromTag, request.toTag]) {
      const token =
        initiatorTag === "" ? undefined : openDialogToken(user, { callId, initiatorTag }, mac);
      if (token !== undefined) return { token, isFromInitiator: initiatorTag === request.fromTag };
    }
  }
  return undefined;
}

/**
 * Routes a request inside a dialog that was set up through midreg. The seal proves that its sender took
 * part in that dialog, so it is served whatever address it comes from.
 */
function routeInDialog(
  input: ProxyInput,
  { token, isFromInitiator }: OpenedToken,
  uri: Uri,
  { own, next: nextRoute }: RouteSet,
): ProxyDecision {
  const isToDevice = (token.role === "callee") === isFromInitiator;
  // Only inside the dialog: a seal in the Route of a new request opens no way to have it recorded.
  const hasTarget = isToDevice && input.request.toTag !== "";
  const target = hasTarget ? resolveRemoteTarget(input, uri, token) : undefined;
  if (target !== undefined) return relayToGruu(input, target, { own, next: nextRoute });
  const flow = input.bindingOf(token.ctid)?.source ?? token.flow;
  const text = withoutOwnRoutes(input, own).toText();
  if (nextRoute !== undefined) {
    const nextHop: NextHop = {
      kind: "uri",
      uri: nextRoute.uri,
      flow: isToDevice ? flow : undefined,
    };
    return relay(isToDevice ? "to-device" : "to-upstream", [{ text, nextHop }]);
  }
  if (isToDevice) return relay("to-device", [{ text, nextHop: { kind: "flow", flow } }]);
  const nextHop: NextHop = { kind: "uri", uri: input.request.uri, flow: undefined };
  return relay("to-upstream", [{ text, nextHop }]);
}

function relay(
  direction: "to-device" | "to-upstream",
  branches: readonly RelayBranch[],
): ProxyDecision {
  return { kind: "relay", direction, branches };
}

/**
 * A remote target that only midreg can turn into a contact: a GRUU that the device used as its Contact (RFC 5627
 * section 6.1), or midreg's own contact with a ctid, where the device uses a GRUU of the main registrar's.
 */
function resolveRemoteTarget(
  input: ProxyInput,
  uri: Uri,
  token: DialogToken,
): GruuTarget | undefined {
  const gruu = input.gruuTarget(uri);
  if (gruu?.kind === "found") {
    return isDialogPeer(input, token, gruu.binding) ? gruu : undefined;
  }
  // A public form that leads nowhere here may be another registrar's, or the device's own making.
  if (gruu?.kind === "invalid" || gruu?.isKnown === true) return gruu;
  const binding = ownTarget(input, uri);
  return binding?.ctid === token.ctid ? { kind: "found", binding } : undefined;
}

/** The binding that midreg's own contact with a ctid stands for. */
function ownTarget(input: ProxyInput, uri: Uri): Binding | undefined {
  const ctid = input.isOwnHost(uri.host, uri.port) ? input.ctidOf(input.request.uri) : undefined;
  return ctid === undefined ? undefined : input.bindingOf(ctid);
}

function relayToGruu(
  input: ProxyInput,
  target: GruuTarget,
  { own, next }: RouteSet,
): ProxyDecision {
  if (target.kind === "found") {
    return relay("to-device", [branchTo(input, target.binding, own, next)]);
  }
  return refuse(target.kind === "invalid" ? "unknown-gruu" : "gruu-away");
}

/** Whether a binding is of the device the dialog is with: a token opens the way to no other. */
function isDialogPeer(input: ProxyInput, { ctid, flow }: DialogToken, binding: Binding): boolean {
  if (binding.ctid === ctid || binding.source === flow) return true;
  if (ctid === "") return false;
  // The device may have registered anew from elsewhere since, and its old contact may be forgotten.
  const aor = input.aorOf(ctid);
  return aor === undefined || aor === input.aorOf(binding.ctid);
}

/** Routes a request that is not inside a dialog known by a token of ours. */
function routeNew(input: ProxyInput, uri: Uri, { own, next }: RouteSet): ProxyDecision {
  if (input.sender === "stranger") return refuse("stranger");
  if (uri.scheme !== "sip" && uri.scheme !== "sips" && uri.scheme !== "tel") {
    return refuse("unsupported-scheme");
  }
  if (input.sender === "device") return relayToUpstream(input, uri, own);
  const gruu = input.gruuTarget(uri);
  if (gruu !== undefined) return relayToGruu(input, gruu, { own, next });
  const isOurs = input.isOwnHost(uri.host, uri.port);
  const targets = isOurs ? input.targetsOf(input.request.uri) : [];
  const chosen = chooseTargets(input, targets);
  if (targets.length > 0 && chosen.length === 0) return refuseMethod(targets);
  if (chosen.length > 0) {
    return relay(
      "to-device",
      chosen.map((binding) => branchTo(input, binding, own)),
    );
  }
  return refuse(input.request.toTag === "" ? "unknown-contact" : "no-dialog");
}

/** The devices that take a request of this method, or the best of them. */
function chooseTargets(
  { lookup, request }: ProxyInput,
  targets: readonly Binding[],
): readonly Binding[] {
  const takers = lookup.filtersMethods
    ? targets.filter(({ methods }) => methods === "" || methods.split(",").includes(request.method))
    : targets;
  return lookup.isBestOnly ? takers.slice(0, 1) : takers;
}

/** RFC 3261 section 21.4.6: a 405 lists what would have been allowed. */
function refuseMethod(targets: readonly Binding[]): ProxyDecision {
  const methods = new Set(targets.flatMap((binding) => binding.methods.split(",")));
  return refuse("method-not-allowed", `Allow: ${[...methods].join(", ")}\r\n`);
}

function relayToUpstream(input: ProxyInput, uri: Uri, own: number): ProxyDecision {
  const rewrite = withoutOwnRoutes(input, own);
  // A temporary GRUU keeps midreg's host, so that the main registrar sends it back here.
  if (input.isOwnHost(uri.host, uri.port) && !isTemporaryGruu(uri)) {
    const user = uri.user === undefined ? "" : `${uri.user}@`;
    const target = `${uri.scheme}:${user}${input.upstreamHost}${uri.params}`;
    rewrite.startLine(`${input.request.method} ${target} SIP/2.0`);
  }
  const token: DialogToken = { role: "caller", flow: input.source, ctid: callerCtid(input) };
  const incoming = input.sentByOf(input.source) ?? input.upstreamSentBy;
  recordRoute(rewrite, input, token, { incoming, outgoing: input.upstreamSentBy });
  const nextHop: NextHop = { kind: "upstream", upstream: input.upstream };
  return relay("to-upstream", [{ text: rewrite.toText(), nextHop }]);
}

/**
 * The binding of a device that calls with a GRUU as its Contact, so that its dialog follows it (RFC 5627
 * section 6.2); empty where it is not known.
 */
function callerCtid(input: ProxyInput): string {
  const contacts = contactsOf(input.request);
  const contact = contacts === "*" ? undefined : contacts?.[0];
  // Nearly all contacts are no GRUUs and need no second look.
  const uri = contact?.uri.includes(";gr") === true ? parseUri(contact.uri) : undefined;
  const gruu = uri === undefined ? undefined : input.gruuTarget(uri);
  if (gruu?.kind !== "found" || gruu.binding.source !== input.source) return "";
  return gruu.binding.ctid;
}

/**
 * The way to a binding. `next` is the Route that a request to a GRUU has left: the path of a dialog, which
 * takes the place of the binding's own Path (RFC 5627 section 6.1).
 */
function branchTo(input: ProxyInput, binding: Binding, own: number, next?: NameAddr): RelayBranch {
  const rewrite = withoutOwnRoutes(input, own);
  rewrite.startLine(`${input.request.method} ${requestUriOf(binding.contact)} SIP/2.0`);
  const token: DialogToken = { role: "callee", flow: binding.source, ctid: binding.ctid };
  const outgoing = input.sentByOf(binding.source) ?? input.upstreamSentBy;
  recordRoute(rewrite, input, token, { incoming: input.upstreamSentBy, outgoing });
  if (next !== undefined) {
    const nextHop: NextHop = { kind: "uri", uri: next.uri, flow: binding.source };
    return { text: rewrite.toText(), nextHop };
  }
  const firstHop = parseNameAddr(splitList(binding.path)?.[0] ?? "");
  if (firstHop === undefined) {
    const nextHop: NextHop = { kind: "flow", flow: binding.source };
    return { text: rewrite.toText(), nextHop };
  }
  // The Path vector is a preloaded Route (RFC 3327 section 5.3), ahead of any Route that is left.
  rewrite.prepend(`Route: ${binding.path}`);
  const nextHop: NextHop = { kind: "uri", uri: firstHop.uri, flow: binding.source };
  return { text: rewrite.toText(), nextHop };
}

/** A contact as Request-URI: without what may not stand there (RFC 3261 sections 16.6 step 2, 19.1.1). */
function requestUriOf(contact: string): string {
  const uri = NOT_IN_REQUEST_URI.test(contact) ? parseUri(contact) : undefined;
  if (uri === undefined) return contact;
  const params = withoutParams(uri.params, (name) => name === "method");
  return serializeUri({ ...uri, params, headers: "" });
}

/**
 * Asks to stay on the path of the dialog. Where the request leaves by another listener than it came in,
 * two values are recorded, the outgoing one above (RFC 5658 section 5).
 */
function recordRoute(
  rewrite: MessageRewrite,
  { request, mac }: ProxyInput,
  token: DialogToken,
  { incoming, outgoing }: { readonly incoming: string; readonly outgoing: string },
): void {
  if (request.toTag !== "" || NO_DIALOG.has(request.method)) return;
  const seal = { callId: request.callId, initiatorTag: request.fromTag };
  const user = buildDialogToken(token, seal, mac);
  rewrite.prepend(`Record-Route: <sip:${user}@${incoming};lr>`);
  if (outgoing !== incoming) rewrite.prepend(`Record-Route: <sip:${user}@${outgoing};lr>`);
}

/** The request with its Max-Forwards counted down and midreg's own Route values taken off. */
function withoutOwnRoutes({ request }: ProxyInput, own: number): MessageRewrite {
  const rewrite = new MessageRewrite(request);
  rewrite.set(HEADER.maxForwards, `Max-Forwards: ${nextMaxForwards(request)}`);
  if (own > 0) rewrite.removeFirstValues(HEADER.route, own);
  return rewrite;
}

function nextMaxForwards(request: SipRequest): number {
  const value = headerValue(request, HEADER.maxForwards);
  // RFC 3261 section 16.6 step 3: a missing Max-Forwards becomes 70.
  return value === undefined ? 70 : Number(value) - 1;
}
