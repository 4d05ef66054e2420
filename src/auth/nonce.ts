/**
 * Nonces that need no memory: when they were made, something unique, who they were given to, and a keyed digest
 * of all that and of the realm, which only this install can make.
 */
import { timingSafeEqual } from "node:crypto";

/** A keyed digest of a text, as Ids.mac makes it. */
export type Mac = (text: string) => string;

/** A nonce of this install. */
export interface OwnNonce {
  /** Names it: unlike the nonce as received, no slice of a datagram. */
  readonly key: string;
  readonly issuedAtMs: number;
  readonly salt: string;
  /** What isGivenTo compares: a keyed digest of the address it was given to. */
  readonly place: string;
}

/** What a nonce is made of. */
export interface NonceParts {
  readonly issuedAtMs: number;
  /** Unique, in the alphabet of base64url. */
  readonly salt: string;
  readonly realm: string;
  /** Whom it is given to: the address that was challenged. */
  readonly address: string;
}

const NONCE = /^([0-9a-f]{1,12})\.([\w-]{1,40})\.([\w-]{1,64})\.([\w-]{1,64})$/u;
/** 36 bits: enough to tell addresses apart, short enough for old phones. */
const PLACE_LENGTH = 6;

/** Makes a nonce. */
export function buildNonce({ issuedAtMs, salt, realm, address }: NonceParts, mac: Mac): string {
  const own = `${Math.floor(issuedAtMs).toString(16)}.${salt}.${placeOf(address, salt, mac)}`;
  return `${own}.${seal(own, realm, mac)}`;
}

/** Recognises a nonce of this install for this realm, however old; undefined for any other. */
export function readNonce(nonce: string, realm: string, mac: Mac): OwnNonce | undefined {
  const [, issued, salt, place, sealed] = NONCE.exec(nonce) ?? [];
  if (issued === undefined || salt === undefined) return undefined;
  if (place === undefined || sealed === undefined) return undefined;
  const key = seal(`${issued}.${salt}.${place}`, realm, mac);
  if (!isSameText(key, sealed)) return undefined;
  return { key, issuedAtMs: Number.parseInt(issued, 16), salt, place };
}

/** Whether a nonce was given to this address: then who uses it does hear what is sent there. */
export function isGivenTo({ salt, place }: OwnNonce, address: string, mac: Mac): boolean {
  return isSameText(placeOf(address, salt, mac), place);
}

function placeOf(address: string, salt: string, mac: Mac): string {
  return mac(`\nplace\n${salt}\n${address}`).slice(0, PLACE_LENGTH);
}

/** The line breaks keep it apart from everything else that is sealed: no header value holds one. */
function seal(own: string, realm: string, mac: Mac): string {
  return mac(`\nnonce\n${own}\n${realm}`);
}

/** Compares without telling by its duration where two texts differ. */
export function isSameText(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  return timingSafeEqual(Buffer.from(a, "latin1"), Buffer.from(b, "latin1"));
}
