import { type ChildProcess, spawn } from "node:child_process";
import type { ReceivedPush } from "./endpoint.ts";

/** Commands at once; pushes beyond that are only printed. */
const MAX_RUNNING = 16;

/** Runs a command of the user's on each push, such as one that starts a softphone. */
export class CommandRunner {
  readonly #command: string;
  readonly #failed: (reason: string) => void;
  readonly #running = new Set<ChildProcess>();

  constructor(command: string, failed: (reason: string) => void) {
    this.#command = command;
    this.#failed = failed;
  }

  /** What the push says is in the environment only, so that no shell reads it as code. */
  run(push: ReceivedPush, environment: NodeJS.ProcessEnv): void {
    if (this.#running.size >= MAX_RUNNING) {
      this.#failed(`${MAX_RUNNING} commands run already`);
      return;
    }
    const child = spawn(this.#command, {
      shell: "/bin/sh",
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...environment, ...variablesOf(push) },
    });
    this.#running.add(child);
    child.on("error", (error) => this.#failed(error.message));
    child.on("close", () => this.#running.delete(child));
  }
}

function variablesOf(push: ReceivedPush): Readonly<Record<string, string>> {
  const variables = {
    PUSH_PROVIDER: push.provider,
    PUSH_TOKEN: push.token,
    PUSH_TOPIC: push.topic,
    PUSH_TYPE: push.type,
    PUSH_PURPOSE: push.purpose,
    PUSH_CALL_ID: push.callId,
    PUSH_FROM: push.from,
  };
  // A variable cannot hold a NUL, and a JSON text can.
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [name, value.replaceAll("\0", "")]),
  );
}
