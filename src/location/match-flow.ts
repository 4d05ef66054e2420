/** Bindings that stand for flows, and those that do not: an address-of-record may have both (RFC 5626 section 6). */
import type { AorRecord, Binding } from "./binding.ts";
import { flowKeyOf } from "./flow-key.ts";

/** The binding of a flow, whatever its contact URI and Call-ID; `params` are those of the contact that is sought. */
export function findFlow(
  record: AorRecord | undefined,
  key: string,
  params: string,
): Binding | undefined {
  // A device repeats its parameters to the byte, so the cheap comparison nearly always decides.
  return record?.bindings.find(
    (binding) => binding.params === params || flowKeyOf(binding.params) === key,
  );
}

const isPlain = ({ params }: Binding): boolean => flowKeyOf(params) === undefined;

/** The record as it is for contacts that are bound by their URI. */
export function withoutFlows(record: AorRecord | undefined): AorRecord | undefined {
  if (record === undefined) return undefined;
  const { aor, bindings } = record;
  return bindings.every(isPlain) ? record : { aor, bindings: bindings.filter(isPlain) };
}
