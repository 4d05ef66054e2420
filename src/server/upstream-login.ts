import { answerChallenge, challengedRealms } from "../auth/answer-challenge.ts";
import type { CredentialTable } from "../auth/credential-table.ts";
import { usernamesFor } from "../auth/usernames.ts";
import type { SipResponse } from "../sip/message.ts";

/** What answering takes. */
export interface LoginModules {
  readonly credentials: CredentialTable;
  readonly ids: { tag(): string };
}

/** A REGISTER of midreg's that the main registrar may challenge. */
export interface LoginRequest {
  readonly requestUri: string;
  /** To URI: the address-of-record whose credentials are used. */
  readonly to: string;
}

/**
 * Answers the main registrar's challenges to one REGISTER with the stored credentials of its
 * address-of-record: once, and once more when it says that only the nonce was too old.
 */
export class UpstreamLogin {
  readonly #modules: LoginModules;
  readonly #exceptRealms: readonly string[];
  #answers = 0;

  /** Challenges of `exceptRealms` are left to the phone, which has shown credentials of its own for them. */
  constructor(modules: LoginModules, exceptRealms: readonly string[]) {
    this.#modules = modules;
    this.#exceptRealms = exceptRealms;
  }

  /** The header line for the next attempt, without CRLF; undefined when a response is to be taken as it is. */
  answer(response: SipResponse, { requestUri, to }: LoginRequest): string | undefined {
    const { status } = response;
    if ((status !== 401 && status !== 407) || this.#answers >= MAX_ANSWERS) return undefined;
    const { credentials, ids } = this.#modules;
    const request = {
      method: "REGISTER",
      requestUri,
      usernames: usernamesFor(to),
      exceptRealms: this.#exceptRealms,
      cnonce: ids.tag(),
    };
    const answer = answerChallenge(response, request, credentials);
    if (answer === undefined || (this.#answers > 0 && !answer.isStale)) return undefined;
    this.#answers += 1;
    return answer.line;
  }
}

const MAX_ANSWERS = 2;

/** Whether a response asks for a digest, and for none but that realm's. */
export function asksOnlyFor(realm: string, response: SipResponse): boolean {
  const { status } = response;
  if (status !== 401 && status !== 407) return false;
  const realms = challengedRealms(response);
  return realms.length > 0 && realms.every((asked) => asked === realm);
}
