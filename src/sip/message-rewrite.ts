import { trimBlanks } from "./ascii.ts";
import { HEADER } from "./header-name.ts";
import {
  bodyOf,
  findLine,
  lineCount,
  lineEnd,
  lineId,
  linePrefix,
  lineStart,
  lineValue,
  type SipRequest,
  type SipResponse,
  startOf,
} from "./message.ts";
import { firstValueEnd } from "./split-list.ts";

/**
 * Changes to a received message, collected and then applied in one pass: every line that is not named
 * keeps its bytes, its order and its spelling.
 */
export class MessageRewrite {
  readonly #message: SipRequest | SipResponse;
  /** Line number to its new text; "" takes the line away. */
  readonly #edits = new Map<number, string>();
  #startLine: string | undefined;
  #top = "";
  #end = "";

  constructor(message: SipRequest | SipResponse) {
    this.#message = message;
    if (message.kind === "request" && message.stampedVia !== undefined) {
      this.replaceValue(findLine(message, HEADER.via), message.stampedVia);
    }
  }

  /** A new start line, without CRLF. */
  startLine(text: string): this {
    this.#startLine = text;
    return this;
  }

  /** Adds a line (without CRLF) above all headers; the last one added ends up first. */
  prepend(line: string): this {
    this.#top = `${line}\r\n${this.#top}`;
    return this;
  }

  /** Adds a line (without CRLF) below all headers. */
  append(line: string): this {
    this.#end += `${line}\r\n`;
    return this;
  }

  /** Gives a line another value and keeps its name as written. */
  replaceValue(line: number, value: string): this {
    this.#edits.set(line, `${linePrefix(this.#message, line)}${value}\r\n`);
    return this;
  }

  removeLine(line: number): this {
    this.#edits.set(line, "");
    return this;
  }

  /** Removes every line of a header. */
  removeAll(id: number): this {
    const count = lineCount(this.#message);
    for (let line = 0; line < count; line += 1) {
      if (lineId(this.#message, line) === id) this.#edits.set(line, "");
    }
    return this;
  }

  /** Makes a header appear once with this line (without CRLF): in its old place, or at the end. */
  set(id: number, line: string): this {
    const first = findLine(this.#message, id);
    if (first === -1) return this.append(line);
    this.removeAll(id);
    this.#edits.set(first, `${line}\r\n`);
    return this;
  }

  /** Removes the first values of a list header, be they lines of their own or heads of longer lists. */
  removeFirstValues(id: number, count: number): this {
    let left = count;
    let line = findLine(this.#message, id);
    while (left > 0 && line !== -1) {
      let rest = lineValue(this.#message, line);
      while (left > 0 && rest !== "") {
        const end = firstValueEnd(rest);
        rest = end === -1 ? "" : trimBlanks(rest.slice(end + 1));
        left -= 1;
      }
      if (rest === "") this.removeLine(line);
      else this.replaceValue(line, rest);
      line = findLine(this.#message, id, line + 1);
    }
    return this;
  }

  /** Removes the first value of a list header. */
  removeFirstValue(id: number): this {
    return this.removeFirstValues(id, 1);
  }

  /**
   * Says how long the body is where the sender has not: a datagram may leave it out, a stream may not (RFC 3261
   * sections 16.6 step 9 and 20.14).
   */
  measureBody(): this {
    if (findLine(this.#message, HEADER.contentLength) !== -1) return this;
    return this.append(`Content-Length: ${bodyOf(this.#message).length}`);
  }

  /** The whole message as changed. */
  toText(): string {
    const message = this.#message;
    const { text } = message;
    let out = `${this.#startLine ?? text.slice(startOf(text), message.startLineEnd)}\r\n${this.#top}`;
    let copied = message.headersStart;
    const count = lineCount(message);
    for (let line = 0; line < count; line += 1) {
      const edit = this.#edits.get(line);
      if (edit !== undefined) {
        out += text.slice(copied, lineStart(message, line)) + edit;
        copied = lineEnd(message, line) + 2;
      }
    }
    const headersEnd = message.bodyStart - 2;
    return `${out}${text.slice(copied, headersEnd)}${this.#end}\r\n${bodyOf(message)}`;
  }
}
