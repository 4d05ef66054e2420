import { parseAuthHeader } from "../sip/auth-header.ts";
import { HEADER } from "../sip/header-name.ts";
import { headerValues, type IndexedText } from "../sip/message.ts";
import { MAX_NAME_LENGTH } from "./credential-file.ts";
import { computeResponse, DIGEST_LENGTH, type DigestAlgorithm, parseAlgorithm } from "./digest.ts";
import { isSameText } from "./nonce.ts";

/** Digest credentials of a request, taken out of their header but not checked. */
export interface GivenDigest {
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  readonly uri: string;
  readonly response: string;
  readonly algorithm: DigestAlgorithm;
  /** Undefined without qop. */
  readonly counted: { readonly nc: string; readonly cnonce: string } | undefined;
}

/** A request may bring credentials for several realms (RFC 3261 section 22.3); nobody has more. */
const MAX_CREDENTIALS = 8;
const NONCE_COUNT = /^[0-9a-fA-F]{1,8}$/u;
const NO_GIVEN: readonly never[] = [];

/**
 * The credentials of a request for a realm, "malformed" when such credentials lack what a response is
 * computed from. Other realms, other schemes and algorithms that are not offered do not count: who brings
 * nothing else is challenged.
 */
export function givenDigests(
  request: IndexedText,
  realm: string,
  algorithms: readonly DigestAlgorithm[],
): readonly GivenDigest[] | "malformed" {
  const lines = headerValues(request, HEADER.authorization);
  if (lines.length === 0) return NO_GIVEN;
  const given: GivenDigest[] = [];
  for (const line of lines.slice(0, MAX_CREDENTIALS)) {
    const params = digestParams(line);
    if (params?.get("realm") !== realm) continue;
    const algorithm = parseAlgorithm(params.get("algorithm") ?? "MD5");
    if (algorithm === undefined || !algorithms.includes(algorithm)) continue;
    const digest = readGiven(params, realm, algorithm);
    if (digest === undefined) return "malformed";
    given.push(digest);
  }
  return given;
}

/** Parameters of digest credentials; undefined for anything else. */
export function digestParams(line: string): ReadonlyMap<string, string> | undefined {
  const parsed = parseAuthHeader(line);
  return parsed?.scheme === "digest" ? parsed.params : undefined;
}

/** Realms that a request brings credentials for, to a registrar or to a proxy. */
export function credentialRealms(request: IndexedText): readonly string[] {
  return [HEADER.authorization, HEADER.proxyAuthorization].flatMap((id) =>
    headerValues(request, id).map((line) => digestParams(line)?.get("realm") ?? ""),
  );
}

function readGiven(
  params: ReadonlyMap<string, string>,
  realm: string,
  algorithm: DigestAlgorithm,
): GivenDigest | undefined {
  const username = params.get("username") ?? "";
  const nonce = params.get("nonce") ?? "";
  const uri = params.get("uri") ?? "";
  const response = params.get("response") ?? "";
  if (username.length > MAX_NAME_LENGTH) return undefined;
  if (username === "" || nonce === "" || uri === "") return undefined;
  if (response.length !== DIGEST_LENGTH[algorithm]) return undefined;
  const counted = readCounted(params);
  if (counted === "malformed") return undefined;
  return { username, realm, nonce, uri, response, algorithm, counted };
}

/** RFC 3261 section 22.4 item 8: qop stays optional for clients; auth-int is never offered here. */
function readCounted(params: ReadonlyMap<string, string>): GivenDigest["counted"] | "malformed" {
  const qop = params.get("qop");
  if (qop === undefined) return undefined;
  const nc = params.get("nc") ?? "";
  const cnonce = params.get("cnonce") ?? "";
  const isGood =
    qop.toLowerCase() === "auth" && NONCE_COUNT.test(nc) && nonceCount(nc) > 0 && cnonce !== "";
  return isGood ? { nc, cnonce } : "malformed";
}

/** The number a nonce count stands for. Without qop there is none, and the nonce is good for one request. */
export function nonceCount(nc: string | undefined): number {
  return nc === undefined ? 1 : Number.parseInt(nc, 16);
}

/** Takes the place of an H(A1) that is not known, so that an unknown user costs the time of a known one. */
const NOBODY = "0".repeat(64);

/** Whether the response is the one that whoever knows the password computes. Says nothing of the nonce. */
export function isRightResponse(
  given: GivenDigest,
  method: string,
  ha1: string | undefined,
): boolean {
  const expected = computeResponse(ha1 ?? NOBODY, { ...given, method });
  return isSameText(expected, given.response.toLowerCase()) && ha1 !== undefined;
}
