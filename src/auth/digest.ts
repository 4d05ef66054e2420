/**
 * The arithmetic of the digest scheme (RFC 7616 section 3.4, RFC 8760 section 2). Texts are byte strings:
 * one character for one byte, as they came from the wire.
 */
import { hash } from "node:crypto";

/** Weakest first. */
export const DIGEST_ALGORITHMS = ["MD5", "SHA-256", "SHA-512-256"] as const;

export type DigestAlgorithm = (typeof DIGEST_ALGORITHMS)[number];

const HASHES: Readonly<Record<DigestAlgorithm, string>> = {
  MD5: "md5",
  "SHA-256": "sha256",
  "SHA-512-256": "sha512-256",
};

/** Hexadecimal digits of a hash. */
export const DIGEST_LENGTH: Readonly<Record<DigestAlgorithm, number>> = {
  MD5: 32,
  "SHA-256": 64,
  "SHA-512-256": 64,
};

/** The algorithm of that name, in any case; undefined for others, the "-sess" variants among them. */
export function parseAlgorithm(name: string): DigestAlgorithm | undefined {
  const wanted = name.toUpperCase();
  return DIGEST_ALGORITHMS.find((algorithm) => algorithm === wanted);
}

/** The hash of a byte string in hexadecimal. */
function hashHex(algorithm: DigestAlgorithm, text: string): string {
  return hash(HASHES[algorithm], Buffer.from(text, "latin1"), "hex");
}

/** Throws when this Node.js cannot compute the algorithm, such as MD5 in a FIPS build. */
export function probeAlgorithm(algorithm: DigestAlgorithm): void {
  hashHex(algorithm, "");
}

/** Names a text: no two are found that share it. */
export function fingerprintOf(text: string): string {
  return hash("sha256", text, "base64url");
}

/** H(A1): all that is kept of a password. */
export function computeHa1(
  algorithm: DigestAlgorithm,
  { username, realm, password }: { username: string; realm: string; password: string },
): string {
  return hashHex(algorithm, `${username}:${realm}:${password}`);
}

/** What a response is computed from besides H(A1). */
export interface DigestParts {
  readonly algorithm: DigestAlgorithm;
  readonly method: string;
  /** The digest-uri, as it stands between its quotes. */
  readonly uri: string;
  readonly nonce: string;
  /** Undefined without qop (RFC 2069): then there is neither nonce count nor client nonce. */
  readonly counted: { readonly nc: string; readonly cnonce: string } | undefined;
}

/** The response with qop=auth, or without qop, in hexadecimal. */
export function computeResponse(ha1: string, parts: DigestParts): string {
  const { algorithm, method, uri, nonce, counted } = parts;
  const ha2 = hashHex(algorithm, `${method}:${uri}`);
  const between = counted === undefined ? nonce : `${nonce}:${counted.nc}:${counted.cnonce}:auth`;
  return hashHex(algorithm, `${ha1}:${between}:${ha2}`);
}

/** H(A1) of a "-sess" algorithm: the password's, bound to one nonce and client nonce (section 3.4.2). */
export function computeSessionHa1(
  algorithm: DigestAlgorithm,
  ha1: string,
  { nonce, cnonce }: { readonly nonce: string; readonly cnonce: string },
): string {
  return hashHex(algorithm, `${ha1}:${nonce}:${cnonce}`);
}
