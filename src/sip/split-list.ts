import { trimBlanks } from "./ascii.ts";
import { MAX_LIST_VALUES } from "./limits.ts";

const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LESS = 0x3c;
const GREATER = 0x3e;

/**
 * Where the first value of a comma-separated list ends: the index of the comma that ends it, or the
 * length of the text. Commas inside quoted strings and angle brackets do not count (RFC 3261 section
 * 7.3.1). -1 when a quoted string or bracket is never closed.
 */
export function firstValueEnd(text: string, from = 0): number {
  if (from === 0 && !hasStructure(text)) return text.length;
  let isBracketed = false;
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = skipQuoted(text, at);
      if (at === -1) return -1;
    } else if (code === LESS) {
      isBracketed = true;
    } else if (code === GREATER) {
      isBracketed = false;
    } else if (code === COMMA && !isBracketed) {
      return at;
    }
  }
  return isBracketed ? -1 : text.length;
}

function hasStructure(text: string): boolean {
  return text.includes(",") || text.includes('"') || text.includes("<");
}

/** The index of the quote that closes the quoted string opened at `at`; -1 when it never closes. */
export function skipQuoted(text: string, at: number): number {
  let close = text.indexOf('"', at + 1);
  while (close !== -1 && isEscaped(text, close)) close = text.indexOf('"', close + 1);
  return close;
}

/** Whether an odd number of backslashes stands before a character. */
function isEscaped(text: string, at: number): boolean {
  let from = at;
  while (text.charCodeAt(from - 1) === BACKSLASH) from -= 1;
  return (at - from) % 2 === 1;
}

/**
 * Splits a comma-separated header value; undefined when it is not well formed, an element is empty,
 * or there are more than MAX_LIST_VALUES.
 */
export function splitList(text: string): string[] | undefined {
  const values: string[] = [];
  let from = 0;
  while (from <= text.length) {
    const end = firstValueEnd(text, from);
    if (end === -1) return undefined;
    const value = trimBlanks(text.slice(from, end));
    if (value === "" || values.length === MAX_LIST_VALUES) return undefined;
    values.push(value);
    from = end + 1;
  }
  return values;
}
