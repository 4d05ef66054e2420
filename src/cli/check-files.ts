/** The files that a configuration names, read as the start reads them: `midreg check` finds there what would stop that. */
import type { Settings } from "../config/settings.ts";
import type { GatewayClock } from "../gateway/push-sender.ts";
import { readCredentialFile } from "./credentials.ts";
import { buildSenders } from "./gateway.ts";
import { saysAll } from "./start-error.ts";
import { readTls } from "./transport-settings.ts";

/** Of providers that nobody is pushed by. */
const CLOCK: GatewayClock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after: () => () => undefined,
};

/** The first fault of the credentials, of the certificates and of the keys of push providers, in a line each. */
export function faultsInFiles(settings: Settings): readonly string[] {
  const { credentialsFile } = settings.auth;
  return [
    () => (credentialsFile === undefined ? undefined : readCredentialFile(credentialsFile)),
    () => readTls(settings),
    () => buildSenders(settings, CLOCK),
  ].flatMap((read) => faultOf(read) ?? []);
}

function faultOf(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (saysAll(error)) return error.message;
    throw error;
  }
}
