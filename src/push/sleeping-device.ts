/** What a device that was asleep is recognised by when it registers (RFC 8599 section 5.6.2). */
import type { Binding } from "../location/binding.ts";
import { instanceOf } from "../location/match-contact.ts";
import { withoutPush } from "../location/push-params.ts";

/** A device by its bindings as they were when it was asleep: all flows of one instance. */
export interface SleepingDevice {
  /** +sip.instance in comparable form; undefined for none. */
  readonly instance: string | undefined;
  readonly ctids: readonly string[];
  /** Its push resources (location/push-device.ts). */
  readonly pushes: readonly string[];
  /** Its contact URIs without push parameters. */
  readonly contacts: readonly string[];
}

export function sleepingDevice(flows: readonly Binding[]): SleepingDevice {
  return {
    instance: flows.map(({ params }) => instanceOf(params)).find((one) => one !== undefined),
    ctids: flows.map(({ ctid }) => ctid),
    pushes: flows.map(({ push }) => push).filter((push) => push !== ""),
    contacts: flows.map(({ contact }) => bareContact(contact)),
  };
}

/**
 * Whether a binding is of that device: its instance says so, and neither its contact nor its token has to be what it was.
 * So does the token, which some apps keep longer than the instance, or the binding itself; and where one of both has no
 * instance, the contact apart from the token.
 */
export function isOfDevice(device: SleepingDevice, binding: Binding): boolean {
  const instance = instanceOf(binding.params);
  if (instance !== undefined && instance === device.instance) return true;
  if (device.ctids.includes(binding.ctid)) return true;
  if (binding.push === "") return false;
  if (device.pushes.includes(binding.push)) return true;
  const hasInstances = instance !== undefined && device.instance !== undefined;
  return !hasInstances && device.contacts.includes(bareContact(binding.contact));
}

/** Compared as text, since it is the device's own words both times. */
function bareContact(contact: string): string {
  return withoutPush(contact) ?? contact;
}

/**
 * The flows over which a device that has registered since `sinceMs` can be reached, that one first; undefined when it
 * has not. Flows that are as they were may be as dead as they were, so of them only those that are awake count.
 */
export function flowsSince(
  device: SleepingDevice,
  bindings: readonly Binding[],
  { sinceMs, nowMs, isAwake }: ReturnFacts,
): readonly [Binding, ...Binding[]] | undefined {
  const own = bindings
    .filter((binding) => binding.expiresAtMs > nowMs && isOfDevice(device, binding))
    .toSorted((a, b) => b.updatedAtMs - a.updatedAtMs);
  const [newest, ...others] = own;
  if (newest === undefined || newest.updatedAtMs < sinceMs) return undefined;
  return [newest, ...others.filter((other) => other.source !== newest.source && isAwake(other))];
}

export interface ReturnFacts {
  readonly sinceMs: number;
  readonly nowMs: number;
  readonly isAwake: (binding: Binding) => boolean;
}
