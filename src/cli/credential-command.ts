import { existsSync } from "node:fs";
import { join } from "node:path";
import { refuseUser } from "../auth/credential-file.ts";
import type { Credential } from "../auth/credential-table.ts";
import {
  computeHa1,
  DIGEST_ALGORITHMS,
  type DigestAlgorithm,
  parseAlgorithm,
} from "../auth/digest.ts";
import type { Environment } from "../config/environment-source.ts";
import { toBytes, toText } from "../http/byte-text.ts";
import { CredentialStore } from "../store/credential-store.ts";
import { StoreError } from "../store/store-error.ts";
import { adminPlace } from "./admin-place.ts";
import type { CredentialAction, CredentialCommand } from "./credential-arguments.ts";
import { changeRunning } from "./credential-remote.ts";
import { readCredentialFile } from "./credentials.ts";
import { DATABASE_FILE, MIGRATIONS_DIR, makeDataDirectory } from "./data-directory.ts";
import { loadDataSettings } from "./data-settings.ts";
import { readText } from "./read-text.ts";
import { readAdminPlace } from "./running-place.ts";
import { StartError } from "./start-error.ts";

/** What the command uses of the process it runs in. */
export interface CredentialSurroundings {
  readonly env: Environment;
  readonly out: (text: string) => void;
  /** All of standard input. */
  readonly readInput: () => string;
}

const PASSWORD_VARIABLE = "MIDREG_PASSWORD";

/**
 * Does what is asked: in the database, or by the midreg that runs on it. Throws an error of one line that never holds a
 * password or an H(A1).
 */
export async function runCredentialCommand(
  command: CredentialCommand,
  surroundings: CredentialSurroundings,
): Promise<void> {
  const { action, admin } = command;
  const { env, out } = surroundings;
  // What is given is checked first: a mistake must not leave an empty database behind.
  const credentials = readGiven(action, surroundings);
  if (admin !== undefined) {
    const place = adminPlace({ admin, configFile: undefined }, { env, readFile: readText });
    return changeRunning(action, credentials, { place, out });
  }
  const directory = findDataDirectory(command, env);
  const store = openStopped(directory, { isCreated: credentials.length > 0 });
  if (typeof store === "string") {
    return changeRunning(action, credentials, { place: store, out });
  }
  try {
    if (action.name === "reload") throw refused(`no midreg runs on ${directory}`);
    out(carryOut(action, store, credentials));
  } finally {
    store.close();
  }
}

/** The store of a midreg that does not run; otherwise where the one that runs is asked. */
function openStopped(
  directory: string,
  { isCreated }: { readonly isCreated: boolean },
): CredentialStore | string {
  const path = join(directory, DATABASE_FILE);
  if (isCreated) makeDataDirectory(directory);
  else if (!existsSync(path)) throw refused(`${path}: no such database`);
  try {
    return CredentialStore.open(path, MIGRATIONS_DIR);
  } catch (error) {
    const isLocked = error instanceof StoreError && error.code === "STORE_LOCKED";
    const place = isLocked ? readAdminPlace(directory) : undefined;
    if (place === undefined) throw error;
    return place;
  }
}

/** The credentials to be stored; none for the actions that store nothing. */
function readGiven(
  action: CredentialAction,
  surroundings: CredentialSurroundings,
): readonly Credential[] {
  if (action.name === "import") return readCredentialFile(action.file);
  if (action.name === "set") return buildCredentials(action, readPassword(surroundings));
  return [];
}

function buildCredentials(
  given: Extract<CredentialAction, { name: "set" }>,
  password: string,
): readonly Credential[] {
  const username = toBytes(given.username);
  const realm = toBytes(given.realm);
  const mistake = refuseUser({ username, realm });
  if (mistake !== undefined) throw refused(mistake);
  return algorithmsOf(given.algorithm).map((algorithm) => {
    const ha1 = computeHa1(algorithm, { username, realm, password });
    return { username, realm, algorithm, ha1 };
  });
}

function algorithmsOf(only: string | undefined): readonly DigestAlgorithm[] {
  if (only === undefined) return DIGEST_ALGORITHMS;
  const algorithm = parseAlgorithm(only);
  if (algorithm !== undefined) return [algorithm];
  throw refused(`--algorithm must be one of ${DIGEST_ALGORITHMS.join(", ")}`);
}

function readPassword({ env, readInput }: CredentialSurroundings): string {
  const given = env[PASSWORD_VARIABLE] ?? readInput();
  const [password = ""] = given.split(/\r?\n/u, 1);
  if (password !== "") return toBytes(password);
  throw refused(`no password: give it on standard input, or in ${PASSWORD_VARIABLE}`);
}

/** Where the database is, by the same rules as when midreg runs. */
function findDataDirectory(command: CredentialCommand, env: Environment): string {
  const { [PASSWORD_VARIABLE]: _, ...others } = env;
  const settings = loadDataSettings(command, others);
  if (settings.storage.mode === "memory") {
    throw refused(
      "storage.mode: memory keeps no credentials; name a file in auth.credentials_file",
    );
  }
  return settings.dataDir;
}

/** Does it, and returns what there is to say. */
function carryOut(
  action: Exclude<CredentialAction, { name: "reload" }>,
  store: CredentialStore,
  credentials: readonly Credential[],
): string {
  switch (action.name) {
    case "import":
      store.put(credentials);
      return `midreg: ${credentials.length} credentials imported\n`;
    case "set":
      store.replace(toBytes(action.username), toBytes(action.realm), credentials);
      return `midreg: credentials of ${action.username} in ${action.realm} set\n`;
    case "rm": {
      const removed = store.remove(toBytes(action.username), toBytes(action.realm));
      if (removed > 0)
        return `midreg: credentials of ${action.username} in ${action.realm} removed\n`;
      throw refused(`no credentials of ${action.username} in ${action.realm}`);
    }
    case "list":
      return listOf(store);
    default:
      return action satisfies never;
  }
}

/** A line for each user and realm. H(A1) is as good as the password and is never shown. */
function listOf(store: CredentialStore): string {
  const algorithms = new Map<string, string[]>();
  for (const { username, realm, algorithm } of store.list()) {
    const user = `${toText(username)}\t${toText(realm)}`;
    algorithms.set(user, [...(algorithms.get(user) ?? []), algorithm]);
  }
  return [...algorithms].map(([user, names]) => `${user}\t${names.join(",")}\n`).join("");
}

function refused(line: string): StartError {
  return new StartError("CREDENTIAL_REFUSED", line);
}
