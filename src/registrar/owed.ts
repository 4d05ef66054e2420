import type { DeRegistration, UpstreamRegistration } from "../location/binding.ts";
import { owedKey } from "./shared-contact.ts";

/**
 * The name under which the end of a contact is owed that no binding has any more, or none has got; no ctid
 * looks like it.
 */
export function strayKey(upstreamContact: string, upstream: string): string {
  return owedKey(`<${upstreamContact}>`, upstream);
}

/** A contact and the main registrar that it stands at: the same contact may stand at several. */
export function placeOf({ contact, upstream }: UpstreamRegistration): string {
  return strayKey(contact, upstream);
}

export function onePerKey(owing: readonly DeRegistration[]): readonly DeRegistration[] {
  return [...new Map(owing.map((entry) => [entry.ctid, entry])).values()];
}

export function underNameOfItsOwn(
  upstream: UpstreamRegistration,
  name: string,
): UpstreamRegistration {
  return { ...upstream, callId: `${upstream.callId}-${name}`, cseq: 0 };
}
