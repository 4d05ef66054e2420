import { ConfigError } from "./config-error.ts";
import { BODY_VARIABLE, type Environment, readEnvironment } from "./environment-source.ts";
import { expand, type ReadFile, readingFailure } from "./expand.ts";
import { explain } from "./explain.ts";
import { type Flags, readFlags } from "./flag-source.ts";
import { documentSchema, type Settings, settingsSchema } from "./settings.ts";
import { settingPaths, writeOut } from "./settings-shape.ts";
import {
  formatProblem,
  merge,
  NOWHERE,
  nest,
  type Origin,
  type Problem,
  printable,
  type SourceSection,
  section,
  toPlain,
} from "./source-tree.ts";
import { warningsFor } from "./warnings.ts";
import { readYaml } from "./yaml-source.ts";

/** Everything a configuration can come from. */
export interface SettingsSources {
  /** Path of the YAML file, if there is one. */
  readonly configFile?: string | undefined;
  readonly flags: Flags;
  readonly env: Environment;
  /** Reads the configuration file and those it names. */
  readonly readFile: ReadFile;
}

export interface LoadedSettings {
  readonly settings: Settings;
  /** Sentences for the operator, each with the setting it is about. */
  readonly warnings: readonly string[];
}

/** A reader fixes the first few and tries again. */
const MAX_PROBLEMS = 50;

/**
 * Puts the configuration together: a flag wins over the environment, that over the file, that over the
 * defaults. Among the environment, a variable of its own wins over `MIDREG_CONFIG`.
 *
 * @throws ConfigError with a line for every mistake found.
 */
export function loadSettings(sources: SettingsSources): LoadedSettings {
  const { env, flags } = sources;
  const written = [readConfigFile(sources), readYaml(env[BODY_VARIABLE] ?? "", BODY_VARIABLE)];
  const variables = readEnvironment(env, settingPaths(documentSchema));
  const unread = written.flatMap(({ problems }) => problems);
  // What is in a broken file is unknown, so nothing can be said about missing or wrong settings.
  if (unread.length > 0) throw new ConfigError(toLines([...unread, ...variables.problems]));

  const layers = [stateDirectory(env), ...written.map(({ root }) => root), variables.root];
  const expanded = [...layers, readFlags(flags)].map((layer) => expand(layer, sources));
  const root = expanded.map((layer) => writeOut(layer.root, documentSchema)).reduce(merge);
  const problems = [...variables.problems, ...expanded.flatMap((layer) => layer.problems)];
  const result = settingsSchema.safeParse(toPlain(root));
  if (!result.success || problems.length > 0) {
    const issues = result.success ? [] : explain(result.error.issues, root);
    throw new ConfigError(toLines([...problems, ...unlessKnown(issues, problems)]));
  }
  const settings = deepFreeze(result.data);
  return { settings, warnings: warningsFor(settings, root) };
}

function readConfigFile({ configFile, readFile }: SettingsSources): ReturnType<typeof readYaml> {
  if (configFile === undefined) return { root: section(NOWHERE, []), problems: [] };
  const source = printable(configFile);
  try {
    return readYaml(readFile(configFile), source);
  } catch (error) {
    const text = `${readingFailure(error)}; give the path of a YAML file with --config`;
    const origin = { source, line: 0, column: 0 };
    return { root: section(NOWHERE, []), problems: [{ origin, setting: "", text }] };
  }
}

/** systemd's StateDirectory= (several are joined by colons) is where the data goes unless told otherwise. */
function stateDirectory(env: Environment): SourceSection {
  const [text = ""] = (env["STATE_DIRECTORY"] ?? "").split(":", 1);
  if (text === "") return section(NOWHERE, []);
  const origin = { source: "STATE_DIRECTORY", line: 0, column: 0 };
  return nest(["data"], { kind: "text", origin, text, isSecret: false });
}

/** Complaints about values that could not be had in the first place help nobody. */
function unlessKnown(issues: readonly Problem[], known: readonly Problem[]): Problem[] {
  return issues.filter(({ origin }) => known.every((problem) => problem.origin !== origin));
}

/** One line for each problem, those of files first, in the order of their lines. */
function toLines(problems: readonly Problem[]): string[] {
  const sources = [...new Set(problems.map(({ origin }) => origin.source))];
  const rank = ({ source, line, column }: Origin): number[] => [
    line === 0 ? 1 : 0,
    sources.indexOf(source),
    line,
    column,
  ];
  const lines = problems
    .toSorted((a, b) => compare(rank(a.origin), rank(b.origin)))
    .map(formatProblem);
  const hidden = lines.length - MAX_PROBLEMS;
  return hidden > 0 ? [...lines.slice(0, MAX_PROBLEMS), `and ${hidden} more`] : lines;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [at, value] of a.entries()) {
    const difference = value - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
