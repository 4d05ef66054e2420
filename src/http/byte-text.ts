/** Text as people write it, and the byte strings that stand for it inside: one character for each byte of UTF-8. */

export function toBytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

export function toText(bytes: string): string {
  return /[\x80-\xff]/u.test(bytes) ? Buffer.from(bytes, "latin1").toString("utf8") : bytes;
}
