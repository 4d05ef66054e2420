/**
 * Cuts a byte stream into SIP messages by Content-Length (RFC 3261 section 18.3), and finds the
 * keep-alives between them (RFC 5626 section 3.5.1). What comes out does not depend on how the stream was
 * cut into chunks. No more is held than one message's limit and one chunk, and slow senders cost linear
 * time.
 */
import { parseDigits } from "./grammar.ts";
import { HEADER } from "./header-name.ts";
import { indexLines } from "./index-lines.ts";
import { MAX_MESSAGE_BYTES } from "./limits.ts";
import { findLine, lineValue } from "./message.ts";

export type FramerEvent =
  | { readonly kind: "message"; readonly text: string }
  /** A CRLF between messages: the peer is alive. It answers a ping of ours, if one is out. */
  | { readonly kind: "pong" }
  /** The second CRLF in a row (its pong came before it): to be answered with one CRLF at once. */
  | { readonly kind: "ping" }
  /** The stream cannot be read any further: the connection has to be closed. */
  | { readonly kind: "broken"; readonly reason: FramerFault };

export type FramerFault = "too-large" | "bad-header" | "no-length" | "bad-length";

/** Parts of one message are joined now and then, so that one-byte chunks cost no more memory than others. */
const MAX_PARTS = 64;

export class StreamFramer {
  /** What has come of the message at the head of the stream, and how much that is. */
  #parts: string[] = [];
  #size = 0;
  /** The last bytes of it, where the end of the headers may have begun. */
  #tail = "";
  /** Size of the message at the head of the stream; 0 while its headers are not complete. */
  #needed = 0;
  /** Between messages: whether half a CRLF has come, and whether the next CRLF makes a ping. */
  #hasCr = false;
  #hasCrlf = false;
  #isBroken = false;

  /** Takes the next bytes (a byte string) and gives what they complete, in order. */
  push(chunk: string): FramerEvent[] {
    const events: FramerEvent[] = [];
    let rest = chunk;
    while (rest !== "" && !this.#isBroken) {
      if (this.#size === 0 && (this.#hasCr || rest.startsWith("\r"))) {
        rest = this.#takeBreak(rest, events);
      } else {
        rest = this.#needed === 0 ? this.#takeHead(rest, events) : this.#takeBody(rest, events);
      }
    }
    return events;
  }

  /** Bytes waiting for the rest of a message. */
  get pendingBytes(): number {
    return this.#size + (this.#hasCr ? 1 : 0);
  }

  /** Each of these takes some bytes and gives back the rest. */
  #takeBreak(bytes: string, events: FramerEvent[]): string {
    if (!this.#hasCr) {
      this.#hasCr = true;
    } else if (bytes.startsWith("\n")) {
      this.#hasCr = false;
      events.push({ kind: this.#hasCrlf ? "ping" : "pong" });
      this.#hasCrlf = !this.#hasCrlf;
    } else {
      return this.#break("bad-header", events);
    }
    return bytes.slice(1);
  }

  #takeHead(bytes: string, events: FramerEvent[]): string {
    this.#hasCrlf = false;
    const window = this.#tail + bytes;
    const end = window.indexOf("\r\n\r\n");
    const taken = end === -1 ? bytes.length : end + 4 - this.#tail.length;
    this.#hold(bytes.slice(0, taken));
    if (this.#size > MAX_MESSAGE_BYTES) return this.#break("too-large", events);
    if (end === -1) {
      this.#tail = window.slice(-3);
      return "";
    }
    const length = contentLength(this.#join());
    if (typeof length === "string") return this.#break(length, events);
    this.#needed = this.#size + length;
    if (this.#needed > MAX_MESSAGE_BYTES) return this.#break("too-large", events);
    this.#endMessage(events);
    return bytes.slice(taken);
  }

  #takeBody(bytes: string, events: FramerEvent[]): string {
    const taken = this.#needed - this.#size;
    this.#hold(bytes.slice(0, taken));
    this.#endMessage(events);
    return bytes.slice(taken);
  }

  #hold(bytes: string): void {
    this.#parts.push(bytes);
    this.#size += bytes.length;
    if (this.#parts.length === MAX_PARTS) this.#join();
  }

  #join(): string {
    const text = this.#parts.join("");
    this.#parts = [text];
    return text;
  }

  #endMessage(events: FramerEvent[]): void {
    if (this.#size < this.#needed) return;
    events.push({ kind: "message", text: this.#join() });
    this.#clear();
  }

  #break(reason: FramerFault, events: FramerEvent[]): string {
    events.push({ kind: "broken", reason });
    this.#isBroken = true;
    this.#clear();
    return "";
  }

  #clear(): void {
    this.#parts = [];
    this.#size = 0;
    this.#tail = "";
    this.#needed = 0;
    this.#hasCr = false;
  }
}

/** Content-Length of a header section; on streams it is mandatory (RFC 3261 section 20.14). */
function contentLength(head: string): number | FramerFault {
  const { indexed, fault } = indexLines(head, head.indexOf("\r\n"));
  const line = findLine(indexed, HEADER.contentLength);
  if (line === -1) return fault === undefined ? "no-length" : "bad-header";
  if (findLine(indexed, HEADER.contentLength, line + 1) !== -1) return "bad-length";
  return parseDigits(lineValue(indexed, line)) ?? "bad-length";
}
