/**
 * Globally routable user agent URIs (RFC 5627). A public one is the address-of-record with the instance ID in
 * the gr parameter. A temporary one hides both in a sealed user part, so that it needs no memory: it names the
 * address-of-record, the instance and the registration it belongs to, and is valid while they are.
 */

import { isSameUri } from "../sip/compare-uri.ts";
import { escapeParam, unescapeUri } from "../sip/escape.ts";
import { instanceOf, isSameInstance } from "../sip/instance-id.ts";
import { paramValue, unquote } from "../sip/params.ts";
import { parseUri, serializeUri, type Uri, uriParam } from "../sip/uri.ts";
import { type AorPolicy, canonicalAor } from "./address-of-record.ts";
import type { AorRecord, Binding } from "./binding.ts";
import { byPreference } from "./match-contact.ts";

/** What the user part of every temporary GRUU starts with (RFC 5627 appendix A.2). */
const TEMPORARY = "tgruu.";

/** Keyed functions of the install. */
export interface GruuKeys {
  mac(text: string): string;
  /** Undefined when the text is too long. */
  seal(text: string): string | undefined;
}

/**
 * The public GRUU of an instance: the address-of-record as the device wrote it, and gr (RFC 5627 section 5.1).
 * Undefined when the URI has no user.
 */
export function publicGruu(aorUri: string, instance: string): string | undefined {
  const uri = parseUri(aorUri);
  if (uri?.user === undefined) return undefined;
  const params = `;gr=${escapeParam(instance)}`;
  return serializeUri({ ...uri, password: undefined, params, headers: "" });
}

/** What a temporary GRUU says, to midreg alone. */
interface Sealed {
  readonly aor: string;
  readonly instanceMac: string;
  /** Binding.registeredAtMs when it was made. */
  readonly registeredAtMs: number;
}

/** A new temporary GRUU, unlike any other; undefined when the address-of-record is too long for one. */
export function temporaryGruu(
  aor: string,
  { registeredAtMs }: Binding,
  instance: string,
  { keys, host }: { readonly keys: GruuKeys; readonly host: string },
): string | undefined {
  const start = registeredAtMs.toString(36);
  const sealed = keys.seal(`${keys.mac(labelled(instance))} ${start} ${aor}`);
  return sealed === undefined ? undefined : `sip:${TEMPORARY}${sealed}@${host};gr`;
}

function labelled(instance: string): string {
  return `instance\0${instance.toLowerCase()}`;
}

const SEALED = /^(\S+) ([0-9a-z]+) (.+)$/su;

function readSealed(text: string): Sealed | undefined {
  const [, mac, start, aor] = SEALED.exec(text) ?? [];
  if (mac === undefined || start === undefined || aor === undefined) return undefined;
  return { aor, instanceMac: mac, registeredAtMs: Number.parseInt(start, 36) };
}

/** Whether a URI has the form of a temporary GRUU of midreg's, valid or not. */
export function isTemporaryGruu(uri: Uri): boolean {
  return uri.user?.startsWith(TEMPORARY) === true && uriParam(uri, "gr") !== undefined;
}

/** What a GRUU is looked up with. */
export interface GruuLookup {
  readonly aorPolicy: AorPolicy;
  readonly record: (aor: string) => AorRecord | undefined;
  readonly keys: {
    /** Whether a mac was made of a text. */
    isMac(text: string, mac: string): boolean;
    unseal(sealed: string): string | undefined;
  };
  /** Whether a binding still leads to its device: while it is valid, and asleep for a while after that (reach.ts). */
  readonly isTarget: (binding: Binding) => boolean;
}

/** What a GRUU stands for now. */
export type GruuTarget =
  | {
      readonly kind: "found";
      readonly binding: Binding;
      /** Other flows of the same instance, the most recently refreshed first. */
      readonly others: readonly Binding[];
    }
  /** A temporary GRUU whose registration is over. */
  | { readonly kind: "invalid" }
  /** A public GRUU without a contact. `isKnown`: its address-of-record has others. */
  | { readonly kind: "unavailable"; readonly isKnown: boolean };

/**
 * The one contact that a GRUU stands for: the most recently refreshed of the instance (RFC 5627 section 6.1).
 * Undefined when the URI is no GRUU that midreg can have made.
 */
export function resolveGruu(uri: Uri, lookup: GruuLookup): GruuTarget | undefined {
  if (uri.scheme !== "sip" && uri.scheme !== "sips") return undefined;
  const gr = uriParam(uri, "gr");
  if (gr === undefined) return undefined;
  if (isTemporaryGruu(uri)) return resolveTemporary(uri, lookup);
  return gr === "" ? undefined : resolvePublic(uri, unescapeUri(gr), lookup);
}

function resolveTemporary({ user = "" }: Uri, lookup: GruuLookup): GruuTarget | undefined {
  const text = lookup.keys.unseal(user.slice(TEMPORARY.length));
  const sealed = text === undefined ? undefined : readSealed(text);
  if (sealed === undefined) return undefined;
  const found = findNewest(
    targetsOf(lookup.record(sealed.aor), lookup),
    ({ params, registeredAtMs }) => {
      const instance = instanceOf(params);
      return (
        instance !== undefined &&
        registeredAtMs === sealed.registeredAtMs &&
        lookup.keys.isMac(labelled(instance), sealed.instanceMac)
      );
    },
  );
  return found ?? { kind: "invalid" };
}

function resolvePublic(uri: Uri, instance: string, lookup: GruuLookup): GruuTarget | undefined {
  const aor = canonicalAor(serializeUri({ ...uri, params: "" }), lookup.aorPolicy);
  if (typeof aor !== "string") return undefined;
  const record = lookup.record(aor);
  const bindings = targetsOf(record, lookup);
  return (
    findNewest(bindings, ({ params }) => isSameInstance(instanceOf(params) ?? "", instance)) ??
    findNewest(bindings, ({ upstreamGruu }) => isUpstreamGruu(upstreamGruu, uri)) ?? {
      kind: "unavailable",
      isKnown: record !== undefined,
    }
  );
}

function targetsOf(record: AorRecord | undefined, { isTarget }: GruuLookup): readonly Binding[] {
  return byPreference(record?.bindings.filter(isTarget) ?? []);
}

/** The bindings that the predicate picks, as the contact of a GRUU. */
function findNewest(
  bindings: readonly Binding[],
  isMeant: (binding: Binding) => boolean,
): GruuTarget | undefined {
  const meant = bindings.filter(isMeant);
  const [binding, ...others] = meant.toSorted((a, b) => b.updatedAtMs - a.updatedAtMs);
  return binding === undefined ? undefined : { kind: "found", binding, others };
}

/** A main registrar that makes GRUUs need not put the instance ID into them. */
function isUpstreamGruu(params: string, uri: Uri): boolean {
  const written = params === "" ? undefined : paramValue(params, "pub-gruu");
  return written !== undefined && isSameUri(unquote(written), serializeUri(uri));
}

/** The most recently refreshed of the bindings that the predicate picks. */
export function newest(
  bindings: readonly Binding[],
  isMeant: (binding: Binding) => boolean,
): Binding | undefined {
  let found: Binding | undefined;
  for (const binding of bindings) {
    const isNewer = found === undefined || binding.updatedAtMs > found.updatedAtMs;
    if (isNewer && isMeant(binding)) found = binding;
  }
  return found;
}
