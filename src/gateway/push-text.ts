import { isUtf8 } from "node:buffer";
import type { Push } from "../ports.ts";
import { MAX_CALL_ID_LENGTH, MAX_CALLER_LENGTH } from "./limits.ts";

/** A byte string from the wire as text: UTF-8 where it is that, Latin-1 where it is not; cut where it is long. */
export function toText(bytes: string, maxLength: number): string {
  const raw = Buffer.from(bytes, "latin1");
  const text = isUtf8(raw) ? raw.toString("utf8") : bytes;
  // No half of a pair may be left at the end.
  return text.length <= maxLength ? text : text.slice(0, maxLength).replace(/\p{Cs}$/u, "");
}

/** The Call-ID as text. */
export function callIdOf({ callId }: Push): string {
  return toText(callId, MAX_CALL_ID_LENGTH);
}

/** Who calls, as texts; undefined where the provider is not to know. */
export function callerOf({ caller }: Push): { uri: string; displayName: string } | undefined {
  if (caller === undefined) return undefined;
  return {
    uri: toText(caller.uri, MAX_CALLER_LENGTH),
    displayName: toText(caller.displayName, MAX_CALLER_LENGTH),
  };
}
