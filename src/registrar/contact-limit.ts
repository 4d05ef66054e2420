/**
 * What gives way when an address-of-record would have more bindings than it may (mid_registrar.max_contacts).
 */
import type { Binding, DeRegistration } from "../location/binding.ts";
import { instanceOf, validBindings } from "../location/match-contact.ts";
import { lastKnown } from "./decide-expiry.ts";
import type { JudgedContact } from "./judge-contact.ts";
import type { RegisterInput } from "./register-input.ts";

const NOTHING: readonly never[] = [];

/**
 * The de-registrations of the bindings that give way to the contacts of a REGISTER, if the main registrar
 * accepts it; those that were heard least recently go first, and none that the REGISTER is about. Undefined
 * when it has to be refused.
 */
export function makeRoom(
  input: RegisterInput,
  judged: readonly JudgedContact[],
): readonly DeRegistration[] | undefined {
  const excess = countExcess(input, judged);
  if (excess === 0) return NOTHING;
  const { policy, record, nowMs } = input;
  if (policy.maxContactsPolicy === "refuse") return undefined;
  const isNamed = (known: Binding): boolean => judged.some(({ binding }) => binding === known);
  const instances = new Set(judged.flatMap(({ asked }) => instanceOf(asked.params) ?? []));
  const isOfSender = ({ params }: Binding): boolean => instances.has(instanceOf(params) ?? "");
  const mayGo = policy.maxContactsPolicy === "evict-oldest" ? (): boolean => true : isOfSender;
  const evicted = validBindings(record, nowMs)
    .filter((binding) => !isNamed(binding) && mayGo(binding))
    .toSorted((a, b) => a.updatedAtMs - b.updatedAtMs)
    .slice(0, excess);
  return evicted.length < excess ? undefined : evicted.map((binding) => owedFor(binding, input));
}

/** How many bindings too many the address-of-record would hold, were the request accepted. */
function countExcess(input: RegisterInput, judged: readonly JudgedContact[]): number {
  const { maxContacts } = input.policy;
  if (maxContacts === 0) return 0;
  const isNew = ({ asked, binding }: JudgedContact): boolean =>
    asked.lifetimeSec > 0 && (binding === undefined || binding.expiresAtMs <= input.nowMs);
  const added = judged.filter((contact) => isNew(contact)).length;
  if (added === 0) return 0;
  const removed = judged.filter(
    ({ asked, binding }) =>
      asked.lifetimeSec === 0 && binding !== undefined && binding.expiresAtMs > input.nowMs,
  ).length;
  const held = validBindings(input.record, input.nowMs).length;
  return Math.max(0, held + added - removed - maxContacts);
}

function owedFor(binding: Binding, input: RegisterInput): DeRegistration {
  const { ask, nowMs, identities, isDoubted, longestOutgoingSec } = input;
  const outgoingExpiresSec = longestOutgoingSec;
  const known = { nowMs, identities, isDoubted, outgoingExpiresSec };
  const upstream = lastKnown(binding, binding.ctid, known);
  return { ctid: binding.ctid, aor: ask.aor, upstream, dueAtMs: nowMs, attempts: 0 };
}
