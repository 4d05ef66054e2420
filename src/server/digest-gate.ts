import { challengeLines } from "../auth/challenge.ts";
import type { CredentialTable } from "../auth/credential-table.ts";
import { type DigestAlgorithm, fingerprintOf } from "../auth/digest.ts";
import { buildNonce, isGivenTo, type OwnNonce, readNonce } from "../auth/nonce.ts";
import { mayRegister, realmOf, usernamesFor } from "../auth/usernames.ts";
import {
  type GivenDigest,
  givenDigests,
  isRightResponse,
  nonceCount,
} from "../auth/verify-digest.ts";
import type { Metrics, Tally } from "../ports.ts";
import { defaultPort } from "../sip/default-port.ts";
import type { SipRequest } from "../sip/message.ts";
import { parseUri } from "../sip/uri.ts";
import { type Arrival, flowOf } from "./arrival.ts";
import { FailureLimiter } from "./failure-limiter.ts";
import { MAX_AUTH_FAILURES_PER_SOURCE, MAX_AUTH_FAILURES_PER_USER } from "./limits.ts";
import { NonceCounts } from "./nonce-counts.ts";

/** How midreg asks for credentials itself. */
export interface DigestOptions {
  /** Undefined takes the host of the To URI. */
  readonly realm: string | undefined;
  /** Most wanted first. */
  readonly algorithms: readonly DigestAlgorithm[];
  readonly hasQop: boolean;
  readonly nonceLifetimeMs: number;
  /** Whether case matters in user names, as it does in addresses-of-record. */
  readonly isCaseSensitive: boolean;
}

export interface DigestGateModules {
  readonly credentials: CredentialTable;
  readonly ids: { tag(): string; mac(text: string): string };
  readonly metrics: Metrics;
  readonly isOwnHost: (host: string, port: number | undefined) => boolean;
  readonly nowMs: () => number;
}

type ChallengeReason = "no-credentials" | "stale-nonce" | "wrong-credentials";

/** What becomes of a REGISTER at the edge. */
export type GateVerdict =
  | { readonly kind: "pass" }
  /** A 401 with these header lines. */
  | { readonly kind: "challenge"; readonly reason: ChallengeReason; readonly headers: string }
  /** Credentials that are right, and another user's. */
  | { readonly kind: "forbid" }
  /** Too many failures: no answer. */
  | { readonly kind: "ignore" };

type Failure =
  | "malformed"
  | "unknown-user"
  | "wrong-response"
  | "foreign-uri"
  | "forbidden"
  | "spent-nonce"
  | "slowed";

const FAILURES: readonly Failure[] = [
  "malformed",
  "unknown-user",
  "wrong-response",
  "foreign-uri",
  "forbidden",
  "spent-nonce",
  "slowed",
];

const PASS: GateVerdict = { kind: "pass" };
const IGNORE: GateVerdict = { kind: "ignore" };
const FORBID: GateVerdict = { kind: "forbid" };

/** One attempt to log in. */
interface Attempt {
  readonly request: SipRequest;
  readonly arrival: Arrival;
  readonly realm: string;
}

/** Lets REGISTERs with good credentials through, and challenges all others (RFC 3261 section 22.2). */
export class DigestGate {
  readonly #options: DigestOptions;
  readonly #modules: DigestGateModules;
  readonly #counts: NonceCounts;
  readonly #users = new FailureLimiter(MAX_AUTH_FAILURES_PER_USER);
  readonly #sources = new FailureLimiter(MAX_AUTH_FAILURES_PER_SOURCE);
  readonly #strangers = new FailureLimiter(MAX_AUTH_FAILURES_PER_SOURCE);
  readonly #failed = new Map<Failure, Tally>();
  readonly #mac: (text: string) => string;

  constructor(options: DigestOptions, modules: DigestGateModules) {
    this.#options = options;
    this.#modules = modules;
    this.#counts = new NonceCounts(options.nonceLifetimeMs, modules.nowMs());
    this.#mac = (text) => modules.ids.mac(text);
    for (const reason of FAILURES) {
      this.#failed.set(reason, modules.metrics.counter("auth_failures_total", { reason }));
    }
  }

  /** The realm of the credentials that a request has to bring. */
  readonly realmOf = (request: SipRequest): string =>
    this.#options.realm ?? realmOf(request.to.uri);

