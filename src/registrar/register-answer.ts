/**
 * The 200 to a REGISTER, as midreg writes it.
 */
import type { Binding } from "../location/binding.ts";
import type { Touch } from "../location/change.ts";
import { withoutPush, withoutPushParams } from "../location/push-params.ts";
import { formatQ } from "../sip/contact.ts";
import { type GruuSource, gruuParams } from "./gruu.ts";
import type { RegisterAsk } from "./read-register.ts";
import type { RegisterPolicy } from "./register-policy.ts";

/** How much of a binding's life is left, in whole seconds, at least one. */
function remainingSec(expiresAtMs: number, nowMs: number): number {
  return Math.max(1, Math.floor((expiresAtMs - nowMs) / 1000));
}

/**
 * One Contact value for an answer: URI, GRUUs if there are any, parameters as the device sent them, q,
 * remaining lifetime.
 */
function contactValue(
  { contact, params, q }: Binding,
  { gruus, remaining, isOwn }: ValueParts,
): string {
  // How other devices of the user are woken is not this one's business; a removal works without (RFC 8599 section 4.1.2).
  const uri = isOwn ? contact : (withoutPush(contact) ?? contact);
  const told = isOwn ? params : withoutPushParams(params);
  const preference = q === undefined ? "" : `;q=${formatQ(q)}`;
  return `<${uri}>${gruus}${told}${preference};expires=${remaining}`;
}

interface ValueParts {
  readonly gruus: string;
  readonly remaining: number;
  /** Whether it is a contact of the request that is answered. */
  readonly isOwn: boolean;
}

/**
 * The Contact line that lists bindings (RFC 3261 section 10.3 step 8); empty for none. A touch of one of
 * them counts as made. `source` is what GRUUs are made with, where they are wanted.
 */
export function contactLine(
  bindings: readonly Binding[],
  nowMs: number,
  { asked, touches = NO_TOUCHES, source }: ListingParts,
): string {
  let values = "";
  for (const binding of bindings) {
    const touch = touches.find(({ ctid }) => ctid === binding.ctid);
    const gruus = source === undefined ? "" : gruuParams(binding, source);
    const remaining = remainingSec((touch ?? binding).expiresAtMs, nowMs);
    const isOwn = asked.includes(binding.ctid);
    const value = contactValue(binding, { gruus, remaining, isOwn });
    values += values === "" ? value : `, ${value}`;
  }
  return values === "" ? "" : `Contact: ${values}\r\n`;
}

interface ListingParts {
  /** ctids of the bindings that the request is about. */
  readonly asked: readonly string[];
  readonly touches?: readonly Touch[];
  readonly source?: GruuSource | undefined;
}

const NO_TOUCHES: readonly Touch[] = [];

/** The Path of the request, given back to devices that understand it (RFC 3327 section 5.3). */
export function pathLine(ask: RegisterAsk): string {
  return ask.path !== "" && ask.supportsPath ? `Path: ${ask.path}\r\n` : "";
}

/**
 * The bindings that a 200 lists: all of them (RFC 3261 section 10.3 step 8), or those of the request where the
 * policy says so. A fetch asks for all, and a star has none of its own.
 */
export function listedBindings(
  { contacts, policy }: RegisterAsk,
  valid: readonly Binding[],
  asked: readonly string[],
): readonly Binding[] {
  if (!policy.onlyRequestContacts || contacts.length === 0) return valid;
  return valid.filter(({ ctid }) => asked.includes(ctid));
}

/**
 * The Retry-After line of an error of midreg's own, so that those who got it do not all come back at once: up to
 * half as long again as set, as `fraction` (from 0, included, to 1) has it. Empty for none.
 */
export function retryAfterLine(
  { retryAfterSec }: Pick<RegisterPolicy, "retryAfterSec">,
  fraction: number,
): string {
  if (retryAfterSec === 0) return "";
  return `Retry-After: ${retryAfterSec + Math.floor(fraction * (Math.floor(retryAfterSec / 2) + 1))}\r\n`;
}
