/**
 * What a REGISTER and its answer have to do with GRUUs (RFC 5627 section 5).
 */
import type { AorRecord, Binding } from "../location/binding.ts";
import {
  type GruuKeys,
  isTemporaryGruu,
  newest,
  publicGruu,
  temporaryGruu,
} from "../location/gruu.ts";
import { validBindings } from "../location/match-contact.ts";
import { isEqualUri } from "../sip/compare-uri.ts";
import { instanceOf, isSameInstance } from "../sip/instance-id.ts";
import type { SipRequest } from "../sip/message.ts";
import { paramValue, quote } from "../sip/params.ts";
import { parseUri, type Uri } from "../sip/uri.ts";

/** What the GRUUs of one answer are made with. */
export interface GruuSource {
  readonly aor: string;
  /** To URI of the REGISTER. */
  readonly aorUri: string;
  readonly keys: GruuKeys;
  /** host:port where midreg hears the main registrar: only midreg can open a temporary GRUU. */
  readonly host: string;
  /** Parameters made so far, since all contacts of an instance get the same (RFC 5627 section 9). */
  readonly made: Map<string, string>;
}

/** What the GRUUs of an answer are made with; undefined when none are wanted (RFC 5627 section 5.2). */
export function gruuSourceOf({
  ask,
  request,
  ids,
  upstreamSentBy,
}: {
  readonly ask: { readonly aor: string; readonly supportsGruu: boolean };
  readonly request: SipRequest;
  readonly ids: GruuKeys;
  readonly upstreamSentBy: string;
}): GruuSource | undefined {
  if (!ask.supportsGruu) return undefined;
  return { aor: ask.aor, aorUri: request.to.uri, keys: ids, host: upstreamSentBy, made: new Map() };
}

/**
 * pub-gruu and temp-gruu of a contact for a 200 (RFC 5627 section 5.2), empty when it has no instance. What the
 * main registrar has given the contact comes first: its GRUUs lead from anywhere to midreg and on by the ctid.
 */
export function gruuParams(binding: Binding, source: GruuSource): string {
  const instance = instanceOf(binding.params);
  if (instance === undefined) return "";
  if (binding.upstreamGruu !== "") return binding.upstreamGruu;
  const key = `${binding.registeredAtMs} ${instance.toLowerCase()}`;
  const known = source.made.get(key);
  if (known !== undefined) return known;
  const { aor, aorUri, keys, host } = source;
  const open = publicGruu(aorUri, instance);
  const hidden = temporaryGruu(aor, binding, instance, { keys, host });
  const params = formatParam("pub-gruu", open) + formatParam("temp-gruu", hidden);
  source.made.set(key, params);
  return params;
}

function formatParam(name: string, uri: string | undefined): string {
  return uri === undefined ? "" : `;${name}=${quote(uri)}`;
}

/** Together longer than this, what the main registrar gives is not kept: midreg makes GRUUs of its own then. */
const MAX_UPSTREAM_GRUU_LENGTH = 1024;

/** The GRUUs the main registrar has given a contact of midreg's, from that contact's header parameters. */
export function upstreamGruuOf(contactParams: string): string {
  const kept = ["pub-gruu", "temp-gruu"].map((name) => {
    const value = paramValue(contactParams, name) ?? "";
    return value.startsWith('"') ? `;${name}=${value}` : "";
  });
  const text = kept.join("");
  return text.length > MAX_UPSTREAM_GRUU_LENGTH ? "" : text;
}

/** What decides whether a registration goes on or begins. */
export interface StartInput {
  readonly record: AorRecord | undefined;
  /** Call-ID of the REGISTER. */
  readonly callId: string;
  readonly nowMs: number;
}

/**
 * Since when the temporary GRUUs of a contact are valid that is just being accepted (RFC 5627 section 5.1): since
 * its instance was last without a contact, or last changed the Call-ID, for each reg-id by itself (RFC 5626).
 */
export function registrationStart(
  { ctid, params }: Pick<Binding, "ctid" | "params">,
  { record, callId, nowMs }: StartInput,
): number {
  const siblings = siblingsOf(record, { ctid, params }, nowMs);
  if (siblings.length === 0) return nowMs;
  const regId = paramValue(params, "reg-id");
  const last = newest(
    siblings,
    (binding) => regId === undefined || paramValue(binding.params, "reg-id") === regId,
  );
  const start = Math.max(...siblings.map(({ registeredAtMs }) => registeredAtMs));
  // Never the same number twice, or what is invalid now would be valid again.
  return last === undefined || last.callId === callId ? start : Math.max(nowMs, start + 1);
}

/** The live bindings of the same instance; without one, the binding itself. */
function siblingsOf(
  record: AorRecord | undefined,
  { ctid, params }: Pick<Binding, "ctid" | "params">,
  nowMs: number,
): readonly Binding[] {
  const instance = instanceOf(params);
  return validBindings(record, nowMs).filter((binding) => {
    if (instance === undefined) return binding.ctid === ctid;
    return isSameInstance(instanceOf(binding.params) ?? "", instance);
  });
}

/**
 * Other bindings of the instances whose registration begins anew with `put`: they go along, so that GRUUs of the
 * time before cannot come back when the newest contact is gone first.
 */
export function restartedSiblings(
  record: AorRecord | undefined,
  put: readonly Binding[],
  nowMs: number,
): readonly Binding[] {
  const restarted = new Map<string, Binding>();
  for (const { ctid, params, registeredAtMs } of put) {
    if (instanceOf(params) === undefined) continue;
    for (const sibling of siblingsOf(record, { ctid, params }, nowMs)) {
      const isOther = put.every((binding) => binding.ctid !== sibling.ctid);
      if (isOther && sibling.registeredAtMs !== registeredAtMs) {
        restarted.set(sibling.ctid, { ...sibling, registeredAtMs });
      }
    }
  }
  return [...restarted.values()];
}

/**
 * Whether a contact with an instance would send calls in circles: it is the address-of-record itself or one of its
 * GRUUs (RFC 5627 section 5.1). Whose a temporary one is does not matter: it names no device.
 */
export function isOwnAor(contact: Uri, aorUri: string): boolean {
  if (isTemporaryGruu(contact)) return true;
  // Contacts name a device and addresses-of-record a domain, so this decides nearly always.
  if (!aorUri.toLowerCase().includes(contact.host.toLowerCase())) return false;
  const aor = parseUri(aorUri);
  return aor !== undefined && isEqualUri(bareUri(contact), bareUri(aor));
}

function bareUri(uri: Uri): Uri {
  return { ...uri, params: "", headers: "" };
}
