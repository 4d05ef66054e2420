import type { IncomingMessage } from "node:http";
import { type Answer, problem } from "./answer.ts";
import { MAX_BODY_BYTES } from "./limits.ts";

const JSON_TYPE = /^application\/json\s*(?:;|$)/iu;

/**
 * The JSON document of a request, or the answer that says why there is none. The content type is asked for, since
 * a web page of somebody else's can send other types without being asked first.
 */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number = MAX_BODY_BYTES,
): Promise<{ readonly document: unknown } | { readonly refusal: Answer }> {
  const { headers } = request;
  if (!JSON_TYPE.test(headers["content-type"] ?? "")) {
    return { refusal: problem(415, "The Content-Type must be application/json.") };
  }
  if (Number(headers["content-length"] ?? 0) > maxBytes) return { refusal: tooLarge(maxBytes) };
  let bytes = 0;
  let text = "";
  const pieces: AsyncIterable<string> = request.setEncoding("utf8");
  for await (const piece of pieces) {
    bytes += Buffer.byteLength(piece);
    if (bytes > maxBytes) return { refusal: tooLarge(maxBytes) };
    text += piece;
  }
  try {
    return { document: JSON.parse(text) };
  } catch {
    return { refusal: problem(400, "The body is not JSON.") };
  }
}

function tooLarge(maxBytes: number): Answer {
  return problem(413, `The body is larger than ${maxBytes} bytes.`);
}
