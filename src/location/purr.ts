/**
 * The reference by which requests inside a dialog find the device to wake (PURR, RFC 8599 section 6.2.1). It is a
 * sealed text that names the binding, so it needs no memory: another one with each answer, all of them valid while
 * the binding is there, and nobody can make one up or tell whose it is.
 */

const MARK = "purr ";
const CTID = /^[0-9a-f]{16}$/u;

/** A new reference to a binding, unlike any other. */
export function makePurr(
  ctid: string,
  keys: { seal(text: string): string | undefined },
): string | undefined {
  return keys.seal(MARK + ctid);
}

/** The contact identifier of the binding that a value of pn-purr refers to; undefined when it is not midreg's. */
export function readPurr(
  purr: string,
  keys: { unseal(sealed: string): string | undefined },
): string | undefined {
  const text = keys.unseal(purr);
  if (text?.startsWith(MARK) !== true) return undefined;
  const ctid = text.slice(MARK.length);
  return CTID.test(ctid) ? ctid : undefined;
}
