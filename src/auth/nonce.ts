/**
 * Nonces that need no memory: when they were made, something unique, and a keyed digest of both and of the
 * realm that only this install can make.
 */
import { timingSafeEqual } from "node:crypto";

/** A keyed digest of a text, as Ids.mac makes it. */
export type Mac = (text: string) => string;

/** A nonce of this install. */
export interface OwnNonce {
  /** Names it: unlike the nonce as received, no slice of a datagram. */
  readonly key: string;
  readonly issuedAtMs: number;
}

const NONCE = /^([0-9a-f]{1,12})\.([\w-]{1,40})\.([\w-]{1,64})$/u;

/** Makes a nonce. `salt` is unique, in the alphabet of base64url. */
export function buildNonce(issuedAtMs: number, salt: string, realm: string, mac: Mac): string {
  const issued = Math.floor(issuedAtMs).toString(16);
  return `${issued}.${salt}.${seal(issued, salt, realm, mac)}`;
}

/** Recognises a nonce of this install for this realm, however old; undefined for any other. */
export function readNonce(nonce: string, realm: string, mac: Mac): OwnNonce | undefined {
  const [, issued, salt, sealed] = NONCE.exec(nonce) ?? [];
  if (issued === undefined || salt === undefined || sealed === undefined) return undefined;
  const key = seal(issued, salt, realm, mac);
  return isSameText(key, sealed) ? { key, issuedAtMs: Number.parseInt(issued, 16) } : undefined;
}

/** The line breaks keep it apart from everything else that is sealed: no header value holds one. */
function seal(issued: string, salt: string, realm: string, mac: Mac): string {
  return mac(`\nnonce\n${issued}\n${salt}\n${realm}`);
}

/** Compares without telling by its duration where two texts differ. */
export function isSameText(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  return timingSafeEqual(Buffer.from(a, "latin1"), Buffer.from(b, "latin1"));
}
