import { existsSync } from "node:fs";
import type { Environment } from "../config/environment-source.ts";
import { loadDataSettings } from "./data-settings.ts";
import {
  type InstallSecrets,
  MAX_SECRETS,
  newSecret,
  readSecretFile,
  secretPath,
  writeSecrets,
} from "./install-secret.ts";
import type { SecretCommand } from "./secret-arguments.ts";
import { StartError } from "./start-error.ts";

/** Makes a new install secret, or drops the older ones. Throws an error of one line, and shows no secret. */
export function runSecretCommand(
  command: SecretCommand,
  { env, out }: { readonly env: Environment; readonly out: (text: string) => void },
): void {
  const { secret, dataDir } = loadDataSettings(command, env);
  if (secret !== undefined) {
    const advice = "set a new one there, and name this one first in secret_previous";
    throw refused(`the secret is a setting (secret or secret_file); ${advice}`);
  }
  const path = secretPath(dataDir);
  if (!existsSync(path)) throw refused(`${path}: no such file; midreg makes it when it starts`);
  const secrets = readSecretFile(path);
  out(command.action === "rotate" ? rotate(path, secrets) : forget(path, secrets));
}

const WHEN = "It counts from the next start or SIGHUP on.";

function rotate(path: string, secrets: InstallSecrets): string {
  if (secrets.length >= MAX_SECRETS) {
    throw refused(`${path}: ${count(secrets.length - 1)} already; midreg secret forget drops them`);
  }
  writeSecrets(path, [newSecret(), ...secrets]);
  return (
    `midreg: ${path} has a new secret, and ${count(secrets.length)}\n${WHEN} ` +
    "What the older have made stays good: dialogs, the Paths of flows, temporary GRUUs, pn-purr. When all\n" +
    "registrations have been renewed upstream and the dialogs of today are over: midreg secret forget\n"
  );
}

function forget(path: string, [present, ...older]: InstallSecrets): string {
  if (older.length === 0) throw refused(`${path}: there is no older secret`);
  writeSecrets(path, [present]);
  return (
    `midreg: ${path} has lost ${count(older.length)}\n${WHEN} ` +
    "What only they open is refused then: requests in dialogs begun before the rotation and over Paths registered before\n" +
    "it get 403, temporary GRUUs of then 404. Contacts keep their identifiers.\n"
  );
}

function count(older: number): string {
  return older === 1 ? "1 older one" : `${older} older ones`;
}

function refused(line: string): StartError {
  return new StartError("SECRET_REFUSED", line);
}
