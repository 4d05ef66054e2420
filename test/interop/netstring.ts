const MAX_LENGTH_DIGITS = 9;

/** Wraps a text in a netstring: its length in bytes, a colon, the text, a comma. */
export function writeNetstring(text: string): string {
  return `${Buffer.byteLength(text)}:${text},`;
}

/** Takes whole netstrings off the front of what has arrived; throws when it is none. */
export function readNetstrings(arrived: Buffer): { texts: string[]; rest: Buffer } {
  const texts: string[] = [];
  let rest = arrived;
  for (let next = readOne(rest); next !== undefined; next = readOne(rest)) {
    texts.push(next.text);
    rest = next.rest;
  }
  return { texts, rest };
}

function readOne(arrived: Buffer): { text: string; rest: Buffer } | undefined {
  const colon = arrived.indexOf(":");
  const digits = arrived.toString("latin1", 0, colon === -1 ? arrived.length : colon);
  if (!/^\d*$/u.test(digits) || digits.length > MAX_LENGTH_DIGITS)
    throw new Error(`not a netstring: ${digits.slice(0, 20)}`);
  const end = colon + 1 + Number(digits);
  if (colon === -1 || arrived.length <= end) return undefined;
  if (arrived[end] !== ",".charCodeAt(0)) throw new Error("a netstring does not end in a comma");
  return { text: arrived.toString("utf8", colon + 1, end), rest: arrived.subarray(end + 1) };
}
