import { type KeyObject, sign } from "node:crypto";

/** A signed JSON Web Token (RFC 7519): ES256 for keys on P-256, RS256 for RSA keys (RFC 7518). */
export function signToken(
  key: KeyObject,
  header: Readonly<Record<string, string>>,
  claims: Readonly<Record<string, string | number>>,
): string {
  const alg = key.asymmetricKeyType === "ec" ? "ES256" : "RS256";
  const signed = `${encode({ alg, ...header })}.${encode(claims)}`;
  // RFC 7518 section 3.4: the two numbers one after the other, and no DER.
  const signature = sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
