/**
 * Pieces of SIP's grammar (RFC 3261 section 25.1) as sources of regular expressions. Expressions made
 * of them are written so that no text can match in two ways: a mismatch then costs linear time.
 */

/** token. */
export const TOKEN = "[A-Za-z0-9\\-.!%*_+`'~]+";

/** Optional and mandatory white space. Folds are undone before values are looked at. */
export const BLANKS = "[ \\t]*";
export const SPACE = "[ \\t]+";

/** hostname and IPv4address, wider than the RFC where real names are (underscores). */
export const HOSTNAME = "[A-Za-z0-9_][A-Za-z0-9_.-]*";

/** The same or IPv6reference, of which host.ts checks what is in the brackets. */
export const HOST = `(?:${HOSTNAME}|\\[[0-9A-Fa-f:.]+\\])`;

/** A port from 1 to 65535. */
export const PORT =
  "0*(?:[1-9]\\d{0,3}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d{2}|655[0-2]\\d|6553[0-5])";

/** quoted-string; a backslash takes any byte behind it along. */
export const QUOTED = '"[^"\\\\]*(?:\\\\[^][^"\\\\]*)*"';

/** Printable bytes and UTF-8 without quotes, angle brackets and spaces: what a URI is made of. */
export const URI_TEXT = "[!#-;=?-~\\x80-\\xff]+";

const WHOLE_TOKEN = new RegExp(`^${TOKEN}$`, "u");

/** Whether a text is a token. */
export function isToken(text: string): boolean {
  return WHOLE_TOKEN.test(text);
}

const ZERO = 0x30;

/** A row of digits as a number (imprecise above 2**53); undefined when the text is anything else. */
export function parseDigits(text: string): number | undefined {
  let number = 0;
  for (let at = 0; at < text.length; at += 1) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    number = number * 10 + digit;
  }
  return text === "" ? undefined : number;
}
