/** Requests inside a dialog that was set up through midreg (RFC 3261 section 12.2, RFC 5627 section 6.1). */
import type { Binding } from "../location/binding.ts";
import type { GruuTarget } from "../location/gruu.ts";
import { type Uri, uriParam } from "../sip/uri.ts";
import type { DialogToken } from "./dialog-token.ts";
import {
  branchTo,
  branchToDevice,
  type Forwarding,
  forward,
  requestUriOf,
} from "./forward-request.ts";
import { isHiddenContact } from "./hide-push.ts";
import { isOwnUri, type Preprocessed, preprocess } from "./preprocess.ts";
import type {
  NextHop,
  OpenedToken,
  ProxyDecision,
  ProxyInput,
  RelayBranch,
  Sleeper,
} from "./proxy-input.ts";
import { refuse } from "./refuse.ts";
import { isWithinDialog } from "./route-policy.ts";

/** Where a request goes, or why it does not. */
export type Routed =
  | {
      readonly kind: "relay";
      readonly direction: "to-device" | "to-upstream";
      /** Ways to try one after another, those of a group at the same time. */
      readonly groups: ReadonlyArray<readonly RelayBranch[]>;
      /** How long a group may ring before the next one is tried; 0 or undefined for as long as it likes. */
      readonly ringMs?: number;
      /** Whether its sender is told when the flow is gone (ProxyDecision). */
      readonly isEdge?: boolean | undefined;
    }
  | Extract<ProxyDecision, { kind: "respond" }>;

/** A request that goes one way. */
export function relayOne(
  direction: "to-device" | "to-upstream",
  branch: RelayBranch,
  isEdge?: boolean,
): Routed {
  return { kind: "relay", direction, groups: [[branch]], isEdge };
}

/**
 * Routes a request inside a dialog that was set up through midreg. The seal proves that its sender has seen
 * that dialog, so it is served whatever address it comes from, as far as route-policy.ts says.
 */
export function routeInDialog(
  input: ProxyInput,
  route: Preprocessed,
  { token, isFromInitiator }: OpenedToken,
): Routed {
  const isToDevice = (token.role === "callee") === isFromInitiator;
  const binding = input.bindingOf(token.ctid);
  if (input.sender === "stranger" && !isWithinDialog(input, route, isToDevice, binding)) {
    return refuse("foreign-route");
  }
  const isFromDevice = input.sender === "device" || !isToDevice;
  const forwarding = { input, route, isFromDevice };
  const target = isToDevice ? resolveRemoteTarget(input, route, token) : undefined;
  if (target !== undefined) return relayToGruu(forwarding, target);
  if (isNobody(input, route, isToDevice, token)) return refuse("no-dialog");
  return isToDevice ? relayToFlow(forwarding, token, binding) : relayBeyond(forwarding);
}

/** To the device by its present flow, or the one it had, or by what of the route is left. */
function relayToFlow(
  forwarding: Forwarding,
  token: DialogToken,
  binding: Binding | undefined,
): Routed {
  const { isAsleep, sender } = forwarding.input;
  const isEdge = token.isEdge === true && sender === "upstream";
  const branch = branchInDialog(forwarding, binding?.source ?? token.flow, binding);
  if (binding === undefined || !isAsleep(binding)) return relayOne("to-device", branch, isEdge);
  const asleep = { flows: [binding], usesPath: false, isInDialog: true } as const;
  return relayOne("to-device", { ...branch, asleep }, isEdge);
}

function branchInDialog(
  forwarding: Forwarding,
  flow: string,
  binding: Binding | undefined,
): RelayBranch {
  const { rewrite, next } = forward(forwarding, deviceTarget(forwarding.route.uri, binding));
  const nextHop: NextHop =
    next === undefined ? { kind: "flow", flow } : { kind: "uri", uri: next, flow };
  return { text: rewrite.toText(), nextHop };
}

/**
 * The way to a device that the same request has waited for, over its flows as they are now; undefined when the request
 * is malformed, and so has not waited.
 */
