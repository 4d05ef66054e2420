import type { SipRequest, SipResponse } from "../../src/sip/message.ts";
import { parseMessage } from "../../src/sip/parse-message.ts";

/** A message from its lines: joined by CRLF, with an empty line at the end. */
export function message(...lines: string[]): string {
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** Parses a request that must be good, and stamps it if it is told where it came from. */
export function requestOf(text: string, address = "", port = 0): SipRequest {
  const parsed = parseMessage(text, address, port);
  if (parsed.kind !== "request") throw new Error(`Not a request: ${JSON.stringify(parsed)}`);
  return parsed;
}

/** Parses a response that must be good. */
export function responseOf(text: string): SipResponse {
  const parsed = parseMessage(text);
  if (parsed.kind !== "response") throw new Error(`Not a response: ${JSON.stringify(parsed)}`);
  return parsed;
}

/** All lines of a header by its exact name, without the name. */
export function headerLines(text: string, name: string): string[] {
  const head = text.slice(0, text.indexOf("\r\n\r\n"));
  const prefix = `${name}: `;
  return head
    .split("\r\n")
    .filter((line) => line.startsWith(prefix))
    .map((line) => line.slice(prefix.length));
}

/** The first line of a header; empty when there is none. */
export function headerLine(text: string, name: string): string {
  return headerLines(text, name)[0] ?? "";
}

/** Status of a response text, 0 for a request. */
export function statusOf(text: string): number {
  return Number(/^SIP\/2\.0 (\d{3}) /u.exec(text)?.[1] ?? 0);
}

/** Method of a request text, empty for a response. */
export function methodOf(text: string): string {
  return /^([A-Z]+) \S+ SIP\/2\.0\r\n/u.exec(text)?.[1] ?? "";
}

/** A plain answer to a request text, as any user agent would give it. */
export function answerTo(
  request: string,
  status: number,
  reason: string,
  parts: { tag?: string; headers?: readonly string[]; body?: string } = {},
): string {
  const { tag = "uas", headers = [], body = "" } = parts;
  const to = headerLine(request, "To");
  const toLine = to.includes("tag=") || status === 100 ? to : `${to};tag=${tag}`;
  const lines = [
    `SIP/2.0 ${status} ${reason}`,
    ...headerLines(request, "Via").map((via) => `Via: ${via}`),
    ...headerLines(request, "Record-Route").map((route) => `Record-Route: ${route}`),
    `From: ${headerLine(request, "From")}`,
    `To: ${toLine}`,
    `Call-ID: ${headerLine(request, "Call-ID")}`,
    `CSeq: ${headerLine(request, "CSeq")}`,
    ...headers,
    `Content-Length: ${body.length}`,
  ];
  return message(...lines) + body;
}
