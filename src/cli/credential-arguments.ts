import type { Command as Commander } from "commander";

/** What is done to the stored credentials. */
export type CredentialAction =
  | { readonly name: "import"; readonly file: string }
  | {
      readonly name: "set";
      readonly username: string;
      readonly realm: string;
      /** The only algorithm the user's phone knows; undefined for one that knows them all. */
      readonly algorithm: string | undefined;
    }
  | { readonly name: "rm"; readonly username: string; readonly realm: string }
  | { readonly name: "list" }
  | { readonly name: "reload" };

export interface CredentialCommand {
  readonly kind: "credential";
  readonly action: CredentialAction;
  readonly configFile: string | undefined;
  /** Directory of the database, when it is given by itself. */
  readonly dataDir: string | undefined;
  /** Admin listener of the running midreg that is meant; undefined for the one that has the data directory, if any. */
  readonly admin: string | undefined;
}

type Take = (command: CredentialCommand) => void;

/** Adds the commands that change the stored credentials. A midreg that runs on the data is asked to. */
export function addCredentialCommands(program: Commander, take: Take): void {
  const credential = program
    .command("credential")
    .description("list and change the credentials that phones are checked against");
  addAction(credential, ["import <FILE>", "add those of a file as htdigest writes it"], take);
  const set = "set a password: the first line of standard input, or MIDREG_PASSWORD";
  addAction(credential, ["set <USER> <REALM>", set], take)
    .alias("add")
    .option("--algorithm <NAME>", "the only digest the phone knows: MD5, SHA-256 or SHA-512-256");
  addAction(credential, ["rm <USER> <REALM>", "forget a user"], take);
  addAction(credential, ["list", "show users, realms and algorithms"], take);
  addAction(credential, ["reload", "read auth.credentials_file anew, in a running midreg"], take);
}

function addAction(
  credential: Commander,
  [usage, description]: readonly [usage: string, description: string],
  take: Take,
): Commander {
  const command = credential.command(usage).description(description);
  command.option("--config <FILE>", "configuration file that names the data directory");
  command.option("--data <DIR>", "directory of the database");
  command.option("--admin <IP:PORT>", "admin listener of the running midreg to ask");
  command.action(() => {
    const values: Readonly<Record<string, unknown>> = command.opts();
    take({
      kind: "credential",
      action: actionOf(command.name(), command.args, textOf(values["algorithm"])),
      configFile: textOf(values["config"]),
      dataDir: textOf(values["data"]),
      admin: textOf(values["admin"]),
    });
  });
  return command;
}

function actionOf(
  name: string,
  [first = "", second = ""]: readonly string[],
  algorithm: string | undefined,
): CredentialAction {
  if (name === "import") return { name, file: first };
  if (name === "set") return { name, username: first, realm: second, algorithm };
  if (name === "rm") return { name, username: first, realm: second };
  return name === "reload" ? { name } : { name: "list" };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
