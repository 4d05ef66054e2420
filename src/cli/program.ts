import { readFileSync } from "node:fs";
import { ConfigError } from "../config/config-error.ts";
import { readingFailure } from "../config/expand.ts";
import { type LoadedSettings, loadSettings } from "../config/load-settings.ts";
import { adminPlace } from "./admin-place.ts";
import { faultsInFiles } from "./check-files.ts";
import { type Command, parseCommandLine } from "./command-line.ts";
import type { CredentialCommand } from "./credential-arguments.ts";
import { runCredentialCommand } from "./credential-command.ts";
import { ExplainError, explainRegister } from "./explain-register.ts";
import { createLogger } from "./logger.ts";
import { operate } from "./operate.ts";
import type { OperatorCommand } from "./operator-commands.ts";
import { OperatorError } from "./operator-error.ts";
import { runPushServer } from "./push-server-command.ts";
import { readText } from "./read-text.ts";
import type { SecretCommand } from "./secret-arguments.ts";
import { runSecretCommand } from "./secret-command.ts";
import { type Appliance, serve } from "./serve.ts";
import { saysAll } from "./start-error.ts";

/** What the program uses of the process it runs in. */
export interface Surroundings {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** All of standard input, read when it is asked for. */
  readonly readInput: () => string;
  /** Calls back once, at the next signal that asks the process to stop. */
  readonly onceStopped: (stop: (signal: string) => void) => void;
  /** Calls back at each signal that asks the process to read its files anew. */
  readonly onReload: (reload: () => void) => void;
}

/** In the README: 4 is an address-of-record or contact that is not there. */
const EXIT = { ok: 0, failed: 1, usage: 2, config: 3, notFound: 4 } as const;

const EXIT_OF: Readonly<Record<OperatorError["code"], number>> = {
  UNREACHABLE: EXIT.failed,
  REFUSED: EXIT.failed,
  NOT_FOUND: EXIT.notFound,
  USAGE: EXIT.usage,
};

/** Runs midreg as its command line asks; resolves to the exit code once all is over. */
export async function runProgram(surroundings: Surroundings): Promise<number> {
  const command = parseCommandLine(surroundings.argv);
  switch (command.kind) {
    case "help":
      surroundings.out(command.text);
      return EXIT.ok;
    case "version":
      surroundings.out(`midreg ${readVersion()}\n`);
      return EXIT.ok;
    case "usage-error":
      surroundings.err(command.text);
      return EXIT.usage;
    case "check":
      return check(command, surroundings);
    case "credential":
      return changeCredentials(command, surroundings);
    case "secret":
      return changeSecret(command, surroundings);
    case "explain":
      return explain(command, surroundings);
    case "run":
      return run(command, surroundings);
    case "operate":
      return runOperation(command, surroundings);
    case "push-server":
      return pretendProvider(command, surroundings);
    default:
      return command satisfies never;
  }
}

type SettingsCommand = Extract<Command, { kind: "run" | "check" }>;

function check(command: SettingsCommand, surroundings: Surroundings): number {
  const loaded = load(command, surroundings);
  if (loaded === undefined) return EXIT.config;
  for (const warning of loaded.warnings) surroundings.err(`midreg: warning: ${warning}\n`);
  const faults = faultsInFiles(loaded.settings);
  for (const fault of faults) surroundings.err(`midreg: ${fault}\n`);
  if (faults.length > 0) return EXIT.config;
  surroundings.out("midreg: the configuration is good\n");
  return EXIT.ok;
}

function explain(
  command: Extract<Command, { kind: "explain" }>,
  surroundings: Surroundings,
): number {
  const loaded = load(command, surroundings);
  if (loaded === undefined) return EXIT.config;
  const { registerFile, source, listener } = command;
  try {
    const text = readRegisterFile(registerFile);
    surroundings.out(explainRegister(loaded.settings, { text, source, listener }));
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof ExplainError)) throw error;
    surroundings.err(`midreg: ${registerFile}: ${error.message}\n`);
    return EXIT.failed;
  }
}

/** A message is bytes, and latin1 keeps them all. */
function readRegisterFile(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    throw new ExplainError(readingFailure(error));
  }
}