  check(request: SipRequest, arrival: Arrival): GateVerdict {
    const realm = this.realmOf(request);
    const attempt = { request, arrival, realm };
    const given = givenDigests(request, realm, this.#options.algorithms);
    if (given === "malformed") {
      this.#count("malformed");
      return this.#challenge(attempt, "wrong-credentials");
    }
    let verdict: GateVerdict | undefined;
    for (const digest of given) {
      verdict = this.#checkDigest(digest, attempt);
      if (verdict.kind === "pass" || verdict.kind === "ignore") return verdict;
    }
    return verdict ?? this.#challenge(attempt, "no-credentials");
  }

  #checkDigest(given: GivenDigest, attempt: Attempt): GateVerdict {
    const { request, arrival, realm } = attempt;
    const nonce = readNonce(given.nonce, realm, this.#mac);
    const slowed = this.#slowed(given, nonce, attempt);
    if (slowed !== undefined) return slowed;
    const ha1 = this.#modules.credentials.ha1(given.username, realm, given.algorithm);
    if (!isRightResponse(given, request.method, ha1)) {
      this.#count(ha1 === undefined ? "unknown-user" : "wrong-response");
      this.#remember(given, nonce, arrival);
      return this.#challenge(attempt, "wrong-credentials");
    }
    if (!this.#isOwnUri(given.uri, request)) {
      this.#count("foreign-uri");
      return this.#challenge(attempt, "wrong-credentials");
    }
    // RFC 7616 section 3.3: only a right response to an old nonce is told that it is stale.
    if (nonce === undefined) return this.#challenge(attempt, "stale-nonce");
    return this.#checkUse(given, nonce, attempt);
  }

  #checkUse(given: GivenDigest, nonce: OwnNonce, attempt: Attempt): GateVerdict {
    const { request, arrival } = attempt;
    if (!mayRegister(given.username, request.to.uri, this.#options.isCaseSensitive)) {
      this.#count("forbidden");
      return FORBID;
    }
    const fingerprint = fingerprintOf(`${flowOf(arrival)}\n${request.text}`);
    const count = nonceCount(given.counted?.nc);
    const use = this.#counts.use(nonce, count, fingerprint, arrival.atMs);
    if (use !== "spent") return PASS;
    if (arrival.atMs - nonce.issuedAtMs <= this.#options.nonceLifetimeMs)
      this.#count("spent-nonce");
    return this.#challenge(attempt, "stale-nonce");
  }

  /**
   * Whoever has failed too often is not heard, so that guessing is slow. Only failures with a nonce that was
   * given to the same address count there: nobody can have another address silenced by using it as source. Without
   * such a nonce there is a limit too, and beyond it nothing is checked, but a challenge is given.
   */
  #slowed(
    { username }: GivenDigest,
    nonce: OwnNonce | undefined,
    attempt: Attempt,
  ): GateVerdict | undefined {
    const { address, atMs } = attempt.arrival;
    const isSlowed =
      this.#users.isOver(userKey(address, username), atMs) || this.#sources.isOver(address, atMs);
    const isStrange = this.#strangers.isOver(address, atMs);
    if (!isSlowed && !isStrange) return undefined;
    const isAtHome = nonce !== undefined && isGivenTo(nonce, address, this.#mac);
    if (isAtHome ? !isSlowed : !isStrange) return undefined;
    this.#count("slowed");
    return isAtHome ? IGNORE : this.#challenge(attempt, "wrong-credentials");
  }

  #remember(
    { username }: GivenDigest,
    nonce: OwnNonce | undefined,
    { address, atMs }: Arrival,
  ): void {
    if (nonce === undefined || !isGivenTo(nonce, address, this.#mac)) {
      this.#strangers.add(address, atMs);
      return;
    }
    this.#users.add(userKey(address, username), atMs);
    this.#sources.add(address, atMs);
  }

  /**
   * RFC 8760 section 2.6 item 6: the digest-uri has to be one that midreg takes requests for, though a proxy on the
   * way may have changed the Request-URI. Else what a phone tells another registrar would be good here.
   */
  #isOwnUri(uri: string, request: SipRequest): boolean {
    if (uri === request.uri) return true;
    const parsed = parseUri(uri);
    if (parsed === undefined || parsed.host === "") return false;
    const host = parsed.host.toLowerCase();
    if (host === realmOf(request.to.uri) || host === realmOf(request.uri)) return true;
    return this.#modules.isOwnHost(parsed.host, parsed.port ?? defaultPort(parsed));
  }

  #challenge({ request, arrival, realm }: Attempt, reason: ChallengeReason): GateVerdict {
    const { credentials, ids } = this.#modules;
    const { algorithms, hasQop } = this.#options;
    const { address, atMs } = arrival;
    const nonce = buildNonce({ issuedAtMs: atMs, salt: ids.tag(), realm, address }, this.#mac);
    const headers = challengeLines({
      realm,
      nonce,
      algorithms: credentials.answerable(usernamesFor(request.to.uri), realm, algorithms),
      hasQop,
      isStale: reason === "stale-nonce",
    });
    return { kind: "challenge", reason, headers };
  }

  #count(reason: Failure): void {
    const tally = this.#failed.get(reason);
    if (tally !== undefined) tally.n += 1;
  }
}

/** An address holds no line break. */
function userKey(address: string, username: string): string {
  return `${address}\n${username}`;
}
