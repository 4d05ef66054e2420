import type { ForwardedRegister } from "./rewrite-register.ts";

/**
 * A forwarded REGISTER after a challenge: the same with another CSeq, as RFC 3261 section 22.2 wants it, and with
 * the answer to the challenge (a header line without CRLF). `attempt` counts such answers from 1.
 */
export function retryRegister(
  forward: ForwardedRegister,
  credentials: string,
  attempt: number,
): ForwardedRegister {
  const identity = { ...forward.identity, cseq: forward.identity.cseq + attempt };
  // buildForward wrote this line, and no other of the name.
  const line = cseqLine(forward.identity.cseq);
  const at = forward.text.indexOf(line);
  const rest = forward.text.slice(at + line.length);
  const text = `${forward.text.slice(0, at)}${cseqLine(identity.cseq)}${credentials}\r\n${rest}`;
  return { ...forward, text, identity };
}

function cseqLine(cseq: number): string {
  return `\r\nCSeq: ${cseq} REGISTER\r\n`;
}
