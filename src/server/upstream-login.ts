import { answerChallenge, challengedRealms } from "../auth/answer-challenge.ts";
import type { CredentialTable } from "../auth/credential-table.ts";
import { usernamesFor } from "../auth/usernames.ts";
import type { SipResponse } from "../sip/message.ts";

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
  readonly #credentials: CredentialTable;
  readonly #ids: { tag(): string };
  #answers = 0;

  constructor(credentials: CredentialTable, ids: { tag(): string }) {
    this.#credentials = credentials;
    this.#ids = ids;
  }

  /** The header line for the next attempt, without CRLF; undefined when a response is to be taken as it is. */
  answer(response: SipResponse, { requestUri, to }: LoginRequest): string | undefined {
    const { status } = response;
    if ((status !== 401 && status !== 407) || this.#answers >= MAX_ANSWERS) return undefined;
    const usernames = usernamesFor(to);
    const request = { method: "REGISTER", requestUri, usernames, cnonce: this.#ids.tag() };
    const answer = answerChallenge(response, request, this.#credentials);
    if (answer === undefined || (this.#answers > 0 && !answer.isStale)) return undefined;
    this.#answers += 1;
    return answer.line;
  }
}

const MAX_ANSWERS = 2;

/** Whether a response asks for nothing but credentials for that realm. */
export function asksOnlyFor(realm: string, response: SipResponse): boolean {
  const { status } = response;
  if (status !== 401 && status !== 407) return false;
  return challengedRealms(response).every((asked) => asked === realm);
}
