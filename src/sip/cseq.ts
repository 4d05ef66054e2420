import { isBlank } from "./ascii.ts";
import { isToken, parseDigits } from "./grammar.ts";
import { MAX_CSEQ } from "./limits.ts";

/** CSeq: sequence number and method (RFC 3261 section 20.16). */
export interface CSeq {
  readonly number: number;
  readonly method: string;
}

/** Parses a CSeq value; undefined when it is malformed or the number is 2**31 or more. */
export function parseCSeq(value: string): CSeq | undefined {
  let end = 0;
  while (end < value.length && !isBlank(value.charCodeAt(end))) end += 1;
  let start = end;
  while (isBlank(value.charCodeAt(start))) start += 1;
  const number = parseDigits(value.slice(0, end));
  const method = value.slice(start);
  if (number === undefined || number > MAX_CSEQ || !isToken(method)) return undefined;
  return { number, method };
}
