import type { DigestAlgorithm } from "./digest.ts";
import { DIGEST_ALGORITHMS } from "./digest.ts";

/** What is known of one user's password in one realm, for one algorithm. Never to be shown or logged. */
export interface Credential {
  /** Byte strings, as they will stand in digests. */
  readonly username: string;
  readonly realm: string;
  readonly algorithm: DigestAlgorithm;
  /** H(A1) in lower-case hexadecimal. */
  readonly ha1: string;
}

/** A user of a realm, as it may be shown. */
export interface CredentialUser {
  readonly username: string;
  readonly realm: string;
  /** Those that there is an H(A1) for. */
  readonly algorithms: readonly DigestAlgorithm[];
  /** Whether one of them is of the file, so that it cannot be changed but there. */
  readonly isInFile: boolean;
}

type Ha1s = Readonly<Partial<Record<DigestAlgorithm, string>>>;
/** By realm, then by user. */
type Realms = Map<string, Map<string, Ha1s>>;

/** The credentials in memory, for looking them up: what is stored, and over it what a file says. */
export class CredentialTable {
  readonly #stored: Realms = new Map();
  #file: Realms = new Map();

  /** Adds a stored credential, or replaces the one of the same user, realm and algorithm. */
  add(credential: Credential): void {
    put(this.#stored, credential);
  }

  /** Forgets all that is stored of a user in a realm. */
  remove(username: string, realm: string): void {
    const users = this.#stored.get(realm);
    users?.delete(username);
    if (users?.size === 0) this.#stored.delete(realm);
  }

  /** Takes these in the place of all that the file has said before; they win over what is stored. */
  replaceFile(credentials: readonly Credential[]): void {
    const file: Realms = new Map();
    for (const credential of credentials) put(file, credential);
    this.#file = file;
  }

  /** Users, counted once for each realm. */
  get size(): number {
    let size = 0;
    for (const users of this.#stored.values()) size += users.size;
    for (const [realm, users] of this.#file) {
      for (const username of users.keys()) {
        if (this.#stored.get(realm)?.has(username) !== true) size += 1;
      }
    }
    return size;
  }

  has(username: string, realm: string): boolean {
    return this.isInFile(username, realm) || this.#stored.get(realm)?.has(username) === true;
  }

  /** Whether the file says something of that user. */
  isInFile(username: string, realm: string): boolean {
    return this.#file.get(realm)?.has(username) === true;
  }

  /** H(A1) of a user; undefined when it is not known. */
  ha1(username: string, realm: string, algorithm: DigestAlgorithm): string | undefined {
    const own = this.#file.get(realm)?.get(username)?.[algorithm];
    return own ?? this.#stored.get(realm)?.get(username)?.[algorithm];
  }

  /** A user as it may be shown; undefined when nobody has that name. */
  find(username: string, realm: string): CredentialUser | undefined {
    if (!this.has(username, realm)) return undefined;
    const algorithms = this.#known(username, realm, DIGEST_ALGORITHMS);
    return { username, realm, algorithms, isInFile: this.isInFile(username, realm) };
  }

  /** Names of all users, each realm's together; what they have is found by `find`. */
  *names(): Generator<Pick<CredentialUser, "username" | "realm">, void> {
    for (const [realm, users] of this.#stored) {
      for (const username of users.keys()) yield { username, realm };
    }
    for (const [realm, users] of this.#file) {
      const stored = this.#stored.get(realm);
      for (const username of users.keys()) {
        if (stored?.has(username) !== true) yield { username, realm };
      }
    }
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
    const sample = known ?? this.#firstUser(realm);
    const fitting = sample === undefined ? [] : this.#known(sample, realm, algorithms);
    return fitting.length === 0 ? algorithms : fitting;
  }

  #known(
    username: string,
    realm: string,
    algorithms: readonly DigestAlgorithm[],
  ): readonly DigestAlgorithm[] {
    return algorithms.filter((algorithm) => this.ha1(username, realm, algorithm) !== undefined);
  }

  #firstUser(realm: string): string | undefined {
    const users = this.#stored.get(realm) ?? this.#file.get(realm);
    return users?.keys().next().value;
  }
}

function put(realms: Realms, { username, realm, algorithm, ha1 }: Credential): void {
  let users = realms.get(realm);
  if (users === undefined) realms.set(realm, (users = new Map()));
  users.set(username, { ...users.get(username), [algorithm]: ha1 });
}
