import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseCredentialFile } from "../auth/credential-file.ts";
import { type Credential, CredentialTable } from "../auth/credential-table.ts";
import { parseAlgorithm, probeAlgorithm } from "../auth/digest.ts";
import type { Settings } from "../config/settings.ts";
import { toBytes } from "../http/byte-text.ts";
import type { Log } from "../ports.ts";
import type { DigestOptions } from "../server/digest-gate.ts";
import { readCredentials } from "../store/credential-store.ts";
import { DATABASE_FILE } from "./data-directory.ts";
import { StartError } from "./start-error.ts";

/** The credentials of a file as htdigest writes it. Throws a StartError that shows nothing of them. */
export function readCredentialFile(path: string): readonly Credential[] {
  let text: string;
  try {
    text = readFileSync(path, "latin1");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    throw new StartError("CREDENTIAL_REFUSED", `${path}: cannot be read (${code})`, { cause });
  }
  const parsed = parseCredentialFile(text);
  if (!("rule" in parsed)) return parsed;
  throw new StartError("CREDENTIAL_REFUSED", `${path}:${parsed.line}: ${parsed.rule}`);
}

/**
 * The credentials midreg starts with: those of the database, which is open and migrated by now, and those of
 * auth.credentials_file, which win.
 */
export function loadCredentials(settings: Settings, log: Log): CredentialTable {
  const { storage, dataDir, auth } = settings;
  const table = new CredentialTable();
  if (storage.mode !== "memory") {
    readCredentials(join(dataDir, DATABASE_FILE), ({ algorithm: name, ...rest }) => {
      const algorithm = parseAlgorithm(name);
      if (algorithm !== undefined) table.add({ ...rest, algorithm });
    });
  }
  const { credentialsFile: file } = auth;
  if (file !== undefined) table.replaceFile(readCredentialFile(file));
  if (isDigestUsed(settings) && table.size === 0) {
    const advice = "add some with midreg credential, or name a file in auth.credentials_file";
    log.warn(
      {},
      `auth.absorb: digest: there are no credentials, so nobody can register; ${advice}`,
    );
  }
  return table;
}

/**
 * Reads auth.credentials_file anew into a table that is in use: it holds either all of what is there now or, when
 * there is a mistake, all of what was there before. Returns the mistake. What is stored is in the table already.
 */
export function reloadCredentials(
  table: CredentialTable,
  { auth: { credentialsFile: file } }: Settings,
  log: Log,
): string | undefined {
  try {
    if (file !== undefined) table.replaceFile(readCredentialFile(file));
    log.info({ users: table.size }, "credentials reloaded");
    return undefined;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    log.error({ reason: error.message }, "credentials not reloaded; those of before still hold");
    return error.message;
  }
}

/** How midreg challenges, in the form the server takes it. Throws a StartError. */
export function buildDigestOptions(settings: Settings): DigestOptions {
  const { auth, registrar } = settings;
  if (isDigestUsed(settings)) auth.algorithms.forEach(refuseUnavailable);
  return {
    realm: auth.realm === undefined ? undefined : toBytes(auth.realm),
    algorithms: auth.algorithms,
    hasQop: auth.hasQop,
    nonceLifetimeMs: auth.nonceLifetimeSec * 1000,
    isCaseSensitive: registrar.caseSensitive,
  };
}

/** Whether any REGISTER is challenged. */
function isDigestUsed({ registrar, rules }: Settings): boolean {
  return registrar.absorb === "digest" || rules.some((rule) => rule.registrar.absorb === "digest");
}

/** A Node.js that is built for FIPS has no MD5. */
function refuseUnavailable(algorithm: Settings["auth"]["algorithms"][number]): void {
  try {
    probeAlgorithm(algorithm);
  } catch (cause) {
    const line = `auth.algorithms: this Node.js cannot compute ${algorithm}; leave it out`;
    throw new StartError("CREDENTIAL_REFUSED", line, { cause });
  }
}
