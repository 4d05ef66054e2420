/**
 * Percent escapes of URIs (RFC 3261 section 19.1.2), on byte strings.
 */
const ESCAPE = /%([0-9a-fA-F]{2})/gu;
/** unreserved and user-unreserved: what a user part may hold as it is. */
const NOT_USER = /[^A-Za-z0-9\-_.!~*'()&=+$,;?/]/gu;
/** paramchar: what a URI parameter may hold as it is. */
const NOT_PARAM = /[^A-Za-z0-9\-_.!~*'()[\]/:&+$]/gu;
/** reserved (RFC 2396 section 2.2), and the percent sign itself. */
const RESERVED = /[;/?:@&=+$,%]/u;

function escapeByte(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}

function byteOf(hex: string): string {
  return String.fromCharCode(Number.parseInt(hex, 16));
}

/** Undoes percent escapes, once; text without any is returned as it is. */
export function unescapeUri(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(ESCAPE, (_, hex: string) => byteOf(hex));
}

/**
 * Undoes the escapes that make no difference, for comparing: those of reserved characters do, and stay
 * (RFC 3261 section 19.1.4).
 */
export function normalizeEscapes(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(ESCAPE, (escape, hex: string) => {
    const char = byteOf(hex);
    return RESERVED.test(char) ? escape.toUpperCase() : char;
  });
}

/** Escapes a text for the user part of a SIP URI. */
export function escapeUser(text: string): string {
  return text.replace(NOT_USER, escapeByte);
}

/** Escapes a text for the value of a URI parameter. */
export function escapeParam(text: string): string {
  return text.replace(NOT_PARAM, escapeByte);
}
