import type { ReceivedPush } from "../devserver/endpoint.ts";
import { parseFailure } from "../devserver/failures.ts";
import { PushServer } from "../devserver/push-server.ts";
import { CommandRunner } from "../devserver/run-command.ts";
import type { PushServerCommand } from "./dev-arguments.ts";
import { OperatorError } from "./operator-error.ts";

/** What the fake provider uses of its process. */
export interface PushServerSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Resolves when it shall stop. */
  readonly stopped: Promise<string>;
}

/**
 * Runs the fake push provider until it is told to stop. Its first output is what midreg.yaml needs, then a JSON line
 * for each push.
 *
 * @throws OperatorError when an argument is no good.
 */
export async function runPushServer(
  command: PushServerCommand,
  { env, out, err, stopped }: PushServerSurroundings,
): Promise<void> {
  const runner =
    command.exec === undefined
      ? undefined
      : new CommandRunner(command.exec, (reason) => err(`midreg: --exec: ${reason}\n`));
  const server = new PushServer({
    ...parsePlace(command.listen),
    directory: command.directory,
    onLine: (line) => out(`${JSON.stringify(line)}\n`),
    onPush: (push: ReceivedPush) => runner?.run(push, env),
  });
  for (const written of command.failures) {
    const failure = parseFailure(written);
    if (failure === undefined || !server.failures.add(failure)) throw badFailure(written);
  }
  await server.start();
  try {
    const enabled = "mid_registrar: { pn_enable: true }\n";
    out(`# push server at ${server.origin}; in midreg.yaml:\n${enabled}${server.snippet}`);
    out(server.examples);
    await stopped;
  } finally {
    await server.stop();
  }
}

function parsePlace(text: string): { readonly address: string; readonly port: number } {
  const [, v6, v4 = "", digits = ""] =
    /^(?:\[(::1)\]|(127(?:\.\d{1,3}){3})):(\d{1,5})$/u.exec(
      text.replace(/^localhost:/u, "127.0.0.1:"),
    ) ?? [];
  const port = Number(digits);
  if (digits === "" || port > 65_535) {
    const rule = "must be a loopback address and a port, such as 127.0.0.1:2197";
    throw new OperatorError("USAGE", `--listen: ${rule}`);
  }
  return { address: v6 ?? v4, port };
}

function badFailure(written: string): OperatorError {
  const rule =
    "must be PROVIDER:PREFIX:REASON[:TIMES[:RETRY_AFTER]], such as apns:dead:Unregistered";
  return new OperatorError("USAGE", `--fail: ${JSON.stringify(written)}: ${rule}`);
}
