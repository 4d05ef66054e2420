import type { Environment } from "../config/environment-source.ts";
import { loadSettings } from "../config/load-settings.ts";
import type { Settings } from "../config/settings.ts";
import { readText } from "./read-text.ts";

/** The main registrar does not matter to such commands, but no configuration is complete without one. */
const ANY_UPSTREAM = "sip:127.0.0.1";

/** What names the data that a command works on. */
export interface DataPlace {
  readonly configFile: string | undefined;
  /** Directory of the data, when it is given by itself. */
  readonly dataDir: string | undefined;
}

/** The settings of a command that works on the data of a midreg, by the same rules as when that runs. */
export function loadDataSettings({ configFile, dataDir }: DataPlace, env: Environment): Settings {
  const flags = { upstream: ANY_UPSTREAM, ...(dataDir === undefined ? {} : { data: dataDir }) };
  return loadSettings({ configFile, flags, env, readFile: readText }).settings;
}
