import { once } from "node:events";
import { WebSocket } from "ws";

/** A full collection of a heap of some 100 MB takes a second on a busy machine. */
const ANSWER_WITHIN_MS = 20_000;
const MEGABYTE = 1024 * 1024;

interface Answer {
  readonly id?: number;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

/** The inspector of V8 in another process, for what only V8 knows and does. One question at a time. */
export class Inspector {
  readonly #socket: WebSocket;
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static async open(url: string): Promise<Inspector> {
    const socket = new WebSocket(url);
    await once(socket, "open", { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    return new Inspector(socket);
  }

  /** What is alive on the heap: V8 collects all that is not, before it counts. */
  async liveHeapMb(): Promise<number> {
    await this.#ask("HeapProfiler.collectGarbage");
    const { usedSize } = await this.#ask("Runtime.getHeapUsage");
    if (typeof usedSize !== "number") throw new Error("the inspector says no size of the heap");
    return usedSize / MEGABYTE;
  }

  close(): void {
    this.#socket.close();
  }

  async #ask(method: string): Promise<Readonly<Record<string, unknown>>> {
    this.#lastId += 1;
    const id = this.#lastId;
    const answered = this.#answerTo(id);
    this.#socket.send(JSON.stringify({ id, method }));
    const { result, error } = await answered;
    if (result === undefined) throw new Error(`${method}: ${error?.message ?? "no result"}`);
    return result;
  }

  async #answerTo(id: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#socket.off("message", hear);
      };
      const hear = (data: Buffer): void => {
        // Notices have no id.
        const answer = JSON.parse(data.toString()) as Answer;
        if (answer.id !== id) return;
        end();
        resolve(answer);
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`the inspector did not answer within ${ANSWER_WITHIN_MS} ms`));
      }, ANSWER_WITHIN_MS);
      this.#socket.on("message", hear);
    });
  }
}
