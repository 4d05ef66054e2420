import { unescapeUri } from "../sip/escape.ts";

/** One parameter with a value, which may be a quoted string. */
const PARAM = /;([^;=?>,"]*)=("(?:[^"\\]|\\[^])*"?|[^;?>,]*)/gu;
const PASSWORD = /^(sips?:[^:@]*):[^@]*@/iu;

/**
 * A contact URI, a list of its parameters or a Path for people to read: who knows the parameters of RFC 8599 can
 * wake a device or have it send its push token elsewhere, so their values are left out, and so is a password.
 */
export function maskSecrets(text: string): string {
  const masked = text.replace(PARAM, (param, name: string) =>
    unescapeUri(name).trim().toLowerCase().startsWith("pn-") ? `;${name}=***` : param,
  );
  return masked.replace(PASSWORD, "$1:***@");
}
