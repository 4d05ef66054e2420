/** Which devices ring, and in which order (RFC 3261 section 16.6, RFC 5626 section 5.3). */
import type { Binding } from "../location/binding.ts";
import { instanceOf } from "../location/match-contact.ts";
import type { LookupPolicy } from "./lookup-policy.ts";

/** The flows of one device, the most recently refreshed first; never empty. */
export type Device = readonly [Binding, ...Binding[]];

/** Devices that ring at once for one call: Max-Breadth of RFC 5393 is 60, and nobody has as many. */
const MAX_DEVICES = 32;

/** A contact without q is preferred like one with q=1, as in location/match-contact.ts. */
const DEFAULT_Q = 1000;

/**
 * Groups to try one after another, of devices to try at the same time. `bindings` come most preferred first. No
 * device is in two places, however many flows it has.
 */
export function forkTargets(
  bindings: readonly Binding[],
  { fork }: Pick<LookupPolicy, "fork">,
): ReadonlyArray<readonly Device[]> {
  const devices = devicesOf(bindings).slice(0, MAX_DEVICES);
  switch (fork) {
    case "all":
      return devices.length === 0 ? [] : [devices];
    case "best":
      return devices.length === 0 ? [] : [devices.slice(0, 1)];
    case "by-q":
      return groupByQ(devices);
    default:
      return fork satisfies never;
  }
}

/** In order of the flow that is preferred most. */
function devicesOf(bindings: readonly Binding[]): readonly Device[] {
  const devices = new Map<string, Device>();
  for (const binding of bindings) {
    const key = instanceOf(binding.params) ?? `${binding.ctid} ${binding.contact}`;
    const [first, ...rest] = devices.get(key) ?? [];
    devices.set(key, first === undefined ? [binding] : newestFirst(binding, first, rest));
  }
  return [...devices.values()];
}

function newestFirst(added: Binding, first: Binding, rest: readonly Binding[]): Device {
  if (added.updatedAtMs > first.updatedAtMs) return [added, first, ...rest];
  const others = [...rest, added].toSorted((a, b) => b.updatedAtMs - a.updatedAtMs);
  return [first, ...others];
}

function groupByQ(devices: readonly Device[]): ReadonlyArray<readonly Device[]> {
  const groups = new Map<number, Device[]>();
  for (const device of devices) {
    const q = Math.max(...device.map((binding) => binding.q ?? DEFAULT_Q));
    const group = groups.get(q);
    if (group === undefined) groups.set(q, [device]);
    else group.push(device);
  }
  return [...groups.values()];
}
