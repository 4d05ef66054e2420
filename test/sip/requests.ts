import { message } from "../support/messages.ts";

/** A REGISTER as phones send it. */
export const REGISTER = message(
  "REGISTER sip:example.com SIP/2.0",
  "Via: SIP/2.0/UDP 10.1.2.3:5060;rport;branch=z9hG4bKa",
  "Max-Forwards: 70",
  "From: <sip:alice@example.com>;tag=f1",
  "To: <sip:alice@example.com>",
  "Call-ID: c1@10.1.2.3",
  "CSeq: 12 REGISTER",
  "Contact: <sip:alice@10.1.2.3:5060>;expires=60",
  "User-Agent: phone 1.0",
  "Content-Length: 0",
);

/** The REGISTER with some lines replaced by others (or by nothing), found by the name they start with. */
export function registerWith(lines: Readonly<Record<string, string | readonly string[]>>): string {
  const all = REGISTER.trimEnd().split("\r\n");
  return message(
    ...all.flatMap((line) => {
      const name = line.slice(0, line.search(/[: ]/u));
      return Object.hasOwn(lines, name) ? (lines[name] ?? []) : line;
    }),
  );
}