async function runOperation(
  command: OperatorCommand,
  { env, out, err }: Surroundings,
): Promise<number> {
  try {
    const place = adminPlace(command, { env, readFile: readText });
    const isDone = await operate(command.operation, place, { out, err, isJson: command.isJson });
    return isDone ? EXIT.ok : EXIT.failed;
  } catch (error) {
    if (error instanceof ConfigError) {
      for (const problem of error.problems) err(`midreg: ${problem}\n`);
      return EXIT.config;
    }
    if (!(error instanceof OperatorError)) throw error;
    err(`midreg: ${error.message}\n`);
    return EXIT_OF[error.code];
  }
}

async function pretendProvider(
  command: Extract<Command, { kind: "push-server" }>,
  surroundings: Surroundings,
): Promise<number> {
  try {
    const stopped = stopSignal(surroundings);
    await runPushServer(command, { ...surroundings, stopped });
    return EXIT.ok;
  } catch (error) {
    const isUsage = error instanceof OperatorError;
    surroundings.err(`midreg: ${reasonOf(error)}\n`);
    return isUsage ? EXIT_OF[error.code] : EXIT.failed;
  }
}

async function run(command: SettingsCommand, surroundings: Surroundings): Promise<number> {
  const loaded = load(command, surroundings);
  if (loaded === undefined) return EXIT.config;
  const { settings, warnings } = loaded;
  const log = createLogger(settings.logLevel);
  for (const warning of warnings) log.warn({}, warning);
  try {
    const asked = stopSignal(surroundings);
    let running: Appliance | undefined;
    // What comes before midreg is ready is met by the start itself.
    surroundings.onReload(() => running?.reload());
    const appliance = await serve(settings, { version: readVersion(), log });
    running = appliance;
    const signal = await asked;
    // The first signal drains, the second ends the drain: heard before anybody is told that the first has come.
    const forced = stopSignal(surroundings).then(() => false);
    log.info({ signal }, "stopping");
    const isClean = await Promise.race([appliance.stop(), forced]);
    log.info({ isClean }, "stopped");
    return EXIT.ok;
  } catch (error) {
    surroundings.err(`midreg: ${reasonOf(error)}\n`);
    return EXIT.failed;
  } finally {
    log.flush();
  }
}

async function changeCredentials(
  command: CredentialCommand,
  surroundings: Surroundings,
): Promise<number> {
  try {
    await runCredentialCommand(command, surroundings);
    return EXIT.ok;
  } catch (error) {
    if (error instanceof ConfigError) return reportConfig(error, surroundings);
    surroundings.err(`midreg: ${reasonOf(error)}\n`);
    return error instanceof OperatorError ? EXIT_OF[error.code] : EXIT.failed;
  }
}

function changeSecret(command: SecretCommand, surroundings: Surroundings): number {
  try {
    runSecretCommand(command, surroundings);
    return EXIT.ok;
  } catch (error) {
    if (error instanceof ConfigError) return reportConfig(error, surroundings);
    surroundings.err(`midreg: ${reasonOf(error)}\n`);
    return EXIT.failed;
  }
}

function reportConfig({ problems }: ConfigError, { err }: Surroundings): number {
  for (const problem of problems) err(`midreg: ${problem}\n`);
  return EXIT.config;
}

function load(
  { configFile, flags }: Pick<SettingsCommand, "configFile" | "flags">,
  surroundings: Surroundings,
): LoadedSettings | undefined {
  try {
    return loadSettings({ configFile, flags, env: surroundings.env, readFile: readText });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    reportConfig(error, surroundings);
    return undefined;
  }
}

/** Resolves to the next signal that asks the process to stop. */
async function stopSignal({ onceStopped }: Surroundings): Promise<string> {
  return new Promise((resolve) => {
    onceStopped(resolve);
  });
}

function reasonOf(error: unknown): string {
  if (saysAll(error)) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function readVersion(): string {
  const path = new URL("../../package.json", import.meta.url);
  const content: unknown = JSON.parse(readFileSync(path, "utf8"));
  return hasVersion(content) ? content.version : "unknown";
}

function hasVersion(content: unknown): content is { version: string } {
  return (
    typeof content === "object" &&
    content !== null &&
    "version" in content &&
    typeof content.version === "string"
  );
}
