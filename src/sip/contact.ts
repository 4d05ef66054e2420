import { HEADER } from "./header-name.ts";
import { parseDeltaSeconds } from "./header-values.ts";
import { MAX_LIST_VALUES } from "./limits.ts";
import { findLine, type IndexedText, lineValue } from "./message.ts";
import { type NameAddr, parseNameAddr } from "./name-addr.ts";
import { paramValue } from "./params.ts";
import { splitList } from "./split-list.ts";

/** One value of Contact (RFC 3261 section 20.10). */
export interface Contact extends NameAddr {
  /** expires in seconds: undefined when absent, NaN when malformed. */
  readonly expires: number | undefined;
  /** Preference in thousandths: undefined when absent, NaN when malformed. */
  readonly q: number | undefined;
}

/**
 * All contacts of a message, in order; "*" alone; or undefined when one is malformed or there are more
 * than MAX_LIST_VALUES.
 */
export function contactsOf(message: IndexedText): readonly Contact[] | "*" | undefined {
  const contacts: Contact[] = [];
  let stars = 0;
  let line = findLine(message, HEADER.contact);
  for (; line !== -1; line = findLine(message, HEADER.contact, line + 1)) {
    const text = lineValue(message, line);
    const values = text.includes(",") ? splitList(text) : [text];
    if (values === undefined) return undefined;
    for (const value of values) {
      if (value === "*") stars += 1;
      else if (!addContact(contacts, value)) return undefined;
    }
  }
  if (stars === 0) return contacts;
  // "*" stands alone (RFC 3261 section 10.3 step 6).
  return stars === 1 && contacts.length === 0 ? "*" : undefined;
}

function addContact(contacts: Contact[], value: string): boolean {
  const address = parseNameAddr(value);
  if (address === undefined || contacts.length === MAX_LIST_VALUES) return false;
  const { display, uri, params } = address;
  const expires = paramValue(params, "expires");
  const q = paramValue(params, "q");
  contacts.push({
    display,
    uri,
    params,
    expires: expires === undefined ? undefined : (parseDeltaSeconds(expires) ?? Number.NaN),
    q: q === undefined ? undefined : parseQ(q),
  });
  return true;
}

const Q = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/u;

/** A qvalue in thousandths, NaN when it is not one (RFC 3261 section 25.1). */
export function parseQ(text: string): number {
  return Q.test(text) ? Math.round(Number(text) * 1000) : Number.NaN;
}

/** Writes thousandths as a qvalue without trailing zeros: "0.5", "1". */
export function formatQ(thousandths: number): string {
  return String(thousandths / 1000);
}
