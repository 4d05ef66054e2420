import { type KeyObject, verify } from "node:crypto";

export interface TokenContent {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Checks the signature of a JSON Web Token and its algorithm (RFC 7515 section 5.2); undefined when it is no good. */
export function verifyToken(
  token: string,
  key: KeyObject,
  alg: "ES256" | "RS256",
): TokenContent | undefined {
  const [header = "", claims = "", signature = "", ...more] = token.split(".");
  if (more.length > 0) return undefined;
  const content = { header: decode(header), claims: decode(claims) };
  const isSigned = verify(
    "sha256",
    Buffer.from(`${header}.${claims}`),
    { key, dsaEncoding: "ieee-p1363" },
    Buffer.from(signature, "base64url"),
  );
  return isSigned && content.header["alg"] === alg ? content : undefined;
}

function decode(part: string): Readonly<Record<string, unknown>> {
  return parseObject(Buffer.from(part, "base64url").toString("utf8"));
}

/** A JSON object; an empty one when the text is none. */
export function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    const isObject = typeof parsed === "object" && parsed !== null && !Array.isArray(parsed);
    return isObject ? { ...parsed } : {};
  } catch {
    return {};
  }
}
