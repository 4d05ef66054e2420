/**
 * Requests that the main registrar sends along a Path of midreg's own, where it does outbound and midreg is its edge (RFC
 * 5626 section 5.3.1).
 */
import type { Binding } from "../location/binding.ts";
import type { FlowToken } from "../location/flow-token.ts";
import { branchOverFlow, requestUriOf } from "./forward-request.ts";
import { isOwnUri, type Preprocessed } from "./preprocess.ts";
import type { ProxyInput } from "./proxy-input.ts";
import { refuse } from "./refuse.ts";
import { type Routed, relayOne } from "./route-in-dialog.ts";

/**
 * Routes a request over the flow that a token names, and no other: the main registrar chooses among the flows of a device.
 * A Path is no secret, since it stands in answers and requests, so it serves nobody but those who may call devices anyway.
 */
export function routeOverFlow(input: ProxyInput, route: Preprocessed, token: FlowToken): Routed {
  if (input.sender === "stranger") return refuse("stranger");
  if (input.sender === "device") return refuse("foreign-route");
  const binding = input.bindingOf(token.ctid);
  // Without a registration nothing is known of a flow over UDP, nor what the device calls itself.
  if (binding === undefined) return refuse("flow-failed");
  const target = targetOver(input, route, binding);
  if (target === "other") {
    return refuse(input.request.toTag === "" ? "unknown-contact" : "no-dialog");
  }
  const forwarding = { input, route, isFromDevice: false };
  const branch = branchOverFlow(forwarding, token, target);
  if (input.isAsleep(binding)) {
    // It comes back over another flow, and registers that.
    const asleep = { flows: [binding], usesPath: false, isInDialog: false } as const;
    return relayOne("to-device", { ...branch, asleep }, true);
  }
  // Further hops are found by their own names, whatever has become of the connection.
  const isGone = branch.nextHop.kind === "flow" && !input.isFlowOpen(token.flow);
  if (isGone) return { ...refuse("flow-failed"), disowned: token.ctid };
  return relayOne("to-device", branch, true);
}

/**
 * What the device calls itself, where the main registrar knows it by a contact or GRUU of midreg's; undefined where the
 * Request-URI may stay, and "other" where it means another device.
 */
function targetOver(
  input: ProxyInput,
  { uri, target }: Preprocessed,
  binding: Binding,
): string | undefined {
  const gruu = input.gruuTarget(uri);
  if (gruu?.kind === "found") {
    const meant = [gruu.binding, ...gruu.others];
    return meant.some(({ ctid }) => ctid === binding.ctid)
      ? requestUriOf(binding.contact)
      : "other";
  }
  if (!isOwnUri(input, uri)) return undefined;
  return input.ctidOf(target) === binding.ctid ? requestUriOf(binding.contact) : "other";
}
