import { Command as Commander, CommanderError, Option } from "commander";
import type { FlagName, Flags } from "../config/flag-source.ts";
import { addCredentialCommands, type CredentialCommand } from "./credential-arguments.ts";
import { addDevCommands, type PushServerCommand } from "./dev-arguments.ts";
import { addOperatorCommands, type OperatorCommand } from "./operator-commands.ts";
import { addSecretCommands, type SecretCommand } from "./secret-arguments.ts";

/** What the command line asks for. Texts end with a line end. */
export type Command =
  | {
      readonly kind: "run" | "check";
      readonly configFile: string | undefined;
      readonly flags: Flags;
    }
  | CredentialCommand
  | {
      readonly kind: "explain";
      readonly configFile: string | undefined;
      readonly flags: Flags;
      readonly registerFile: string;
      readonly source: string | undefined;
      readonly listener: string | undefined;
    }
  | OperatorCommand
  | SecretCommand
  | PushServerCommand
  | { readonly kind: "version" }
  | { readonly kind: "help"; readonly text: string }
  | { readonly kind: "usage-error"; readonly text: string; readonly exitCode: 2 };

type FlagValue = string | readonly string[];

/** Each flag that sets something: the name of its value, and its help. */
const FLAGS: Readonly<Record<FlagName, readonly [value: string, help: string]>> = {
  upstream: ["URI", "the main registrar, such as sip:10.0.0.2:5060"],
  listen: [
    "TRANSPORT:IP:PORT",
    "where phones and the main registrar reach midreg; may be repeated",
  ],
  admin: ["IP:PORT", "metrics and health over HTTP, on loopback; off for none"],
  data: ["DIR", "directory of the database"],
  mode: ["MODE", "what is throttled: contact"],
  "outgoing-expires": ["SECONDS", "lifetime asked of the main registrar"],
  absorb: ["RULE", "which refreshes are answered locally: proven, digest or open"],
  "log-level": ["LEVEL", "debug, info, warn, error or silent"],
};

/** Flags of explain alone. */
const EXPLAIN_FLAGS = {
  register: ["FILE", "a REGISTER as text, as it is sent or captured"],
  source: ["IP:PORT", "where it comes from; otherwise what its Via says"],
  listener: ["TRANSPORT:IP:PORT", "listener it comes to; otherwise the first one"],
} as const;

const HELP_WIDTH = 100;

/**
 * Parses the arguments after the program's name. Without a command it is `run`. Values of flags are not
 * checked here: the configuration does that for all of its sources alike. Touches nothing of the process.
 */
export function parseCommandLine(argv: readonly string[]): Command {
  let parsed: Command | undefined;
  let help = "";
  const take = (command: Command): void => {
    parsed = command;
  };
  const write = (text: string): void => {
    help += text;
  };
  try {
    buildProgram(take, write).parse(withCommand(argv), { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === "commander.version") return { kind: "version" };
    const isHelp = error.code === "commander.help" || error.code === "commander.helpDisplayed";
    return isHelp ? { kind: "help", text: help } : usageError(error);
  }
  return parsed ?? { kind: "help", text: help };
}

/** `run` is understood when the line is empty or begins with a flag. */
function withCommand(argv: readonly string[]): string[] {
  const [first = "--"] = argv;
  const isOfProgram = ["-h", "--help", "-V", "--version"].includes(first);
  return first.startsWith("-") && !isOfProgram ? ["run", ...argv] : [...argv];
}

function buildProgram(take: (command: Command) => void, write: (text: string) => void): Commander {
  const program = new Commander("midreg")
    .description("Absorbs the registration storms of SIP phones in front of a main registrar.")
    .usage("[command] [flags]")
    .version("-", "-V, --version", "print the version")
    .exitOverride()
    .configureOutput({
      writeOut: write,
      writeErr: write,
      outputError: () => undefined,
      getOutHelpWidth: () => HELP_WIDTH,
      getErrHelpWidth: () => HELP_WIDTH,
    });
  addSettingCommand(program, "run", "serve until told to stop (the default)", ({ given }) =>
    take({ kind: "run", ...given }),
  );
  addSettingCommand(program, "check", "check the configuration and stop", ({ given }) =>
    take({ kind: "check", ...given }),
  );
  addExplainCommand(program, take);
  addCredentialCommands(program, take);
  addSecretCommands(program, take);
  addOperatorCommands(program, take);
  addDevCommands(program, take);
  program
    .command("version")
    .description("print the version")
    .action(() => take({ kind: "version" }));
  return program.addHelpText("after", flagHelp);
}

/** What a command with settings was given. */
interface Taken {
  readonly given: { readonly configFile: string | undefined; readonly flags: Flags };
  /** Values of all its options by attribute name. */
  readonly values: Readonly<Record<string, unknown>>;
}

function addSettingCommand(
  program: Commander,
  commandName: string,
  description: string,
  take: (taken: Taken) => void,
): Commander {
  const command = program.command(commandName).description(description);
  command.option("--config <FILE>", "configuration file (YAML); flags win over it");
  const options = Object.entries(FLAGS).map(([name, [value, help]]) => {
    const option = new Option(`--${name} <${value}>`, help);
    return name === "listen" ? option.argParser(append) : option;
  });
  for (const option of options) command.addOption(option);
  command.action((values: Readonly<Record<string, unknown>>) => {
    const given = options.flatMap((option) => {
      const value = values[option.attributeName()];
      return isFlagValue(value) ? [[option.name(), value] as const] : [];
    });
    const file = values["config"];
    const configFile = typeof file === "string" ? file : undefined;
    take({ given: { configFile, flags: Object.fromEntries<FlagValue>(given) }, values });
  });
  return command;
}

function addExplainCommand(program: Commander, take: (command: Command) => void): void {
  const description = "say which rule a REGISTER hits, and why";
  const command = addSettingCommand(program, "explain", description, ({ given, values }) => {
    const text = (name: string): string | undefined => {
      const value = values[name];
      return typeof value === "string" ? value : undefined;
    };
    const [source, listener] = [text("source"), text("listener")];
    take({ kind: "explain", ...given, registerFile: text("register") ?? "", source, listener });
  });
  for (const [name, [value, help]] of Object.entries(EXPLAIN_FLAGS)) {
    const option = new Option(`--${name} <${value}>`, help);
    command.addOption(name === "register" ? option.makeOptionMandatory() : option);
  }
}

function append(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function isFlagValue(value: unknown): value is FlagValue {
  return typeof value === "string" || Array.isArray(value);
}

function flagHelp(): string {
  const settings = { config: ["FILE", "configuration file (YAML)"], ...FLAGS };
  return [
    "",
    "Flags of run, check and explain:",
    ...flagLines(settings),
    "",
    "Flags of explain:",
    ...flagLines(EXPLAIN_FLAGS),
  ].join("\n");
}

function flagLines(flags: Readonly<Record<string, readonly string[]>>): string[] {
  return Object.entries(flags).map(
    ([name, [value = "", help = ""]]) => `  ${`--${name} ${value}`.padEnd(28)}${help}`,
  );
}

function usageError(error: CommanderError): Command {
  const reason =
    error.code === "commander.excessArguments"
      ? "unexpected argument: a command goes first, a value right after its flag"
      : error.message.replace(/^error: /u, "");
  const line = reason.replaceAll(/\p{Cc}+/gu, " ").trim();
  return { kind: "usage-error", text: `midreg: ${line}; see midreg --help\n`, exitCode: 2 };
}
