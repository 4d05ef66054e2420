import type { DigestAlgorithm } from "./digest.ts";

/** What is known of one user's password in one realm, for one algorithm. Never to be shown or logged. */
export interface Credential {
  /** Byte strings, as they will stand in digests. */
  readonly username: string;
  readonly realm: string;
  readonly algorithm: DigestAlgorithm;
  /** H(A1) in lower-case hexadecimal. */
  readonly ha1: string;
}

type Ha1s = Readonly<Partial<Record<DigestAlgorithm, string>>>;

/** The credentials in memory, for looking them up. */
export class CredentialTable {
  #users = new Map<string, Ha1s>();
  /** What the first user of each realm has. */
  #samples = new Map<string, string>();

  /** Adds a credential, or replaces the one of the same user, realm and algorithm. */
  add({ username, realm, algorithm, ha1 }: Credential): void {
    const key = keyOf(username, realm);
    this.#users.set(key, { ...this.#users.get(key), [algorithm]: ha1 });
    if (!this.#samples.has(realm)) this.#samples.set(realm, key);
  }

  /** Takes what another table holds in the place of its own. The other one is not to be used any more. */
  replaceWith(other: CredentialTable): void {
    this.#users = other.#users;
    this.#samples = other.#samples;
  }

  /** Users, counted once for each realm. */
  get size(): number {
    return this.#users.size;
  }

  has(username: string, realm: string): boolean {
    return this.#users.has(keyOf(username, realm));
  }

  /** H(A1) of a user; undefined when it is not known. */
  ha1(username: string, realm: string, algorithm: DigestAlgorithm): string | undefined {
    return this.#users.get(keyOf(username, realm))?.[algorithm];
  }

  /**
   * Those of the algorithms that the first known of these users can answer with: a phone takes the first
   * it supports (RFC 8760 section 2.4), and fails where its H(A1) is not known. For nobody it is what
   * the first user of the realm has, so that the challenge does not tell who exists.
   */
  answerable(
    usernames: readonly string[],
    realm: string,
    algorithms: readonly DigestAlgorithm[],
  ): readonly DigestAlgorithm[] {
    const known = usernames.find((username) => this.has(username, realm));
    const key = known === undefined ? this.#samples.get(realm) : keyOf(known, realm);
    const ha1s = key === undefined ? undefined : this.#users.get(key);
    const fitting = algorithms.filter((algorithm) => ha1s?.[algorithm] !== undefined);
    return fitting.length === 0 ? algorithms : fitting;
  }
}

/** A line break can stand in neither. */
function keyOf(username: string, realm: string): string {
  return `${username}\n${realm}`;
}
