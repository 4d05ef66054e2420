import { ConfigError } from "../../src/config/config-error.ts";
import type { Flags } from "../../src/config/flag-source.ts";
import { type LoadedSettings, loadSettings } from "../../src/config/load-settings.ts";

/** What a test configures. */
export interface Given {
  /** Contents of midreg.yaml, if there is one. */
  readonly yaml?: string;
  readonly configFile?: string;
  readonly flags?: Flags;
  readonly env?: Readonly<Record<string, string>>;
  /** Further files by path; an Error is thrown instead of read. */
  readonly files?: Readonly<Record<string, string | Error>>;
}

/** Loads settings from texts, with an upstream on the command line unless the flags say otherwise. */
export function load(given: Given): LoadedSettings {
  const { yaml, flags = { upstream: "sip:192.0.2.1" }, env = {}, files = {} } = given;
  const all = new Map(
    Object.entries(yaml === undefined ? files : { ...files, "midreg.yaml": yaml }),
  );
  const readFile = (path: string): string => {
    const text = all.get(path) ?? Object.assign(new Error("no such file"), { code: "ENOENT" });
    if (typeof text !== "string") throw text;
    return text;
  };
  const configFile = yaml === undefined ? given.configFile : "midreg.yaml";
  return loadSettings({ configFile, flags, env, readFile });
}

/** The lines of the ConfigError that loading ends with; empty when it succeeds. */
export function problemsOf(given: Given): readonly string[] {
  try {
    load(given);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** The YAML that sets one setting, given with dots between the levels. */
function yamlOf(setting: string, value: string): string {
  const [first = "", second] = setting.split(".");
  return second === undefined ? `${first}: ${value}` : `${first}: {${second}: ${value}}`;
}

/** Loads with one setting given in a file. An upstream comes by flag, unless it is what is set. */
export function withSetting(setting: string, value: string): Given {
  const yaml = yamlOf(setting, value);
  return setting.startsWith("upstream") ? { yaml, flags: {} } : { yaml };
}
