import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What a child can be asked for, by name; arguments and results travel as JSON. */
type Operations = Readonly<Record<string, (argument: never) => unknown>>;

interface Call {
  readonly id: number;
  readonly operation: string;
  readonly argument: unknown;
}

type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };

/** Number of the reply that says that calls are listened to; before it they could be missed. */
const READY = 0;

/** Serves the parent's calls until it goes away. In a process without such a parent, does nothing. */
export function serve(operations: Operations): void {
  process.on("message", (call: Call) => {
    void answer(operations, call).then((reply) => process.send?.(reply));
  });
  process.once("disconnect", () => process.exit());
  process.send?.({ id: READY, result: null } satisfies Reply);
}

async function answer(operations: Operations, { id, operation, argument }: Call): Promise<Reply> {
  try {
    const run = operations[operation];
    if (run === undefined) throw new Error(`no operation ${operation}`);
    return { id, result: (await run(argument as never)) ?? null };
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** A process that runs one file and answers calls. It ends with this process. */
export class Child {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  readonly #ready: Promise<Reply>;
  #lastId = READY;

  constructor(file: URL) {
    this.#process = fork(fileURLToPath(file), {
      stdio: ["ignore", 2, "inherit", "ipc"],
    });
    this.#ready = this.#reply(READY);
    this.#process.on("message", (reply: Reply) => {
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
    this.#process.once("exit", (code) => {
      for (const [id, settle] of this.#waiting)
        settle({ id, error: `${file.href} ended (${code})` });
      this.#waiting.clear();
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Calls an operation; the caller bounds the time where the operation itself does not. */
  async call<Result>(operation: string, argument: unknown = null): Promise<Result> {
    resultOf(await this.#ready);
    this.#lastId += 1;
    const id = this.#lastId;
    const reply = this.#reply(id);
    this.#process.send({ id, operation, argument } satisfies Call);
    return resultOf(await reply) as Result;
  }

  /** Lets it go, and waits until it has. */
  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }

  async #reply(id: number): Promise<Reply> {
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
    });
  }
}

function resultOf(reply: Reply): unknown {
  if ("error" in reply) throw new Error(reply.error);
  return reply.result;
}
