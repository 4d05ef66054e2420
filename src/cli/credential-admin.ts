import { checkCredential, refuseUser } from "../auth/credential-file.ts";
import type { Credential, CredentialTable, CredentialUser } from "../auth/credential-table.ts";
import {
  computeHa1,
  DIGEST_ALGORITHMS,
  type DigestAlgorithm,
  parseAlgorithm,
} from "../auth/digest.ts";
import type {
  CredentialAdmin,
  CredentialName,
  CredentialOutcome,
  CredentialSecret,
} from "../ports.ts";
import type { SqliteStore } from "../store/sqlite-store.ts";

type Done = (outcome: CredentialOutcome) => void;
type Change = Parameters<SqliteStore["writeCredentials"]>[0];

export interface CredentialModules {
  readonly table: CredentialTable;
  /** Keeps what is changed; undefined where bindings are kept in memory only, too. */
  readonly store: Pick<SqliteStore, "writeCredentials"> | undefined;
  /** Reads the file anew; returns why that was not possible. */
  readonly reload: () => string | undefined;
}

/** Changes the credentials of a running midreg: on the disk first, then in the table that everybody looks into. */
export class RunningCredentials implements CredentialAdmin {
  readonly #table: CredentialTable;
  readonly #store: CredentialModules["store"];
  readonly #reload: () => string | undefined;

  constructor({ table, store, reload }: CredentialModules) {
    this.#table = table;
    this.#store = store;
    this.#reload = reload;
  }

  names(): Iterable<CredentialName> {
    return this.#table.names();
  }

  find({ username, realm }: CredentialName): CredentialUser | undefined {
    return this.#table.find(username, realm);
  }

  set(name: CredentialName, secret: CredentialSecret, done: Done): void {
    const credentials = credentialsOf(name, secret);
    if (typeof credentials === "string") return done({ kind: "invalid", detail: credentials });
    this.#change({ remove: name, put: credentials }, done, credentials.length);
  }

  remove(name: CredentialName, done: Done): void {
    const found = this.find(name);
    if (found === undefined) return done({ kind: "not-found" });
    this.#change({ remove: name, put: [] }, done, found.algorithms.length);
  }

  add(
    given: ReadonlyArray<CredentialName & { readonly algorithm: string; readonly ha1: string }>,
    done: Done,
  ): void {
    const credentials: Credential[] = [];
    for (const [at, one] of given.entries()) {
      const credential = checkCredential(one);
      if (typeof credential === "string") {
        return done({ kind: "invalid", detail: `number ${at + 1} of them: ${credential}` });
      }
      credentials.push(credential);
    }
    this.#change({ remove: undefined, put: credentials }, done, credentials.length);
  }

  reload(): CredentialOutcome {
    const detail = this.#reload();
    return detail === undefined
      ? { kind: "done", count: this.#table.size }
      : { kind: "invalid", detail };
  }

  #change(
    change: Change & { readonly put: readonly Credential[] },
    done: Done,
    count: number,
  ): void {
    const { remove, put } = change;
    const touched = remove === undefined ? put : [remove];
    if (touched.some(({ username, realm }) => this.#table.isInFile(username, realm))) {
      return done({ kind: "in-file" });
    }
    const commit = {
      committed: () => {
        if (remove !== undefined) this.#table.remove(remove.username, remove.realm);
        for (const credential of put) this.#table.add(credential);
        done({ kind: "done", count });
      },
      failed: (detail: string) => done({ kind: "busy", detail }),
    };
    if (this.#store === undefined) commit.committed();
    else this.#store.writeCredentials(change, commit);
  }
}

/** What a secret makes of a user; a few words when that is not possible. */
function credentialsOf(
  name: CredentialName,
  secret: CredentialSecret,
): readonly Credential[] | string {
  const refused = refuseUser(name);
  if (refused !== undefined) return refused;
  const { username, realm } = name;
  const credentials: Credential[] = [];
  if ("ha1s" in secret) {
    for (const [algorithm, ha1] of Object.entries(secret.ha1s)) {
      const credential = checkCredential({ username, realm, algorithm, ha1 });
      if (typeof credential === "string") return credential;
      credentials.push(credential);
    }
    return credentials;
  }
  const algorithms = algorithmsOf(secret.algorithms);
  if (algorithms === undefined) return `algorithms must be of ${DIGEST_ALGORITHMS.join(", ")}`;
  const { password } = secret;
  return algorithms.map((algorithm) => {
    return {
      username,
      realm,
      algorithm,
      ha1: computeHa1(algorithm, { username, realm, password }),
    };
  });
}

function algorithmsOf(
  names: readonly string[] | undefined,
): readonly DigestAlgorithm[] | undefined {
  if (names === undefined) return DIGEST_ALGORITHMS;
  const known = names.map(parseAlgorithm).filter((algorithm) => algorithm !== undefined);
  return known.length === names.length ? known : undefined;
}
