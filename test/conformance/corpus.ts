import { readdirSync, readFileSync } from "node:fs";
import { buildResponse } from "../../src/sip/build-response.ts";
import type { SipRequest, SipResponse } from "../../src/sip/message.ts";
import { MessageRewrite } from "../../src/sip/message-rewrite.ts";
import { parseMessage } from "../../src/sip/parse-message.ts";

type Message = SipRequest | SipResponse;

/** Values to read from an accepted message, and what they have to be. */
interface Facts {
  readonly read: (message: Message) => unknown;
  readonly are: unknown;
}

/** What is to become of a message. */
export type Verdict =
  | { readonly is: "accepted"; readonly facts: Facts | undefined }
  /** `by` is the element behind the parser that has to refuse it, on account of the facts. */
  | { readonly is: "refused"; readonly by: string; readonly facts: Facts }
  | { readonly is: "malformed"; readonly status: number; readonly reason: string }
  | { readonly is: "garbage"; readonly reason: string };

export function accepted(read: (message: Message) => unknown, are: unknown): Verdict {
  return { is: "accepted", facts: { read, are } };
}

export function refused(by: string, read: (message: Message) => unknown, are: unknown): Verdict {
  return { is: "refused", by, facts: { read, are } };
}

export function malformed(reason: string, status = 400): Verdict {
  return { is: "malformed", status, reason };
}

export function garbage(reason: string): Verdict {
  return { is: "garbage", reason };
}

/** A request that must be one. */
export function request(message: Message): SipRequest {
  if (message.kind !== "request") throw new Error("Not a request");
  return message;
}

/** The facts of a message that has some, as read and as they have to be. */
export function factsOf(
  verdict: Verdict,
  text: string,
): { readonly read: unknown; readonly are: unknown } {
  const facts = "facts" in verdict ? verdict.facts : undefined;
  return { read: facts?.read(accept(text)), are: facts?.are };
}

/** Names of the messages in a folder of this one, without their suffix. */
export function messageNames(folder: string): string[] {
  return readdirSync(new URL(folder, import.meta.url))
    .filter((file) => file.endsWith(".dat"))
    .map((file) => file.slice(0, -".dat".length))
    .toSorted();
}

/** The bytes of a message file. */
export function readMessage(folder: string, name: string): string {
  return readFileSync(new URL(`${folder}/${name}.dat`, import.meta.url), "latin1");
}

/** What a message comes to, in words that can be compared with its verdict. */
export function judge(text: string): string {
  const parsed = parseMessage(text);
  switch (parsed.kind) {
    case "request":
    case "response":
      return "accepted";
    case "malformed":
      return `${parsed.error.status} ${parsed.error.reason}`;
    case "garbage":
      return parsed.reason;
  }
}

/** What the verdict says in the same words. */
export function wordsOf(verdict: Verdict): string {
  switch (verdict.is) {
    case "accepted":
    case "refused":
      return "accepted";
    case "malformed":
      return `${verdict.status} ${verdict.reason}`;
    case "garbage":
      return verdict.reason;
  }
}

/** What the verdict says, for the title of its test. */
export function titleOf(verdict: Verdict): string {
  return verdict.is === "refused" ? `left to the ${verdict.by}` : wordsOf(verdict);
}

/** A message that must be one. */
export function accept(text: string): SipRequest | SipResponse {
  const parsed = parseMessage(text);
  if (parsed.kind === "request" || parsed.kind === "response") return parsed;
  throw new Error(`Not accepted: ${judge(text)}`);
}

/** A message passed on unchanged. */
export function passOn(message: SipRequest | SipResponse): string {
  return new MessageRewrite(message).toText();
}

/** A message as it should come out: without line breaks before it and bytes behind its body. */
export function withoutSurplus(text: string, message: SipRequest | SipResponse): string {
  return text.slice(0, message.bodyEnd).replace(/^(?:\r\n)+/u, "");
}

/** The stateless answer to a malformed request. */
export function answerTo(text: string): string {
  const parsed = parseMessage(text);
  if (parsed.kind !== "malformed") throw new Error(`Not malformed: ${judge(text)}`);
  const { status, reason } = parsed.error;
  return buildResponse(parsed.head, status, reason, { toTag: "answer" });
}
