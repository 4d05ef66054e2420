import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Log } from "../ports.ts";
import { StartError } from "./start-error.ts";

const FILE = "install.secret";
const SECRET_BYTES = 32;
/** What the present secret does not open is tried with each of the others. */
export const MAX_SECRETS = 4;

/** The present secret, and those before it, the newest first. */
export type InstallSecrets = readonly [present: Buffer, ...older: Buffer[]];

/** What is configured of secrets. */
export interface ConfiguredSecrets {
  readonly secret: string | undefined;
  readonly olderSecrets: readonly string[];
}

/**
 * The install secret: the configured one, else the one in the data directory, which is made at the first
 * start and readable by its owner only. Contact identifiers and dialog tokens depend on it. The directory
 * must be there, and no other midreg may be starting in it. Older ones are those of the same place, and configured ones.
 */
export function readInstallSecrets(
  { secret, olderSecrets }: ConfiguredSecrets,
  dataDir: string,
): InstallSecrets {
  const older = olderSecrets.map((text) => Buffer.from(text, "utf8"));
  if (secret !== undefined) return [Buffer.from(secret, "utf8"), ...older];
  const path = secretPath(dataDir);
  if (!existsSync(path)) writeSecrets(path, [newSecret()]);
  return [...readSecretFile(path), ...older];
}

/** Where the secrets of a data directory are. */
export function secretPath(dataDir: string): string {
  return join(dataDir, FILE);
}

/** The secrets of a file, one a line. */
export function readSecretFile(path: string): InstallSecrets {
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (error) {
    throw unusable(path, error);
  }
  const [present = "", ...older] = text.split(/\r?\n/u);
  const isGood = [present, ...older].every((line) => /^[0-9a-f]{64}$/u.test(line));
  if (isGood && older.length < MAX_SECRETS) {
    return [Buffer.from(present, "hex"), ...older.map((line) => Buffer.from(line, "hex"))];
  }
  const advice = "restore it, or remove it and let every phone register anew";
  throw new StartError("SECRET_UNUSABLE", `${path}: the install secret is damaged; ${advice}`);
}

export function newSecret(): Buffer {
  return randomBytes(SECRET_BYTES);
}

/** Throws a StartError of one line. */
export function writeSecrets(path: string, secrets: readonly Buffer[]): void {
  try {
    replaceFile(path, secrets.map((secret) => `${secret.toString("hex")}\n`).join(""));
  } catch (error) {
    throw unusable(path, error);
  }
}

/** Under its own name the file is complete or as it was, whenever the process or the power ends. */
function replaceFile(path: string, text: string): void {
  const draft = `${path}.new`;
  const owner = statSync(path, { throwIfNoEntry: false });
  const file = openSync(draft, "w", 0o600);
  try {
    // An operator who is root must not take the file away from the user midreg runs as.
    if (owner !== undefined && owner.uid !== process.getuid?.()) {
      fchownSync(file, owner.uid, owner.gid);
    }
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
}

/**
 * Takes up the secrets of the data directory anew while midreg runs. What is configured is read at the start only. A
 * mistake is logged and changes nothing.
 */
export function reloadSecrets(
  ids: { use(secret: Buffer, older: readonly Buffer[]): void },
  { secret, olderSecrets, dataDir }: ConfiguredSecrets & { readonly dataDir: string },
  log: Log,
): void {
  if (secret !== undefined) return;
  try {
    const [present, ...older] = readSecretFile(secretPath(dataDir));
    ids.use(present, [...older, ...olderSecrets.map((text) => Buffer.from(text, "utf8"))]);
    log.info({ older: older.length }, "install secret reloaded");
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    log.error(
      { reason: error.message },
      "install secret not reloaded; the one of before still holds",
    );
  }
}

function unusable(path: string, error: unknown): StartError {
  const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
  const advice = "let the user midreg runs as write to the data directory";
  return new StartError("SECRET_UNUSABLE", `${path}: ${reason}; ${advice}`, { cause: error });
}
