/** Requests that no token of midreg's puts into a dialog (RFC 3261 section 16.5). */
import type { Binding } from "../location/binding.ts";
import { isFlowUpstream } from "../location/flow-key.ts";
import { isTemporaryGruu } from "../location/gruu.ts";
import { contactsOf } from "../sip/contact.ts";
import { parseUri, type Uri } from "../sip/uri.ts";
import type { DialogToken } from "./dialog-token.ts";
import { forkTargets } from "./fork-targets.ts";
import { branchToDevice, type Forwarding, forward } from "./forward-request.ts";
import { chooseTargets } from "./lookup-filter.ts";
import { isOwnUri, type Preprocessed } from "./preprocess.ts";
import type { ProxyInput, Sender } from "./proxy-input.ts";
import { recordRoute } from "./record-route.ts";
import { refuse, refuseUnknown } from "./refuse.ts";
import { type Routed, relayOne, relayToGruu } from "./route-in-dialog.ts";
import { isUpstreamRoute } from "./route-policy.ts";

/** Routes a request of the main registrar to devices, and one of a device to the main registrar. */
export function routeNew(input: ProxyInput, route: Preprocessed): Routed {
  const { sender } = input;
  const { uri } = route;
  if (sender === "stranger") return refuse(isToUs(input, route) ? "no-dialog" : "stranger");
  if (!isRoutable(uri, sender)) return refuse("unsupported-scheme");
  const forwarding = { input, route, isFromDevice: sender === "device" };
  if (sender === "device") return relayToUpstream(forwarding);
  const gruu = input.gruuTarget(uri);
  if (gruu !== undefined) return relayToGruu(forwarding, gruu);
  return relayToDevices(forwarding);
}

/**
 * Whether a request is to the contact of waiting-response.ts, inside the dialog that it made: a caller may send it here
 * directly. Nothing can be asked in that dialog.
 */
function isToUs(input: ProxyInput, { uri, own, left }: Preprocessed): boolean {
  const hasRoute = own + left.length > 0;
  return input.request.toTag !== "" && !hasRoute && uri.user === undefined && isOwnUri(input, uri);
}

/** A phone may ask for a service, "urn:service:sos" above all: the main registrar knows where that is (RFC 5031). */
function isRoutable({ scheme }: Uri, sender: Sender): boolean {
  return (
    scheme === "sip" ||
    scheme === "sips" ||
    scheme === "tel" ||
    (scheme === "urn" && sender === "device")
  );
}

function relayToDevices(forwarding: Forwarding): Routed {
  const { input, route } = forwarding;
  const found = isOwnUri(input, route.uri) ? input.targetsOf(route.target) : [];
  const [only] = found;
  // Where the main registrar knows each flow of a device as a contact, it asks for one and means the device.
  const targets = only !== undefined && found.length === 1 ? input.flowsOf(only) : found;
  const lookup = input.lookupFor(targets, route.target);
  const chosen = chooseTargets(input, lookup, targets);
  if (chosen === "method-not-allowed") return refuseMethod(targets);
  const groups = forkTargets(chosen, lookup);
  if (groups.length === 0) {
    return input.request.toTag === "" ? refuseUnknown(lookup.noContactStatus) : refuse("no-dialog");
  }
  const branches = groups.map((devices) =>
    devices.map((device) => branchToDevice(forwarding, device)),
  );
  return { kind: "relay", direction: "to-device", groups: branches, ringMs: lookup.ringMs };
}

/** RFC 3261 section 21.4.6: a 405 lists what would have been allowed. */
function refuseMethod(targets: readonly Binding[]): Routed {
  const methods = new Set(targets.flatMap((binding) => binding.methods.split(",")));
  return refuse("method-not-allowed", `Allow: ${[...methods].join(", ")}\r\n`);
}

function relayToUpstream(forwarding: Forwarding): Routed {
  const { input, route } = forwarding;
  const { uri } = route;
  const [first] = route.left;
  // A device may choose its way as far as the main registrar has told it: no relay for anybody's Routes.
  if (
    first !== undefined &&
    !isUpstreamRoute(input, first.uri, first.uriText, input.callerBinding())
  ) {
    return refuse("foreign-route");
  }
  // A temporary GRUU keeps midreg's host, so that the main registrar sends it back here.
  const isOurs = isOwnUri(input, uri) && !isTemporaryGruu(uri);
  const user = uri.user === undefined ? "" : `${uri.user}@`;
  const target = isOurs ? `${uri.scheme}:${user}${input.upstreamHost}${uri.params}` : undefined;
  const { rewrite, requestUri, next } = forward(forwarding, target);
  const token = callerToken(input);
  const outgoing = input.upstreamSide;
  const incoming = input.sideOf(input.source) ?? outgoing;
  recordRoute(rewrite, input, token, { incoming, outgoing, requestUri, next });
  return relayOne("to-upstream", {
    text: rewrite.toText(),
    nextHop: { kind: "upstream", upstream: input.upstream },
  });
}

function callerToken(input: ProxyInput): DialogToken {
  const ctid = callerCtid(input);
  const token = { role: "caller", flow: input.source, ctid } as const;
  const binding = input.bindingOf(ctid);
  return binding !== undefined && isFlowUpstream(binding) ? { ...token, isEdge: true } : token;
}

/**
 * The binding of the device that calls, so that its dialog follows it to its next flow: the one of its GRUU, where it
 * has one as its Contact (RFC 5627 section 6.2), else that of its From. Empty where it is not known.
 */
function callerCtid(input: ProxyInput): string {
  const contacts = contactsOf(input.request);
  const contact = contacts === "*" ? undefined : contacts?.[0];
  // Nearly all contacts are no GRUUs and need no second look.
  const uri = contact?.uri.includes(";gr") === true ? parseUri(contact.uri) : undefined;
  const gruu = uri === undefined ? undefined : input.gruuTarget(uri);
  if (gruu?.kind === "found" && gruu.binding.source === input.source) return gruu.binding.ctid;
  return input.callerBinding()?.ctid ?? "";
}
