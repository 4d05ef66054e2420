import type { HttpAnswer, HttpsClient } from "./https-client.ts";
import { parseJsonObject } from "./json-object.ts";
import { signToken } from "./json-web-token.ts";
import { type Attempt, type GatewayClock, outcomeOf, unavailable } from "./push-sender.ts";
import { parseRetryAfter } from "./retry-after.ts";
import type { ServiceAccount } from "./service-account.ts";

/** An access token, or why there is none. */
export type AccessResult =
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "failed"; readonly attempt: Attempt };

export interface FcmAccessOptions {
  readonly account: ServiceAccount;
  /** Where tokens are had, if not where the account says. */
  readonly tokenEndpoint: string | undefined;
}

const SCOPE = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ASSERTION_SEC = 3600;

/** What may stand in a header (RFC 6750 section 2.1 allows less). */
const BEARER = /^[!-~]{1,8192}$/u;

/** A token is not used in its last minutes, since it has to hold until the message arrives. */
const SPARE_MS = 5 * 60_000;

/** A token that is refused though it is fresh means that something is wrong for longer. */
const REFUSED_PAUSE_MS = 60_000;

/** The access token of a service account (RFC 7523), asked for when it is needed and kept while it holds. */
export class FcmAccess {
  readonly #options: FcmAccessOptions;
  readonly #client: HttpsClient;
  readonly #clock: GatewayClock;
  #token = "";
  #goodUntilMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<AccessResult> | undefined;

  constructor(options: FcmAccessOptions, client: HttpsClient, clock: GatewayClock) {
    this.#options = options;
    this.#client = client;
    this.#clock = clock;
  }

  /** The token, asked for once for all who wait for it. */
  async get(): Promise<AccessResult> {
    if (this.#clock.nowMs() < this.#goodUntilMs) return { kind: "token", token: this.#token };
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** FCM has refused the token. */
  discard(refused: string): void {
    if (refused === this.#token) this.#goodUntilMs = Number.NEGATIVE_INFINITY;
  }

  async #ask(): Promise<AccessResult> {
    const { account, tokenEndpoint } = this.#options;
    const iat = Math.floor(this.#clock.wallMs() / 1000);
    const claims = { iss: account.clientEmail, scope: SCOPE, aud: account.tokenUri, iat };
    const assertion = signToken(
      account.key,
      { typ: "JWT", kid: account.keyId },
      { ...claims, exp: iat + ASSERTION_SEC },
    );
    const askedMs = this.#clock.nowMs();
    const result = await this.#client.post({
      url: tokenEndpoint ?? account.tokenUri,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ grant_type: GRANT_TYPE, assertion }).toString(),
      // All who push wait for it, so that none of their deadlines ends it.
      signal: new AbortController().signal,
    });
    if (result.kind === "answer") return this.#read(result, askedMs);
    const reason = result.kind === "lost" ? result.reason : "no-answer";
    return failed(unavailable(reason, "Google's token endpoint cannot be reached"));
  }

  #read(answer: HttpAnswer, askedMs: number): AccessResult {
    const { status, retryAfter, body } = answer;
    const { access_token: token, expires_in: lifetime } = parseJsonObject(body);
    const isToken = typeof token === "string" && BEARER.test(token);
    if (status === 200 && isToken && typeof lifetime === "number") {
      this.#token = token;
      this.#goodUntilMs = askedMs + Math.max(lifetime * 1000 - SPARE_MS, 0);
      return { kind: "token", token };
    }
    if (status === 429 || status >= 500) {
      const retryAfterMs = parseRetryAfter(retryAfter, this.#clock.wallMs());
      return failed(unavailable(String(status), "Google gives no access token", retryAfterMs));
    }
    if (status === 200) {
      return failed(
        unavailable("no-access-token", "what should be Google's answer has no token in it"),
      );
    }
    return failed(refusedAccess("no-access-token", "Google refuses the service account"));
  }
}

/** Google does not let us in; it is left alone for a while. */
export function refusedAccess(reason: string, detail: string): Attempt {
  return {
    outcome: outcomeOf("rejected", reason, detail),
    isRetriable: false,
    pauseMs: REFUSED_PAUSE_MS,
    health: "bad",
  };
}

function failed(attempt: Attempt): AccessResult {
  return { kind: "failed", attempt };
}
