import { unescapeUri } from "../sip/escape.ts";

/** One parameter with a value, which may be a quoted string, behind blanks as headers allow them. */
const PARAM = /;([^;=?>,"]*)=\s*("(?:[^"\\]|\\[^])*"?|[^;?>,]*)/gu;
const PASSWORD = /^(sips?:[^:@]*):[^@]*@/iu;

/**
 * A contact URI, a list of its parameters or a Path for people to read: who knows the push parameters can
 * wake a device or have it send its push token elsewhere, so their values are left out, and so is a password.
 */
export function maskSecrets(text: string): string {
  const masked = text.replace(PARAM, (param, name: string) =>
    isPushParam(unescapeUri(name).trim()) ? `;${name}=***` : param,
  );
  return masked.replace(PASSWORD, "$1:***@");
}

/**
 * Whether a parameter of a contact, named without escapes, says how to wake the device: those of RFC 8599, and what
 * Linphone had before (app-id, pn-tok, pn-type).
 */
export function isPushParam(name: string): boolean {
  const lower = name.toLowerCase();
  return lower.startsWith("pn-") || lower === "app-id";
}
