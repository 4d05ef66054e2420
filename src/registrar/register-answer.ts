/**
 * The 200 to a REGISTER, as midreg writes it.
 */
import type { Binding } from "../location/binding.ts";
import type { Touch } from "../location/change.ts";
import { formatQ } from "../sip/contact.ts";
import { type GruuSource, gruuParams } from "./gruu.ts";
import type { RegisterAsk } from "./read-register.ts";

/** How much of a binding's life is left, in whole seconds, at least one. */
function remainingSec(expiresAtMs: number, nowMs: number): number {
  return Math.max(1, Math.floor((expiresAtMs - nowMs) / 1000));
}

/**
 * One Contact value for an answer: URI, GRUUs if there are any, parameters as the device sent them, q,
 * remaining lifetime.
 */
function contactValue(binding: Binding, gruus: string, remaining: number): string {
  const q = binding.q === undefined ? "" : `;q=${formatQ(binding.q)}`;
  return `<${binding.contact}>${gruus}${binding.params}${q};expires=${remaining}`;
}

/**
 * The Contact line that lists bindings (RFC 3261 section 10.3 step 8); empty for none. A touch of one of
 * them counts as made. `source` is what GRUUs are made with, where they are wanted.
 */
export function contactLine(
  bindings: readonly Binding[],
  nowMs: number,
  touches: readonly Touch[] = NO_TOUCHES,
  source?: GruuSource,
): string {
  let values = "";
  for (const binding of bindings) {
    const touch = touches.find(({ ctid }) => ctid === binding.ctid);
    const gruus = source === undefined ? "" : gruuParams(binding, source);
    const value = contactValue(binding, gruus, remainingSec((touch ?? binding).expiresAtMs, nowMs));
    values += values === "" ? value : `, ${value}`;
  }
  return values === "" ? "" : `Contact: ${values}\r\n`;
}

const NO_TOUCHES: readonly Touch[] = [];

/** The Path of the request, given back to devices that understand it (RFC 3327 section 5.3). */
export function pathLine(ask: RegisterAsk): string {
  return ask.path !== "" && ask.supportsPath ? `Path: ${ask.path}\r\n` : "";
}
