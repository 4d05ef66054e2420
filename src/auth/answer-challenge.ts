import { HEADER } from "../sip/header-name.ts";
import { headerValues, type SipResponse } from "../sip/message.ts";
import { quote } from "../sip/params.ts";
import type { CredentialTable } from "./credential-table.ts";
import {
  computeResponse,
  computeSessionHa1,
  type DigestAlgorithm,
  parseAlgorithm,
} from "./digest.ts";
import { digestParams } from "./verify-digest.ts";

/** The request that was challenged, and who it is sent for. */
export interface ChallengedRequest {
  readonly method: string;
  readonly requestUri: string;
  /** User names that may stand for its address-of-record, in the order in which they are tried. */
  readonly usernames: readonly string[];
  /** Realms that the request has credentials for already, and that are not to be answered. */
  readonly exceptRealms: readonly string[];
  /** A fresh random text, made for this answer. */
  readonly cnonce: string;
}

/** A way out of a challenge: the header line, without CRLF, that the next attempt carries. */
export interface ChallengeAnswer {
  readonly line: string;
  /** Whether the challenge says that only the nonce was too old (RFC 7616 section 3.3). */
  readonly isStale: boolean;
}

/** More challenges than there are algorithms and realms on one way. */
const MAX_CHALLENGES = 16;

/** Realms of the challenges of a 401 or 407. */
export function challengedRealms(response: SipResponse): readonly string[] {
  return challengesOf(response).map((params) => params.get("realm") ?? "");
}

/**
 * Answers the topmost challenge of a 401 or 407 that it can (RFC 8760 section 2.4); undefined when there
 * is none. Each answer is the first to its nonce.
 */
export function answerChallenge(
  response: SipResponse,
  request: ChallengedRequest,
  credentials: CredentialTable,
): ChallengeAnswer | undefined {
  for (const params of challengesOf(response)) {
    if (request.exceptRealms.includes(params.get("realm") ?? "")) continue;
    const fields = answerFields(params, request, credentials);
    if (fields === undefined) continue;
    const name = response.status === 407 ? "Proxy-Authorization" : "Authorization";
    const isStale = params.get("stale")?.toLowerCase() === "true";
    return { line: `${name}: Digest ${fields}`, isStale };
  }
  return undefined;
}

/** RFC 3261 sections 20.27 and 20.44. Challenges of other schemes, and malformed ones, are ignored. */
function challengesOf(response: SipResponse): readonly ReadonlyMap<string, string>[] {
  const id = response.status === 407 ? HEADER.proxyAuthenticate : HEADER.wwwAuthenticate;
  const lines = headerValues(response, id).slice(0, MAX_CHALLENGES);
  return lines.flatMap((line) => digestParams(line) ?? []);
}

function answerFields(
  params: ReadonlyMap<string, string>,
  { method, requestUri: uri, usernames, cnonce }: ChallengedRequest,
  credentials: CredentialTable,
): string | undefined {
  const realm = params.get("realm");
  const nonce = params.get("nonce");
  const scheme = readScheme(params);
  if (realm === undefined || nonce === undefined || scheme === undefined) return undefined;
  const { algorithm, isSession, hasQop } = scheme;
  const username = usernames.find((name) => credentials.ha1(name, realm, algorithm) !== undefined);
  const stored = username === undefined ? undefined : credentials.ha1(username, realm, algorithm);
  if (username === undefined || stored === undefined) return undefined;
  const ha1 = isSession ? computeSessionHa1(algorithm, stored, { nonce, cnonce }) : stored;
  const counted = hasQop ? { nc: FIRST, cnonce } : undefined;
  const response = computeResponse(ha1, { algorithm, method, uri, nonce, counted });
  const opaque = params.get("opaque");
  const given = params.get("algorithm");
  return [
    `username=${quote(username)}`,
    `realm=${quote(realm)}`,
    `nonce=${quote(nonce)}`,
    // RFC 3261 section 22.4 item 2: quoted, and the Request-URI.
    `uri=${quote(uri)}`,
    `response=${quote(response)}`,
    ...(given === undefined ? [] : [`algorithm=${given}`]),
    ...(hasQop ? [`qop=auth, nc=${FIRST}, cnonce=${quote(cnonce)}`] : []),
    ...(opaque === undefined ? [] : [`opaque=${quote(opaque)}`]),
  ].join(", ");
}

const FIRST = "00000001";

interface Scheme {
  readonly algorithm: DigestAlgorithm;
  readonly isSession: boolean;
  readonly hasQop: boolean;
}

/** The algorithm and protection of a challenge; undefined for those that are not built, such as auth-int. */
function readScheme(params: ReadonlyMap<string, string>): Scheme | undefined {
  const name = params.get("algorithm") ?? "MD5";
  const isSession = /-sess$/iu.test(name);
  const algorithm = parseAlgorithm(isSession ? name.slice(0, -"-sess".length) : name);
  const offered = params.get("qop");
  const hasQop = offered?.split(",").some((option) => option.trim().toLowerCase() === "auth");
  if (algorithm === undefined || hasQop === false) return undefined;
  // RFC 3261 section 22.4 item 8: without qop there is no cnonce, which a session needs.
  if (isSession && hasQop === undefined) return undefined;
  return { algorithm, isSession, hasQop: hasQop ?? false };
}
