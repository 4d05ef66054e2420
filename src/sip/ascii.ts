/**
 * Text functions that touch nothing but ASCII. In a byte string the built-in ones would damage UTF-8:
 * String.trim takes the byte A0 for a space, and toLowerCase turns the byte C3 into E3.
 */
const NON_ASCII = /[\x80-\xff]/u;
const UPPER = /[A-Z]+/gu;

/** Whether a character code is a space or a tab. */
export function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** The text without spaces and tabs at its ends. */
export function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return end - start === text.length ? text : text.slice(start, end);
}

/** A to Z in lower case, every other byte as it is. */
export function lowerCase(text: string): string {
  if (!NON_ASCII.test(text)) return text.toLowerCase();
  return text.replace(UPPER, (letters) => letters.toLowerCase());
}