export function routeAwake(
  input: ProxyInput,
  { usesPath, isInDialog }: Sleeper,
  flows: Sleeper["flows"],
): RelayBranch | undefined {
  const route = preprocess(input);
  if (route === undefined) return undefined;
  const forwarding = { input, route, isFromDevice: input.sender === "device" };
  const [first] = flows;
  return isInDialog
    ? branchInDialog(forwarding, first.source, first)
    : branchTo(forwarding, flows, usesPath);
}

/** To where the route of the dialog goes on, on the side of the main registrar. */
function relayBeyond(forwarding: Forwarding): Routed {
  const { rewrite, next, requestUri } = forward(forwarding);
  const nextHop: NextHop = { kind: "uri", uri: next ?? requestUri, flow: undefined };
  return relayOne("to-upstream", { text: rewrite.toText(), nextHop });
}

/**
 * Whether the way ends at midreg itself (RFC 3261 section 12.2.2): at a contact of another device's than the dialog's,
 * or on the side of the main registrar, where midreg has no contact of its own.
 */
function isNobody(
  input: ProxyInput,
  { uri, target, left }: Preprocessed,
  isToDevice: boolean,
  token: DialogToken,
): boolean {
  if (left.length > 0 || !isOwnUri(input, uri)) return false;
  // Another registrar's GRUU may have a host that midreg has too.
  const ctid = uriParam(uri, "gr") === undefined ? input.ctidOf(target) : undefined;
  return !isToDevice || (ctid !== undefined && ctid !== token.ctid);
}

/** The device's own contact, where others know it without its push parameters only. */
function deviceTarget(uri: Uri, binding: Binding | undefined): string | undefined {
  if (binding === undefined || !isHiddenContact(uri, binding.contact)) return undefined;
  return requestUriOf(binding.contact);
}

/**
 * A remote target that only midreg can turn into a contact: a GRUU that the device used as its Contact (RFC 5627
 * section 6.1), or midreg's own contact with a ctid, where the device uses a GRUU of the main registrar's.
 */
function resolveRemoteTarget(
  input: ProxyInput,
  route: Preprocessed,
  token: DialogToken,
): GruuTarget | undefined {
  const gruu = input.gruuTarget(route.uri);
  if (gruu?.kind === "found") {
    return isDialogPeer(input, token, gruu.binding) ? gruu : undefined;
  }
  // A public form that leads nowhere here may be another registrar's, or the device's own making.
  if (gruu?.kind === "invalid" || gruu?.isKnown === true) return gruu;
  const binding = ownTarget(input, route);
  return binding?.ctid === token.ctid ? { kind: "found", binding, others: [] } : undefined;
}

/** The binding that midreg's own contact with a ctid stands for. */
function ownTarget(input: ProxyInput, { uri, target }: Preprocessed): Binding | undefined {
  const ctid = isOwnUri(input, uri) ? input.ctidOf(target) : undefined;
  return ctid === undefined ? undefined : input.bindingOf(ctid);
}

/** Routes a request to what a GRUU stands for. */
export function relayToGruu(forwarding: Forwarding, target: GruuTarget): Routed {
  if (target.kind === "found") {
    // The Route that is left is the path of the dialog, which takes the place of Path (RFC 5627 section 6.1).
    const usesPath = forwarding.route.left.length === 0;
    const flows = reachableFirst([target.binding, ...target.others], forwarding.input);
    return relayOne("to-device", branchToDevice(forwarding, flows, usesPath));
  }
  return refuse(target.kind === "invalid" ? "unknown-gruu" : "gruu-away");
}

/** The flows of a device, those that are known to be dead last. */
function reachableFirst(
  flows: readonly [Binding, ...Binding[]],
  { isReachable }: ProxyInput,
): readonly [Binding, ...Binding[]] {
  const [first, ...others] = flows.toSorted(
    (a, b) => Number(isReachable(b)) - Number(isReachable(a)),
  );
  return first === undefined ? flows : [first, ...others];
}

/** Whether a binding is of the device the dialog is with: a token opens the way to no other. */
function isDialogPeer(input: ProxyInput, { ctid, flow }: DialogToken, binding: Binding): boolean {
  if (binding.ctid === ctid || binding.source === flow) return true;
  if (ctid === "") return false;
  // The device may have registered anew from elsewhere since, and its old contact may be forgotten.
  const aor = input.aorOf(ctid);
  return aor === undefined || aor === input.aorOf(binding.ctid);
}
