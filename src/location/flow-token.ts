import { type FlowPayload, readFlowPayload, writeFlowPayload } from "./flow-payload.ts";

/**
 * The user part of a Path of midreg's own (RFC 5626 section 5.2). It names the flow that a REGISTER came on and the contact
 * that it registered, and is sealed for this use alone, so that calls along the Path can be routed without state, and
 * nobody can make one up. It is in no dialog.
 */
export type FlowToken = FlowPayload;

/** 80 bits of digest in base64url. The letter is that of no dialog token (proxy/dialog-token.ts). */
const FORM = /^p[\w-]+\.[\w-]{14}$/u;

/** Writes a token. */
export function buildFlowToken(token: FlowToken, mac: (text: string) => string): string {
  const payload = `p${writeFlowPayload(token)}`;
  return `${payload}.${mac(sealedText(payload))}`;
}

/** Whether the user part of a URI looks like a token, genuine or not. */
export function hasFlowTokenForm(user: string): boolean {
  return FORM.test(user);
}

/** Reads a token and checks that it was made here; undefined when it was not. */
export function openFlowToken(
  user: string,
  isMac: (text: string, mac: string) => boolean,
): FlowToken | undefined {
  if (!hasFlowTokenForm(user)) return undefined;
  const dot = user.indexOf(".");
  const payload = user.slice(0, dot);
  if (!isMac(sealedText(payload), user.slice(dot + 1))) return undefined;
  return readFlowPayload(payload.slice(1));
}

/** The line breaks keep it apart from all else that is sealed with the same key: no header value holds one. */
function sealedText(payload: string): string {
  return `\npath\n${payload}`;
}
