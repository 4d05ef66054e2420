import { parseAdminAddress, type SocketAddress } from "../config/address.ts";
import { Refusal } from "../config/leaf.ts";
import { loadSettings } from "../config/load-settings.ts";
import { bracketAddress } from "../location/flow.ts";
import type { OperatorCommand } from "./operator-commands.ts";
import { OperatorError } from "./operator-error.ts";

const DEFAULT_PLACE = "127.0.0.1:8080";

interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string) => string;
}

/**
 * Where the running midreg can be asked, as ADDRESS:PORT: the flag, else what its configuration says, else
 * MIDREG_ADMIN, else the default. Throws an OperatorError, or a ConfigError for a faulty configuration.
 */
export function adminPlace(
  { admin, configFile }: Pick<OperatorCommand, "admin" | "configFile">,
  { env, readFile }: Sources,
): string {
  if (admin === undefined && configFile !== undefined) {
    return placeOf(loadSettings({ configFile, flags: {}, env, readFile }).settings.admin);
  }
  const given = admin ?? env["MIDREG_ADMIN"] ?? "";
  const parsed = parseAdminAddress(given === "" ? DEFAULT_PLACE : given);
  if (parsed instanceof Refusal) throw new OperatorError("USAGE", `--admin ${parsed.rule}`);
  return placeOf(parsed);
}

function placeOf(place: SocketAddress | undefined): string {
  if (place === undefined) {
    throw new OperatorError("USAGE", "the admin listener is off, so midreg cannot be asked");
  }
  if (place.port === 0) {
    const line = "the system has chosen the admin port; name it with --admin IP:PORT";
    throw new OperatorError("USAGE", line);
  }
  return `${bracketAddress(place.address)}:${place.port}`;
}
