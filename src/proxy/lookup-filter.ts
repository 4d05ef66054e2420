/** Which of the devices that a request is for are called, and in which order they are preferred. */
import type { Binding } from "../location/binding.ts";
import type { LookupPolicy } from "./lookup-policy.ts";
import type { ProxyInput } from "./proxy-input.ts";

type FilterInput = Pick<ProxyInput, "request" | "isReachable" | "latencyMsOf">;

/** A contact without q is preferred like one with q=1, as in location/match-contact.ts. */
const DEFAULT_Q = 1000;

/** `targets` come most preferred first, and so does what is left of them. */
export function chooseTargets(
  input: FilterInput,
  lookup: LookupPolicy,
  targets: readonly Binding[],
): readonly Binding[] | "method-not-allowed" {
  const takers = targets.filter((binding) => takesMethod(binding, input, lookup));
  if (targets.length > 0 && takers.length === 0) return "method-not-allowed";
  const wanted = takers.filter((binding) => isWanted(binding, input, lookup));
  const reachable = reachableOf(wanted, input);
  return lookup.sortsByLatency ? sortByLatency(reachable, input, lookup) : reachable;
}

function takesMethod(
  { methods }: Binding,
  { request }: FilterInput,
  { filtersMethods }: LookupPolicy,
): boolean {
  return !filtersMethods || methods === "" || methods.split(",").includes(request.method);
}

/** A device that was never pinged has no latency, and passes. */
function isWanted(
  binding: Binding,
  { latencyMsOf }: FilterInput,
  { userAgent, maxLatencyMs }: LookupPolicy,
): boolean {
  if (userAgent?.matches(binding.userAgent) === false) return false;
  return maxLatencyMs === 0 || (latencyMsOf(binding) ?? 0) <= maxLatencyMs;
}

/**
 * Devices that cannot be reached are left out while there are others. Those that can be woken are never out of reach;
 * and where none is left all are tried, since pings and connections may tell wrong.
 */
function reachableOf(
  bindings: readonly Binding[],
  { isReachable }: FilterInput,
): readonly Binding[] {
  if (bindings.length < 2) return bindings;
  const reachable = bindings.filter((binding) => binding.push !== "" || isReachable(binding));
  return reachable.length === 0 ? bindings : reachable;
}

/** Groups of equal q stay in their order, and the fastest comes first in each. */
function sortByLatency(
  bindings: readonly Binding[],
  { latencyMsOf }: FilterInput,
  { fork }: LookupPolicy,
): readonly Binding[] {
  const latencyOf = (binding: Binding): number => latencyMsOf(binding) ?? Number.MAX_VALUE;
  const qOf = ({ q }: Binding): number => (fork === "by-q" ? (q ?? DEFAULT_Q) : DEFAULT_Q);
  return bindings.toSorted((a, b) => qOf(b) - qOf(a) || latencyOf(a) - latencyOf(b));
}
