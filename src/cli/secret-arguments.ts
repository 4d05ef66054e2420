import type { Command as Commander } from "commander";
import type { DataPlace } from "./data-settings.ts";

export interface SecretCommand extends DataPlace {
  readonly kind: "secret";
  readonly action: "rotate" | "forget";
}

/** Adds the commands that change the install secret. */
export function addSecretCommands(
  program: Commander,
  take: (command: SecretCommand) => void,
): void {
  const secret = program.command("secret").description("change the install secret");
  addAction(secret, ["rotate", "make a new one; what older ones have made stays good"], take);
  addAction(secret, ["forget", "drop the older ones, with all that they have made"], take);
}

function addAction(
  secret: Commander,
  [action, description]: readonly [action: SecretCommand["action"], description: string],
  take: (command: SecretCommand) => void,
): void {
  const command = secret.command(action).description(description);
  command.option("--config <FILE>", "configuration file that names the data directory");
  command.option("--data <DIR>", "directory of the database and the secret");
  command.action(() => {
    const { config, data }: { config?: string; data?: string } = command.opts();
    take({ kind: "secret", action, configFile: config, dataDir: data });
  });
}
