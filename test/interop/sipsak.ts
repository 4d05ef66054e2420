import type { Stage } from "../support/peers/stage.ts";

const LIMIT_MS = 10_000;

/** Registers a user by digest; returns what sipsak ended with, 0 for a 200. */
export async function sipsakRegister(
  stage: Stage,
  options: { user: string; contactPort: number; proxyPort: number },
): Promise<number | string> {
  const { user, contactPort, proxyPort } = options;
  return stage
    .spawn(
      "sipsak-register",
      "sipsak",
      (
        `-U -C sip:${user}@127.0.0.1:${contactPort} -x 600 -p 127.0.0.1:${proxyPort}` +
        ` -s sip:${user}@sip.test -u ${user} -a pw-${user} -k 127.0.0.1 -i -vv`
      ).split(" "),
    )
    .exitWithin(LIMIT_MS);
}

/**
 * Sends OPTIONS to a server; returns what sipsak ended with, 0 for a 200. The port must have four digits:
 * sipsak 0.9.8 cuts the last digit off longer ones in the Request-URI, and means somebody else then.
 */
export async function sipsakPing(stage: Stage, port: number): Promise<number | string> {
  return stage
    .spawn("sipsak-ping", "sipsak", ["-s", `sip:127.0.0.1:${port}`, "-vvv"])
    .exitWithin(LIMIT_MS);
}
