import type { Command as Commander } from "commander";

/** The fake push provider, as the command line asks for it. Texts are as typed. */
export interface PushServerCommand {
  readonly kind: "push-server";
  readonly listen: string;
  readonly directory: string;
  readonly exec: string | undefined;
  readonly failures: readonly string[];
}

/** Adds the commands for trying things out. */
export function addDevCommands(
  program: Commander,
  take: (command: PushServerCommand) => void,
): void {
  const dev = program.command("dev").description("for trying things out, without real providers");
  dev
    .command("push-server")
    .description("be APNs, FCM, Web Push and a webhook on loopback, and print what is pushed")
    .option("--listen <IP:PORT>", "loopback address; port 0 for any", "127.0.0.1:2197")
    .option("--dir <DIR>", "directory of the keys, made when it is not there", ".midreg-push")
    .option("--exec <COMMAND>", "shell command to run on each push; see PUSH_TOKEN and the like")
    .option(
      "--fail <PROVIDER:PREFIX:REASON>",
      "fail pushes to tokens that begin so; may be repeated",
      (value: string, before: readonly string[]) => [...before, value],
      [],
    )
    .action((values: Readonly<Record<string, unknown>>) => {
      const { listen, dir, exec, fail } = values;
      take({
        kind: "push-server",
        listen: typeof listen === "string" ? listen : "",
        directory: typeof dir === "string" ? dir : "",
        exec: typeof exec === "string" ? exec : undefined,
        failures: Array.isArray(fail) ? fail.map(String) : [],
      });
    });
}
