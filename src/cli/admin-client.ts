import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { OperatorError } from "./operator-error.ts";

/** A JSON object; what it holds is looked at where it is used. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Longest wait for an answer: a change may wait for a main registrar that is silent. */
const ANSWER_LIMIT_MS = 60_000;

/** Talks to the admin listener of a running midreg. */
export class AdminClient {
  /** ADDRESS:PORT, IPv6 in brackets. */
  readonly #place: string;

  constructor(place: string) {
    this.#place = place;
  }

  /** Gives the document of a good answer. Throws an OperatorError of one line for everything else. */
  async ask(
    method: "GET" | "POST" | "PUT" | "DELETE",
    path: string,
    body?: object,
  ): Promise<JsonObject> {
    const { status, content } = await this.#send(method, path, body).catch((error: unknown) => {
      throw this.#unreachable(error);
    });
    const document = parseObject(content);
    if (document === undefined) {
      throw new OperatorError("UNREACHABLE", `${this.#place}: no midreg of this version is there`);
    }
    if (status >= 200 && status < 300) return document;
    const { detail } = document;
    const reason = typeof detail === "string" ? detail : `status ${status}`;
    throw new OperatorError(status === 404 ? "NOT_FOUND" : "REFUSED", oneLine(reason));
  }

  /** By node:http, since fetch refuses ports such as 5060 and 6000. */
  async #send(
    method: string,
    path: string,
    body: object | undefined,
  ): Promise<{ readonly status: number; readonly content: string }> {
    const headers = body === undefined ? {} : { "Content-Type": "application/json" };
    const signal = AbortSignal.timeout(ANSWER_LIMIT_MS);
    const url = `http://${this.#place}${path}`;
    const sent = request(url, { method, headers, signal, agent: false });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      sent.once("response", resolve);
      sent.once("error", reject);
    });
    return { status: response.statusCode ?? 0, content: await text(response) };
  }

  #unreachable(error: unknown): OperatorError {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const reasons: Readonly<Record<string, string>> = {
      ECONNREFUSED:
        "nothing listens there; is midreg running? name its admin listener with --admin IP:PORT",
      ABORT_ERR: "there was no answer in time",
    };
    const reason = reasons[code] ?? `cannot be asked: ${code}`;
    return new OperatorError("UNREACHABLE", `${this.#place}: ${reason}`, { cause: error });
  }
}

function parseObject(content: string): JsonObject | undefined {
  try {
    const document: unknown = JSON.parse(content);
    return isObject(document) ? document : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a JSON value is an object with fields. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The objects in a field that is a list; none when it is not. */
export function objectsIn(document: JsonObject, name: string): readonly JsonObject[] {
  const value = document[name];
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function oneLine(written: string): string {
  return written.replaceAll(/\p{Cc}+/gu, " ").trim();
}
