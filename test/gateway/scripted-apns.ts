import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { onTestFinished } from "vitest";

/** A push as it has come, to be answered when a test wants it. */
export interface ScriptedPush {
  /** On which of the connections, counted from 1. */
  readonly session: number;
  readonly path: string;
  readonly authorization: string;
  readonly stream: ServerHttp2Stream;
  isOpen: boolean;
}

/** An APNs that does nothing by itself, over HTTP/2 without TLS; it stops when the test is over. */
export class ScriptedApns {
  readonly pushes: ScriptedPush[] = [];
  sessions = 0;
  readonly #server: Http2Server = createServer();

  static async open(): Promise<ScriptedApns> {
    const apns = new ScriptedApns();
    const open = new Set<{ destroy(): void }>();
    apns.#server.on("session", (session) => {
      apns.sessions += 1;
      const number = apns.sessions;
      open.add(session);
      session.on("stream", (stream, headers) => {
        const { ":path": path = "", authorization = "" } = headers;
        const push = { session: number, path, authorization, stream, isOpen: true };
        apns.pushes.push(push);
        stream.on("error", () => undefined);
        stream.on("close", () => {
          push.isOpen = false;
        });
        stream.resume();
      });
    });
    apns.#server.listen(0, "127.0.0.1");
    await once(apns.#server, "listening");
    onTestFinished(() => {
      for (const session of open) session.destroy();
      apns.#server.close();
    });
    return apns;
  }

  get endpoint(): string {
    const bound = this.#server.address();
    if (bound === null || typeof bound === "string") throw new Error("it does not listen");
    return `http://127.0.0.1:${bound.port}`;
  }

  /** Pushes that wait for their answer. */
  get open(): ScriptedPush[] {
    return this.pushes.filter(({ isOpen }) => isOpen);
  }

  /** Answers a push. */
  answer(push: ScriptedPush | undefined, status: number, reason = ""): void {
    if (push === undefined) throw new Error("there is no such push");
    push.isOpen = false;
    push.stream.respond({ ":status": status });
    push.stream.end(reason === "" ? "" : JSON.stringify({ reason }));
  }
}
